/** One file of a list. What is not known of it is undefined. */
export interface ListedFile {
  /** Latin1: one character a byte. */
  readonly path: string;
  readonly sizeBytes?: number | undefined;
  /** Since the trace was armed. */
  readonly elapsedUs?: number | undefined;
  /** The image layer it comes from; 0 is the bottom. */
  readonly layer?: number | undefined;
}
