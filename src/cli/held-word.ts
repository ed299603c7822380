/**
 * The hidden first word by which this program starts itself to become a command that is held. In a
 * file of its own: `run.ts` knows it without loading what it stands for.
 */
export const HELD_WORD = "__held";
