import { parseConfig } from "../../../src/config.ts";
import { NriError } from "../../../src/nri/error.ts";
import { parseEvents } from "../../../src/nri/events.ts";
import { about, check, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";

const full = `# comment
persist_dir = "/var/lib/optimizer"
readable = true
timeout = 30
overwrite = false
runtime_files = true
events = ["StartContainer", 'StopContainer', "RemoveContainer"]
server_path = """multi
line"""
`;

/** The configuration: never throws, gives only values of the right kind, and says in one line what was wrong. */
export const configuration: Target = {
  name: "configuration",
  seeds: texts(
    full,
    "",
    "timeout = 1.5\nx = { a = 1979-05-27T07:32:00Z, b = [1, 2] }\n",
    "[events]\na.b.c = 0xff\n",
    'persist_dir = "\\u00e9"',
  ),
  words: texts(
    "persist_dir",
    "timeout = ",
    "events = [",
    "__proto__",
    "constructor = ",
    "[[a]]\n",
    '"""',
    "'''",
    "\\u0000",
    "\\n",
    "inf",
    "nan",
    "1e400",
    "-0",
    "9223372036854775807",
    "1979-05-27",
    "\r\n",
  ),
  inputsInTests: 3000,
  run(input) {
    const { values, problems, notes } = parseConfig(Buffer.from(input).toString("utf8"));
    const { persistDir = "/", timeoutSeconds = 0, events = [] } = values;
    check(persistDir.startsWith("/") && !persistDir.includes("\0"), "persist_dir is an absolute path");
    check(timeoutSeconds >= 0 && timeoutSeconds * 1000 < 2 ** 31, "a timer can be set to timeout");
    check(
      events.every((name) => typeof name === "string"),
      "events are texts",
    );
    for (const flag of [values.readable, values.overwrite, values.runtimeFiles]) {
      check(flag === undefined || typeof flag === "boolean", "flags are true or false");
    }
    for (const text of [...problems.map((problem) => problem.text), ...notes])
      check(!/[\r\n]/.test(text), `one line: ${JSON.stringify(text)}`);
    return `${Object.keys(values).sort().join()} ${about(problems.length)} ${about(notes.length)} ${mask(events)}`;
  },
};

function mask(events: readonly string[]): string {
  try {
    return parseEvents(events) > 0 ? "events" : "none";
  } catch (error) {
    check(
      error instanceof NriError && error.code === "event-name",
      `parseEvents() throws an NriError, not ${error}`,
    );
    return "unknown";
  }
}
