import { describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { type ByteStream, openStream } from "../../src/sys/stream.ts";
import { random, testSeed } from "../helpers/random.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** A stream and its peer, connected over a socket in a folder; what the stream told is in `chunks` and `ends`. */
async function connected() {
  const stack = new AsyncDisposableStack();
  const folder = stack.use(temporaryFolder());
  const arrived = Promise.withResolvers<Socket>();
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, arrived.resolve);
  await new Promise<void>((resolve) => server.listen(folder.at("socket"), resolve));
  stack.defer(() => void server.close());
  const chunks: Buffer[] = [];
  const ends: (Error | undefined)[] = [];
  const stream = await openStream(
    { path: folder.at("socket") },
    { data: (chunk) => chunks.push(Buffer.from(chunk)), end: (error) => ends.push(error) },
  );
  const peer = await arrived.promise;
  peer.on("error", () => {});
  stack.defer(() => {
    stream.close();
    peer.destroy();
  });
  return { stream, peer, chunks, ends, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

/** Bytes that tell their place. */
function pattern(length: number): Buffer {
  const next = random(length);
  const bytes = Buffer.alloc(length);
  for (let offset = 0; offset + 4 <= length; offset += 4) bytes.writeUInt32LE(next() * 2 ** 32, offset);
  return bytes;
}

async function readAll(peer: Socket, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let received = 0;
  const done = Promise.withResolvers<void>();
  peer.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    received += chunk.byteLength;
    if (received >= length) done.resolve();
  });
  peer.resume();
  await done.promise;
  return Buffer.concat(chunks);
}

describe("openStream()", () => {
  test("write() holds back what the peer does not read, and keeps the order", async () => {
    await using pair = await connected();
    const { stream, peer } = pair;
    const bytes = pattern(8 << 20);
    const next = random(testSeed());
    for (let offset = 0; offset < bytes.byteLength; ) {
      const end = offset + 1 + Math.floor(next() * 300_000);
      stream.write(bytes.subarray(offset, end));
      offset = end;
    }
    expect(stream.pendingBytes).toBeGreaterThan(4 << 20);
    expect(stream.pendingBytes).toBeLessThan(8 << 20);
    const received = await readAll(peer, bytes.byteLength);
    expect(received.equals(bytes)).toBe(true);
    await waitFor("the rest to be taken", () => stream.pendingBytes === 0);
  });

  test("write() of nothing writes nothing", async () => {
    await using pair = await connected();
    pair.stream.write(new Uint8Array(0));
    expect(pair.stream.pendingBytes).toBe(0);
  });

  test("data() gets the peer's bytes in their order", async () => {
    await using pair = await connected();
    const bytes = pattern(1 << 20);
    pair.peer.write(bytes);
    await waitFor("all bytes", () => Buffer.concat(pair.chunks).byteLength === bytes.byteLength);
    expect(Buffer.concat(pair.chunks).equals(bytes)).toBe(true);
    expect(pair.ends).toEqual([]);
  });

  test("end() is called once, behind the last byte, when the peer ends", async () => {
    await using pair = await connected();
    pair.peer.end("last words");
    await waitFor("the end", () => pair.ends.length > 0);
    expect(Buffer.concat(pair.chunks).toString()).toBe("last words");
    pair.stream.close();
    expect(pair.ends).toEqual([undefined]);
    pair.stream.write(Buffer.from("dropped"));
    expect(pair.stream.pendingBytes).toBe(0);
  });

  test("close() calls end() before it returns, once, and drops what waits", async () => {
    await using pair = await connected();
    pair.stream.write(pattern(8 << 20));
    pair.stream.close();
    expect(pair.ends).toEqual([undefined]);
    expect(pair.stream.pendingBytes).toBe(0);
    pair.stream.close();
    expect(pair.ends).toEqual([undefined]);
  });

  test("close() from within data() is the end of data()", async () => {
    const folder = temporaryFolder();
    using _folder = folder;
    let stream: ByteStream | undefined;
    let calls = 0;
    const ended = Promise.withResolvers<void>();
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.write(pattern(1 << 20));
    });
    await new Promise<void>((resolve) => server.listen(folder.at("socket"), resolve));
    stream = await openStream(
      { path: folder.at("socket") },
      {
        data: () => {
          calls++;
          stream?.close();
        },
        end: () => ended.resolve(),
      },
    );
    await ended.promise;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    expect(calls).toBe(1);
  });

  test("adopts one end of a socket pair", async () => {
    await using child = Bun.spawn(["sh", "-c", "cat <&3 >&3"], {
      stdio: ["ignore", "ignore", "ignore", "pipe"],
    });
    const echoed: Buffer[] = [];
    const stream = await openStream(
      { fd: child.stdio[3] as number },
      { data: (chunk) => echoed.push(Buffer.from(chunk)), end: () => {} },
    );
    const bytes = pattern(1 << 20);
    stream.write(bytes);
    await waitFor("the echo", () => Buffer.concat(echoed).byteLength === bytes.byteLength);
    expect(Buffer.concat(echoed).equals(bytes)).toBe(true);
    stream.close();
    await child.exited;
  });

  test("rejects where nobody listens", async () => {
    using folder = temporaryFolder();
    const handler = { data: () => {}, end: () => {} };
    await expect(openStream({ path: folder.at("nobody") }, handler)).rejects.toMatchObject({
      code: "ENOENT",
    });
  });
});
