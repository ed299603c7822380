/** The value of a flag in a command line, `--flag VALUE` or `--flag=VALUE`; of several the first. */
export function flagValue(words: readonly string[], ...flags: readonly string[]): string | undefined {
  for (const [index, word] of words.entries()) {
    if (index === 0) continue;
    if (flags.includes(word)) return words[index + 1];
    const flag = flags.find((each) => word.startsWith(`${each}=`));
    if (flag !== undefined) return word.slice(flag.length + 1);
  }
  return undefined;
}

/** The program that a command line starts, without its folder. */
export function programOf(words: readonly string[]): string {
  const path = words[0] ?? "";
  return path.slice(path.lastIndexOf("/") + 1);
}
