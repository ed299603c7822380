/**
 * The largest json of a result that is written or read: a reader holds all of it in memory, several times. The largest
 * that a merge makes of up to four million files has 150 MiB (lists/sightings.ts).
 */
export const RECORD_BYTES_MAX = 256 << 20;

/** Throws an Error with the cure for a record that nobody would read again. */
export function refuseLargeRecord(bytes: number): void {
  if (bytes <= RECORD_BYTES_MAX) return;
  throw new Error(
    `The record would have ${bytes} bytes, and none of more than ${RECORD_BYTES_MAX} is read; list fewer files: --min-runs`,
  );
}
