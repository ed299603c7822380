import { toLatin1 } from "../formats/utf8.ts";
import { type Command, ExitCode, makeCommand } from "./command.ts";
import { OutputFile } from "./output-file.ts";
import { writeText } from "./text-sink.ts";
import { UsageError } from "./usage.ts";

/** A command as a shell's completion knows it. */
interface Completed {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly string[];
}

/** `optimizer completions SHELL`: a script that completes this program's words. */
export function completionsCommand(commands: Readonly<Record<string, () => Promise<Command>>>): Command {
  return makeCommand({
    name: "completions",
    description: "Print the completion script for bash, zsh or fish",
    args: {
      shell: { type: "positional", required: false, description: "bash, zsh or fish" },
      output: { type: "string", alias: "o", valueHint: "FILE", description: "Write to this file" },
    },
    usage: ["bash|zsh|fish [FLAGS]"],
    examples: [
      ["optimizer completions bash -o /etc/bash_completion.d/optimizer", "for all users of bash"],
      ["optimizer completions fish > ~/.config/fish/completions/optimizer.fish", "for yourself, in fish"],
    ],
    async run({ shell, output }) {
      const script = Object.hasOwn(scripts, shell ?? "") ? scripts[shell as keyof typeof scripts] : undefined;
      if (script === undefined) throw new UsageError(`Name a shell: ${Object.keys(scripts).join(", ")}`);
      await using file = await OutputFile.openIfNamed(output);
      const all = Object.entries(commands).map(async ([name, load]) => ({ name, ...(await load()) }));
      await writeText([toLatin1(script(await Promise.all(all)))], file);
      return ExitCode.done;
    },
  });
}

const scripts = {
  bash: (commands: readonly Completed[]) => `_optimizer() {
  local word=\${COMP_WORDS[COMP_CWORD]} flags
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(" ")} --help --version" -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
${commands.map(({ name, flags }) => `    ${name}) flags="${dashed(flags).join(" ")}" ;;`).join("\n")}
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) COMPREPLY=($(compgen -f -- "$word")) ;;
  esac
}
complete -o filenames -F _optimizer optimizer
`,
  zsh: (commands: readonly Completed[]) => `#compdef optimizer
_optimizer() {
  if (( CURRENT == 2 )); then
    local -a words=(
${commands.map(({ name, description }) => `      '${name}:${description.replaceAll("'", "")}'`).join("\n")}
    )
    _describe command words
    return
  fi
  case $words[2] in
${commands.map(({ name, flags }) => `    ${name}) compadd -- ${dashed(flags).join(" ")}; _files ;;`).join("\n")}
  esac
}
_optimizer "$@"
`,
  fish: (commands: readonly Completed[]) =>
    `${commands
      .flatMap(({ name, description, flags }) => [
        `complete -c optimizer -n __fish_use_subcommand -a ${name} -d '${description.replaceAll("'", "")}'`,
        ...dashed(flags).map(
          (flag) => `complete -c optimizer -n '__fish_seen_subcommand_from ${name}' -l ${flag.slice(2)}`,
        ),
      ])
      .join("\n")}\n`,
} as const;

function dashed(flags: readonly string[]): string[] {
  return [...flags, "help"].map((flag) => `--${flag}`);
}
