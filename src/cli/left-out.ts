import { printable } from "../sys/terminal.ts";

/** So many files are named for each reason. */
const NAMED_MAX = 20;

/** The files that a format could not express, by reason. */
export class LeftOut {
  readonly #byReason = new Map<string, { count: number; readonly named: string[] }>();

  /** Takes one; to be handed over as it is. */
  readonly add = (path: string, why: string): void => {
    const group = this.#byReason.get(why) ?? { count: 0, named: [] };
    this.#byReason.set(why, group);
    group.count++;
    if (group.named.length < NAMED_MAX) group.named.push(path);
  };

  /** For people: each reason with its count and files. Empty when nothing was left out. */
  describe(): string {
    return [...this.#byReason]
      .map(([why, { count, named }]) => {
        const more = count > named.length ? [`… and ${count - named.length} more`] : [];
        const lines = [...named.map((path) => JSON.stringify(printable(path))), ...more];
        return `left out ${count}: ${why}\n${lines.map((line) => `  ${line}\n`).join("")}`;
      })
      .join("");
  }
}
