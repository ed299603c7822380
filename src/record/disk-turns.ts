/** Each of them takes a few descriptors, and a thread of the pool that reads and writes files. */
const TURNS = 8;

let free = TURNS;
const waiting: (() => void)[] = [];

/**
 * Acts when it is its turn: of all results that could be written now only so many are at a time, whatever their number,
 * so that they do not take the descriptors that events need. The first who asks is the first who acts. What is done in
 * a turn must not wait for another one.
 */
export async function inTurn<T>(act: () => Promise<T>): Promise<T> {
  if (free > 0) free--;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await act();
  } finally {
    const next = waiting.shift();
    if (next === undefined) free++;
    else next();
  }
}
