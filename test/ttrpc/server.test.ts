import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ConfigureRequestSchema } from "../../src/gen/nri_pb.ts";
import { RequestSchema, ResponseSchema } from "../../src/gen/ttrpc_pb.ts";
import { DATA_LENGTH_MAX, encodeMessage, MessageDecoder, MessageType } from "../../src/ttrpc/message.ts";
import { decodePayload } from "../../src/ttrpc/payload.ts";
import { type CallContext, type Services, TtrpcServer } from "../../src/ttrpc/server.ts";
import { Code, TtrpcError } from "../../src/ttrpc/status.ts";
import { hex } from "../helpers/golden.ts";
import { testSeed } from "../helpers/random.ts";
import { concat } from "../helpers/splits.ts";

interface Sent {
  readonly streamId: number;
  readonly code: number;
  readonly text: string;
  readonly payload: Uint8Array;
  readonly dataLength: number;
}

/** A server, what it sends, and a way to wait for the next of it. */
class Bench {
  readonly sent: Sent[] = [];
  readonly server: TtrpcServer;
  readonly #decoder = new MessageDecoder();
  #arrival = Promise.withResolvers<void>();

  constructor(methods: Services[string]) {
    this.server = new TtrpcServer({
      services: { "test.Service": methods },
      send: (bytes) => {
        for (const received of this.#decoder.push(bytes)) {
          if (received.kind !== "message") throw new Error("Server sent an oversize message");
          const { streamId, data } = received.message;
          const { status, payload } = fromBinary(ResponseSchema, data);
          const { code = 0, message = "" } = status ?? {};
          this.sent.push({ streamId, code, text: message, payload, dataLength: data.byteLength });
        }
        this.#arrival.resolve();
        this.#arrival = Promise.withResolvers<void>();
      },
    });
  }

  request(
    streamId: number,
    method: string,
    { service = "test.Service", payload = hex(""), timeoutMs = 0 } = {},
  ) {
    const timeoutNano = BigInt(timeoutMs) * 1_000_000n;
    this.message(
      streamId,
      toBinary(RequestSchema, create(RequestSchema, { service, method, payload, timeoutNano })),
    );
  }

  message(streamId: number, data: Uint8Array, type: number = MessageType.request): void {
    this.server.receive(encodeMessage({ streamId, type, flags: 0, data }));
  }

  async reply(count = 1): Promise<Sent[]> {
    while (this.sent.length < count) await this.#arrival.promise;
    return this.sent.slice(0, count);
  }
}

const failure = (streamId: number, code: number, text: string) => ({
  streamId,
  code,
  text,
  payload: hex(""),
  dataLength: expect.any(Number),
});

describe("TtrpcServer", () => {
  test("answers with the payload of the handler", async () => {
    const bench = new Bench({ Echo: async (payload) => payload });
    bench.request(1, "Echo", { payload: hex("0102") });
    expect(await bench.reply()).toEqual([
      { streamId: 1, code: 0, text: "", payload: hex("0102"), dataLength: 4 },
    ]);
  });

  test("answers an empty payload with data length 0", async () => {
    const bench = new Bench({ Nothing: async () => hex("") });
    bench.request(1, "Nothing");
    expect(await bench.reply()).toEqual([
      { streamId: 1, code: 0, text: "", payload: hex(""), dataLength: 0 },
    ]);
  });

  for (const [title, service, method, text] of [
    ["an unknown service", "no.Service", "Echo", "service no.Service"],
    ["an unknown method", "test.Service", "Foo", "method Foo"],
    ["a method every object has", "test.Service", "constructor", "method constructor"],
    ["a service every object has", "__proto__", "toString", "service __proto__"],
  ] as const) {
    test(`answers ${title} with code 12 and Go's text`, async () => {
      const bench = new Bench({ Echo: async (payload) => payload });
      bench.request(1, method, { service });
      expect(await bench.reply()).toEqual([failure(1, Code.unimplemented, text)]);
    });
  }

  test("cuts the text of a status that repeats a name of megabytes", async () => {
    const bench = new Bench({});
    bench.request(1, "x".repeat(DATA_LENGTH_MAX - 100));
    const [reply] = await bench.reply();
    expect(reply?.code).toBe(Code.unimplemented);
    expect(reply?.text).toHaveLength(1024);
  });

  test("answers a request that cannot be decoded with code 3", async () => {
    const bench = new Bench({});
    bench.message(1, hex("0aff"));
    const [reply] = await bench.reply();
    expect(reply?.code).toBe(Code.invalidArgument);
    expect(reply?.text).toStartWith("unmarshal request error: ");
  });

  test("answers a payload that cannot be decoded with code 13", async () => {
    const bench = new Bench({
      Read: async (payload) => {
        decodePayload(ConfigureRequestSchema, payload);
        return hex("");
      },
    });
    bench.request(1, "Read", { payload: hex("0aff") });
    const [reply] = await bench.reply();
    expect(reply?.code).toBe(Code.internal);
    expect(reply?.text).toStartWith("Cannot decode ConfigureRequest: ");
  });

  for (const [streamIds, refused, text] of [
    [[2], 2, "StreamID must be odd for client initiated streams"],
    [[0], 0, "StreamID must be odd for client initiated streams"],
    [[1, 1], 1, "StreamID cannot be re-used and must increment"],
    [[5, 3], 3, "StreamID cannot be re-used and must increment"],
  ] as const) {
    test(`answers stream id ${refused} with code 3 when the ids are ${streamIds.join(", ")}`, async () => {
      const bench = new Bench({ Echo: () => Promise.withResolvers<Uint8Array>().promise });
      for (const streamId of streamIds) bench.request(streamId, "Echo");
      expect(await bench.reply()).toEqual([failure(refused, Code.invalidArgument, text)]);
    });
  }

  test("answers data over the limit with code 8 on its stream and goes on", async () => {
    const bench = new Bench({ Echo: async (payload) => payload });
    bench.server.receive(concat([hex("00400001 00000001 01 00"), new Uint8Array(DATA_LENGTH_MAX + 1)]));
    bench.request(3, "Echo");
    expect(await bench.reply(2)).toEqual([
      failure(1, Code.resourceExhausted, "Cannot receive a message of 4194305 bytes: the maximum is 4194304"),
      { streamId: 3, code: 0, text: "", payload: hex(""), dataLength: 0 },
    ]);
  });

  test("sends code 8 in place of a reply over the limit", async () => {
    const bench = new Bench({ Big: async () => new Uint8Array(DATA_LENGTH_MAX) });
    bench.request(1, "Big");
    const [reply] = await bench.reply();
    expect(reply?.code).toBe(Code.resourceExhausted);
  });

  test("ignores responses, data and unknown types", async () => {
    const bench = new Bench({ Echo: async (payload) => payload });
    for (const type of [MessageType.response, MessageType.data, 0, 77]) bench.message(1, hex("0aff"), type);
    bench.request(1, "Echo");
    expect(await bench.reply()).toEqual([
      { streamId: 1, code: 0, text: "", payload: hex(""), dataLength: 0 },
    ]);
  });

  test("runs calls concurrently and replies in the order they finish", async () => {
    const gates = [Promise.withResolvers<Uint8Array>(), Promise.withResolvers<Uint8Array>()];
    let turn = 0;
    const bench = new Bench({ Wait: () => gates[turn++]?.promise ?? Promise.reject() });
    bench.request(1, "Wait");
    bench.request(3, "Wait");
    gates[1]?.resolve(hex("03"));
    await bench.reply();
    gates[0]?.resolve(hex("01"));
    expect((await bench.reply(2)).map(({ streamId }) => streamId)).toEqual([3, 1]);
  });

  for (const [title, thrown, code, text] of [
    ["an Error", new Error("no luck"), Code.unknown, "no luck"],
    ["a TtrpcError", new TtrpcError(Code.notFound, "gone"), Code.notFound, "gone"],
    ["a string", "words", Code.unknown, "words"],
  ] as const) {
    test(`turns ${title} of a handler into a status`, async () => {
      const bench = new Bench({
        Fail: () => {
          throw thrown;
        },
      });
      bench.request(1, "Fail");
      expect(await bench.reply()).toEqual([failure(1, code, text)]);
    });
  }

  test("aborts the handler at the caller's deadline and drops its reply", async () => {
    const seen = Promise.withResolvers<CallContext>();
    const bench = new Bench({
      Hang: async (_, context) => {
        seen.resolve(context);
        await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        return hex("01");
      },
      Echo: async (payload) => payload,
    });
    const startMs = performance.now();
    bench.request(1, "Hang", { timeoutMs: 5 });
    const { deadlineMs, signal } = await seen.promise;
    expect(deadlineMs).toBeWithin(startMs + 5, performance.now() + 6);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    expect(signal.reason.message).toBe("[deadlineExceeded] Caller waited for 5 ms");
    bench.request(3, "Echo");
    expect((await bench.reply()).map(({ streamId }) => streamId)).toEqual([3]);
  });

  test("gives no deadline to a call without timeout", async () => {
    const seen = Promise.withResolvers<CallContext>();
    const bench = new Bench({
      Look: async (_, context) => {
        seen.resolve(context);
        return hex("");
      },
    });
    bench.request(1, "Look");
    expect((await seen.promise).deadlineMs).toBeUndefined();
  });

  test("close() aborts the running handlers and sends nothing more", async () => {
    const gate = Promise.withResolvers<Uint8Array>();
    let signal: AbortSignal | undefined;
    const bench = new Bench({
      Wait: (_, context) => {
        signal = context.signal;
        return gate.promise;
      },
    });
    bench.request(1, "Wait");
    bench.server.close("Connection is closed");
    expect(signal?.reason.message).toBe("[canceled] Connection is closed");
    gate.resolve(hex("01"));
    await gate.promise;
    bench.request(3, "Wait");
    expect(bench.sent).toEqual([]);
  });

  test("receive() never throws on arbitrary bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.uint8Array({ maxLength: 50 }), (data, tail) => {
        const bench = new Bench({ Echo: async (payload) => payload });
        bench.message(1, data);
        bench.server.receive(tail);
      }),
      { seed: testSeed() },
    );
  });
});
