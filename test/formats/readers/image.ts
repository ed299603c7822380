/** A model of an image: its regular files, absolute paths, latin1. */
export class Image {
  readonly files: ReadonlySet<string>;

  constructor(files: Iterable<string>) {
    this.files = new Set(files);
  }

  /** At any depth; undefined where there is no such folder. */
  filesBelow(folder: string): string[] | undefined {
    const found = [...this.files].filter((path) => path.startsWith(`${folder}/`));
    return found.length === 0 ? undefined : found;
  }
}

/** What a consumer takes first, in its order. Throws where the consumer gives up. */
export type Reader = (text: string, image: Image) => string[];
