import { readFileSync, writeFileSync } from "node:fs";

const QUEUE_LIMIT = "/proc/sys/fs/fanotify/max_queued_events";

/** Sets the kernel's limit for the queues of fanotify groups that are made from now on, until it is disposed of. */
export function queueLimit(events: number): Disposable {
  const before = readFileSync(QUEUE_LIMIT);
  writeFileSync(QUEUE_LIMIT, `${events}`);
  return { [Symbol.dispose]: () => writeFileSync(QUEUE_LIMIT, before) };
}
