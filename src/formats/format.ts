import type { ListedFile } from "./listed-file.ts";

/** What a format may say besides the files. */
export interface ListContext {
  readonly image: {
    /** As users write it, or as the runtime told it. */
    readonly reference?: string | undefined;
    /** Of the manifest, `sha256:…`. */
    readonly digest?: string | undefined;
  };
  /** Stands for the layer of the files that have none. */
  readonly layerIndex?: number | undefined;
  /** Where a copy of the list lies on the nodes. */
  readonly nodePath?: string | undefined;
  /**
   * The regular files below a folder of the image at any depth, absolute and latin1, or undefined where that is no
   * folder or cannot be told.
   */
  readonly filesBelow?: ((folder: string) => Iterable<string> | undefined) | undefined;
}

/** Takes a file that a format cannot express, or not fully, and a few words why. */
export type LeaveOut = (path: string, why: string) => void;

/** One input of one builder. Pure; all text is latin1, one character a byte. */
export interface ListFormat {
  readonly description: string;
  /** Before the first entry, between two, and behind the last. */
  readonly frame?: { readonly head: string; readonly between: string; readonly tail: string };
  /**
   * The text of the files that can be expressed, so that the consumer takes them in the order of the list; the others
   * are given to `leaveOut`, each once. `files` have absolute, clean paths, each once. Throws an Error with the cure when
   * the context lacks what it needs, at the first entry at the latest.
   */
  entries(files: readonly ListedFile[], context: ListContext, leaveOut: LeaveOut): Iterable<string>;
}
