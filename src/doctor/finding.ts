/** What is told of one thing that the program needs. */
export interface Finding {
  /** One or two words: `open files`. */
  readonly check: string;
  /** `warning`: works, but not as well as it could. `wrong`: something that is needed is missing. */
  readonly level: "good" | "warning" | "wrong";
  readonly text: string;
  /** How it is mended. */
  readonly mend?: Mend;
}

/** Words, and lines for a shell that do it as they stand. */
export interface Mend {
  readonly advice?: string;
  readonly commands?: readonly string[];
}

export function good(check: string, text: string): Finding {
  return { check, level: "good", text };
}

export function warning(check: string, text: string, mend?: Mend): Finding {
  return { check, level: "warning", text, ...(mend === undefined ? {} : { mend }) };
}

export function wrong(check: string, text: string, mend?: Mend): Finding {
  return { check, level: "wrong", text, ...(mend === undefined ? {} : { mend }) };
}

/** Whether all that is needed is there. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ level }) => level !== "wrong");
}
