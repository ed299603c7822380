import type { Kernel } from "./kernel.ts";

/** What a case's script has printed, and how it ended. */
export interface Output {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Something that is tried under each kernel. To add one: a file in cases/, and its line in cases.ts. */
export interface Case {
  readonly name: string;
  /** For busybox's sh, in the case's own folder; `optimizer` is in the PATH. */
  readonly script: string;
  /** Fills the case's folder before it goes into the guest. */
  readonly prepare?: (folder: string) => Promise<void>;
  /** Whether the host's kernel, too, has to meet what is expected. */
  readonly onHost: boolean;
  /** A sentence for each expectation that does not hold. `kernel` is undefined for the host's. */
  check(output: Output, kernel: Kernel | undefined): string[];
}
