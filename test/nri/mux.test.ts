import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { NriError } from "../../src/nri/error.ts";
import { encodeFrames, type Frame, FrameDecoder, RECEIVED_PAYLOAD_MAX } from "../../src/nri/mux.ts";
import { uint32s } from "../helpers/fake-connection.ts";
import { hex } from "../helpers/golden.ts";
import { testSeed } from "../helpers/random.ts";
import { concat, cut, everyCut, splits } from "../helpers/splits.ts";

const frames: Frame[] = [
  { connectionId: 1, payload: hex("01") },
  { connectionId: 2, payload: new Uint8Array(0) },
  { connectionId: 1, payload: new Uint8Array(5000).fill(3) },
  { connectionId: 2, payload: hex("0203040506070809") },
  { connectionId: 2, payload: new Uint8Array(0) },
];
const foreign: Frame[] = [
  { connectionId: 0, payload: hex("ff") },
  { connectionId: 3, payload: new Uint8Array(500) },
  { connectionId: 0xffffffff, payload: new Uint8Array(0) },
];

function frameBytes({ connectionId, payload }: Frame): Uint8Array {
  return concat([uint32s(connectionId, payload.byteLength), payload]);
}

function decodeAll(portions: Iterable<Uint8Array>): { frames: Frame[]; buffered: number } {
  const decoder = new FrameDecoder({ connectionIds: [1, 2] });
  const decoded: Frame[] = [];
  for (const portion of portions) {
    for (const { connectionId, payload } of decoder.push(portion)) {
      decoded.push({ connectionId, payload: payload.slice() });
    }
    // The socket uses its buffer again; nothing that is kept may lie in it.
    portion.fill(0xee);
  }
  return { frames: decoded, buffered: decoder.buffered };
}

describe("FrameDecoder.push()", () => {
  for (const [name, split] of Object.entries(splits(testSeed()))) {
    test(`yields every frame when bytes arrive ${name}`, () => {
      expect(decodeAll(split(frames.map(frameBytes)))).toEqual({ frames, buffered: 0 });
    });

    test(`skips connections nobody opened when bytes arrive ${name}`, () => {
      const mixed = frames.flatMap((frame, index) => [foreign[index % foreign.length] ?? frame, frame]);
      expect(decodeAll(split(mixed.map(frameBytes)))).toEqual({ frames, buffered: 0 });
    });
  }

  test("yields the same for each place the stream is cut at", () => {
    const small = [...frames, ...foreign].filter(({ payload }) => payload.byteLength < 100);
    const expected = frames.filter((frame) => small.includes(frame));
    for (const portions of everyCut(concat(small.map(frameBytes)))) {
      expect(decodeAll(portions)).toEqual({ frames: expected, buffered: 0 });
    }
  });

  for (const connectionId of [1, 7]) {
    test(`counts what it has of an incomplete frame of connection ${connectionId}`, () => {
      const decoder = new FrameDecoder({ connectionIds: [1] });
      const counts = Array.from(frameBytes({ connectionId, payload: hex("010203") }), (byte) => {
        decoder.push(Uint8Array.of(byte));
        return decoder.buffered;
      });
      expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0]);
    });
  }

  test("accepts a payload at the limit and refuses the next byte before it allocates", () => {
    const decoder = new FrameDecoder({ connectionIds: [1] });
    expect(decoder.push(uint32s(1, RECEIVED_PAYLOAD_MAX))).toEqual([]);
    const other = new FrameDecoder({ connectionIds: [1] });
    expect(() => other.push(uint32s(1, RECEIVED_PAYLOAD_MAX + 1))).toThrow(
      new NriError(
        "frame-too-long",
        "Cannot read a frame of 16777217 bytes on connection 1: the maximum is 16777216",
      ),
    );
  });

  test("skips 4 GiB of a connection nobody opened without holding any of it", () => {
    const decoder = new FrameDecoder({ connectionIds: [1] });
    expect(decoder.push(uint32s(9, 0xffffffff))).toEqual([]);
    const portion = new Uint8Array(1 << 20);
    for (let round = 0; round < 4095; round++) expect(decoder.push(portion)).toEqual([]);
    const frame: Frame = { connectionId: 1, payload: hex("05") };
    const last = concat([portion.subarray(1), frameBytes(frame)]);
    expect(decoder.push(last)).toEqual([frame]);
  });

  test("throws nothing but an NriError on arbitrary bytes, and the same for all portions", () => {
    const outcome = (portions: Uint8Array[]) => {
      try {
        return decodeAll(portions);
      } catch (error) {
        if (error instanceof NriError) return error.message;
        throw error;
      }
    };
    // Half of the inputs are frames of small lengths: random bytes alone hardly ever get past a header.
    const anyFrame = fc
      .record({ connectionId: fc.integer({ min: 0, max: 3 }), payload: fc.uint8Array({ maxLength: 40 }) })
      .map(frameBytes);
    const anyBytes = fc.array(fc.oneof(anyFrame, fc.uint8Array({ maxLength: 20 }))).map(concat);
    fc.assert(
      fc.property(anyBytes, fc.integer({ min: 1, max: 30 }), (bytes, portionLength) => {
        expect(outcome(cut(bytes, () => portionLength))).toEqual(outcome([bytes.slice()]));
      }),
      { seed: testSeed() },
    );
  });
});

describe("encodeFrames()", () => {
  for (const [length, payloads] of [
    [0, []],
    [1, [1]],
    [4096, [4096]],
    [4097, [4096, 1]],
    [12_288, [4096, 4096, 4096]],
    [10_000, [4096, 4096, 1808]],
  ] as const) {
    test(`puts ${length} bytes into frames of ${payloads.join(" + ") || "nothing"}`, () => {
      const message = new Uint8Array(length).map((_, index) => index);
      const decoded = decodeAll([encodeFrames(2, message)]).frames;
      expect(decoded.map(({ payload }) => payload.byteLength)).toEqual([...payloads]);
      expect(concat(decoded.map(({ payload }) => payload))).toEqual(message);
      expect(decoded.every(({ connectionId }) => connectionId === 2)).toBe(true);
    });
  }
});
