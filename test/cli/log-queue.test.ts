import { describe, expect, test } from "bun:test";
import { LogQueue, type LogQueueOptions } from "../../src/cli/log-queue.ts";
import type { LogLine } from "../../src/log-limit.ts";

const line = (text: string): LogLine => ({ severity: "info", text });
const format = ({ severity, text }: LogLine): Uint8Array => Buffer.from(`${severity} ${text}\n`);

/** A disk of which the room is set, and that can hang. */
class Disk {
  text = "";
  roomBytes = Number.POSITIVE_INFINITY;
  writes = 0;
  gate: Promise<void> = Promise.resolve();

  async write(bytes: Uint8Array): Promise<number> {
    this.writes++;
    await this.gate;
    const taken = Math.min(bytes.byteLength, this.roomBytes);
    if (taken === 0) throw Object.assign(new Error("full"), { code: "ENOSPC" });
    this.roomBytes -= taken;
    this.text += Buffer.from(bytes.subarray(0, taken)).toString();
    return taken;
  }
}

function queueOn(disk: Disk, more: Partial<LogQueueOptions> = {}): LogQueue {
  return new LogQueue({ sink: disk, format, ...more });
}

describe("LogQueue", () => {
  test("writes lines in order, those of one go at once", async () => {
    const disk = new Disk();
    const queue = queueOn(disk);
    for (const text of ["a", "b", "c"]) queue.push(line(text));
    await queue.drained();
    expect(disk.text).toBe("info a\ninfo b\ninfo c\n");
    expect(disk.writes).toBe(1);
  });

  test("goes on with what a short write left", async () => {
    const disk = new Disk();
    const queue = queueOn({
      ...disk,
      write: (bytes: Uint8Array) => disk.write(bytes.subarray(0, 3)),
    } as Disk);
    queue.push(line("a long one"));
    await queue.drained();
    expect(disk.text).toBe("info a long one\n");
  });

  test("keeps a bounded part for a sink that hangs, and counts the rest", async () => {
    const disk = new Disk();
    const hangs = Promise.withResolvers<void>();
    disk.gate = hangs.promise;
    const queue = queueOn(disk, { bytesMax: 10 * 7 });
    for (let index = 0; index < 25; index++) queue.push(line(String(index % 10)));
    await Promise.resolve();
    for (let index = 0; index < 5; index++) queue.push(line("x")); // what hangs keeps its place
    expect(queue.lost).toBe(20);
    hangs.resolve();
    await queue.drained();
    queue.push(line("after"));
    await queue.drained();
    const lost = (count: number) => `warn ${count} lines of this log lost: not taken in time\n`;
    const first = Array.from({ length: 10 }, (_, index) => `info ${index}\n`).join("");
    expect(disk.text).toBe(`${lost(15)}${first}${lost(5)}info after\n`);
  });

  for (let roomBytes = 0; roomBytes <= 28; roomBytes++) {
    test(`tells exactly what was lost when a disk has room for ${roomBytes} bytes`, async () => {
      const disk = new Disk();
      disk.roomBytes = roomBytes;
      const queue = queueOn(disk);
      for (const text of ["a", "b"]) queue.push(line(text));
      await queue.drained();
      for (const text of ["c", "d"]) queue.push(line(text));
      await queue.drained();
      disk.roomBytes = Number.POSITIVE_INFINITY;
      queue.push(line("e"));
      await queue.drained();
      const lines = disk.text.split("\n");
      expect(lines.pop()).toBe("");
      const whole = lines.filter((each) => /^info [a-e]$/.test(each));
      const told = lines.flatMap(
        (each) => /^warn (\d+) lines? of this log lost: ENOSPC$/.exec(each)?.[1] ?? [],
      );
      expect(whole.at(-1)).toBe("info e");
      expect(whole.length + queue.lost).toBe(5);
      expect(told.reduce((sum, count) => sum + Number(count), 0)).toBe(queue.lost);
    });
  }

  test("offers what failed to whoever may save it, and does not count it then", async () => {
    const disk = new Disk();
    disk.roomBytes = 0;
    const saved: string[] = [];
    const rescue = (lines: readonly LogLine[]) => saved.push(...lines.map(({ text }) => text)) > 0;
    const queue = queueOn(disk, { rescue });
    queue.push(line("a"));
    queue.push(line("b"));
    await queue.drained();
    expect(saved).toEqual(["a", "b"]);
    expect(queue.lost).toBe(0);
  });
});
