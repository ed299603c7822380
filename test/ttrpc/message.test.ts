import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  DATA_LENGTH_MAX,
  encodeMessage,
  HEADER_LENGTH,
  type Message,
  MessageDecoder,
  MessageType,
  type Received,
} from "../../src/ttrpc/message.ts";
import { hex } from "../helpers/golden.ts";
import { testSeed } from "../helpers/random.ts";
import { concat, cut, everyCut, splits } from "../helpers/splits.ts";

const messages: Message[] = [
  { streamId: 1, type: MessageType.request, flags: 0, data: new Uint8Array(0) },
  { streamId: 1, type: MessageType.response, flags: 0, data: hex("120310a004") },
  { streamId: 3, type: MessageType.data, flags: 0x05, data: hex("00") },
  { streamId: 0xffffffff, type: 255, flags: 255, data: new Uint8Array(5000).fill(7) },
  { streamId: 5, type: MessageType.request, flags: 0, data: new Uint8Array(0) },
];

function decodeAll(portions: Iterable<Uint8Array>): { received: Received[]; buffered: number } {
  const decoder = new MessageDecoder();
  const received: Received[] = [];
  for (const portion of portions) {
    received.push(...decoder.push(portion));
    // The caller uses its buffer again: what was returned must not change with it.
    portion.fill(0xee);
  }
  return { received, buffered: decoder.buffered };
}

function header(length: number, streamId: number, type: number): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint32(4, streamId);
  view.setUint8(8, type);
  return bytes;
}

describe("encodeMessage()", () => {
  test("writes the header of the specification", () => {
    const bytes = encodeMessage({ streamId: 0x01020304, type: 2, flags: 4, data: hex("aabb") });
    expect(bytes).toEqual(hex("00000002 01020304 02 04 aabb"));
  });

  test("refuses data that the peer would discard", () => {
    const data = new Uint8Array(DATA_LENGTH_MAX + 1);
    expect(() => encodeMessage({ streamId: 1, type: 2, flags: 0, data })).toThrow(
      "[resourceExhausted] Cannot send a message of 4194305 bytes: the maximum is 4194304",
    );
  });
});

describe("MessageDecoder.push()", () => {
  const expected = {
    received: messages.map((message): Received => ({ kind: "message", message })),
    buffered: 0,
  };

  for (const [name, split] of Object.entries(splits(testSeed()))) {
    test(`yields every message when bytes arrive ${name}`, () => {
      expect(decodeAll(split(messages.map(encodeMessage)))).toEqual(expected);
    });
  }

  test("yields the same for each place the stream is cut at", () => {
    const small = messages.filter(({ data }) => data.byteLength < 100);
    const received = small.map((message): Received => ({ kind: "message", message }));
    for (const portions of everyCut(concat(small.map(encodeMessage)))) {
      expect(decodeAll(portions)).toEqual({ received, buffered: 0 });
    }
  });

  test("counts what it holds of an incomplete message", () => {
    const decoder = new MessageDecoder();
    const bytes = encodeMessage({ streamId: 1, type: 1, flags: 0, data: hex("0102") });
    const counts = Array.from(bytes, (byte) => {
      decoder.push(Uint8Array.of(byte));
      return decoder.buffered;
    });
    expect(counts).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]);
  });

  test("accepts data of exactly 4 MiB", () => {
    const message: Message = { streamId: 1, type: 1, flags: 0, data: new Uint8Array(DATA_LENGTH_MAX) };
    const [received] = new MessageDecoder().push(encodeMessage(message));
    expect(received?.kind === "message" && received.message.data.byteLength).toBe(DATA_LENGTH_MAX);
  });

  for (const portionLength of [1000, 65_536, 8 << 20]) {
    test(`reports and discards longer data, in portions of ${portionLength} bytes`, () => {
      const length = DATA_LENGTH_MAX + 1;
      const next: Message = { streamId: 9, type: 1, flags: 0, data: hex("01") };
      const bytes = concat([
        header(length, 7, MessageType.request),
        new Uint8Array(length),
        encodeMessage(next),
      ]);
      expect(decodeAll(cut(bytes, () => portionLength))).toEqual({
        received: [
          { kind: "oversize", streamId: 7, type: MessageType.request, length },
          { kind: "message", message: next },
        ],
        buffered: 0,
      });
    });
  }

  test("never throws, and gives the same for all portions of arbitrary bytes", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }),
        (bytes, lengths) => {
          let turn = 0;
          const portions = cut(bytes, () => lengths[turn++ % lengths.length] ?? 1);
          expect(decodeAll(portions)).toEqual(decodeAll([bytes.slice()]));
        },
      ),
      { seed: testSeed() },
    );
  });

  test("gives back what encodeMessage() was given", () => {
    const uint = (bits: number) => fc.integer({ min: 0, max: 2 ** bits - 1 });
    const anyMessage = fc.record({
      streamId: uint(32),
      type: uint(8),
      flags: uint(8),
      data: fc.uint8Array({ maxLength: 64 }),
    });
    fc.assert(
      fc.property(fc.array(anyMessage), fc.integer({ min: 1, max: 80 }), (list, portionLength) => {
        const { received } = decodeAll(cut(concat(list.map(encodeMessage)), () => portionLength));
        expect(received).toEqual(list.map((message): Received => ({ kind: "message", message })));
      }),
      { seed: testSeed() },
    );
  });
});
