import { describe, expect, test } from "bun:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { type Request, RequestSchema, ResponseSchema } from "../../src/gen/ttrpc_pb.ts";
import { TtrpcClient } from "../../src/ttrpc/client.ts";
import { DATA_LENGTH_MAX, encodeMessage, MessageDecoder, MessageType } from "../../src/ttrpc/message.ts";
import { TtrpcServer } from "../../src/ttrpc/server.ts";
import { hex } from "../helpers/golden.ts";
import { testSeed } from "../helpers/random.ts";

/** A client, and the requests it sent by stream id. */
function bench(): { client: TtrpcClient; sent: Map<number, Request> } {
  const sent = new Map<number, Request>();
  const decoder = new MessageDecoder();
  const client = new TtrpcClient({
    send: (bytes) => {
      for (const received of decoder.push(bytes)) {
        if (received.kind !== "message") throw new Error("Client sent an oversize message");
        sent.set(received.message.streamId, fromBinary(RequestSchema, received.message.data));
      }
    },
  });
  return { client, sent };
}

function reply(streamId: number, payload: Uint8Array): Uint8Array {
  const data = toBinary(ResponseSchema, create(ResponseSchema, { payload }));
  return encodeMessage({ streamId, type: MessageType.response, flags: 0, data });
}

const call = { service: "test.Service", method: "Echo", payload: hex("01") };

describe("TtrpcClient.call()", () => {
  test("resolves with the payload of the reply", async () => {
    const { client } = bench();
    const result = client.call(call);
    client.receive(reply(1, hex("0102")));
    expect(await result).toEqual(hex("0102"));
  });

  test("takes odd ids that grow, and replies in any order", async () => {
    const { client, sent } = bench();
    const results = [client.call(call), client.call(call), client.call(call)];
    expect([...sent.keys()]).toEqual([1, 3, 5]);
    for (const streamId of [5, 1, 3]) client.receive(reply(streamId, Uint8Array.of(streamId)));
    expect(await Promise.all(results)).toEqual([hex("01"), hex("03"), hex("05")]);
  });

  test("tells the timeout in nanoseconds, and leaves it out when there is none", async () => {
    const { client, sent } = bench();
    const results = [client.call({ ...call, timeoutMs: 5000 }), client.call(call)];
    expect([...sent.values()].map(({ timeoutNano }) => timeoutNano)).toEqual([5_000_000_000n, 0n]);
    for (const streamId of [1, 3]) client.receive(reply(streamId, hex("")));
    await Promise.all(results);
  });

  for (const [title, data, message] of [
    ["a status", "0a0e080c120a6d6574686f6420466f6f", "[unimplemented] method Foo"],
    ["a status without text", "0a02080d", "[internal] internal"],
    ["a status with a code of its own", "0a0608e807120178", "[1000] x"],
  ] as const) {
    test(`rejects with ${title}`, async () => {
      const { client } = bench();
      const result = client.call(call);
      client.receive(encodeMessage({ streamId: 1, type: MessageType.response, flags: 0, data: hex(data) }));
      await expect(result).rejects.toThrow(message);
    });
  }

  test("takes a status with code 0 for success", async () => {
    const { client } = bench();
    const result = client.call(call);
    client.receive(
      encodeMessage({ streamId: 1, type: MessageType.response, flags: 0, data: hex("0a00120101") }),
    );
    expect(await result).toEqual(hex("01"));
  });

  test("rejects when the reply cannot be decoded", async () => {
    const { client } = bench();
    const result = client.call(call);
    client.receive(encodeMessage({ streamId: 1, type: MessageType.response, flags: 0, data: hex("0aff") }));
    await expect(result).rejects.toThrow("[internal] Cannot decode Response: ");
  });

  test("rejects when the reply is no response", async () => {
    const { client } = bench();
    const result = client.call(call);
    client.receive(encodeMessage({ streamId: 1, type: MessageType.request, flags: 0, data: hex("") }));
    await expect(result).rejects.toThrow("[internal] Reply to Echo has type 1");
  });

  test("rejects when the reply is over the limit, and the connection stays of use", async () => {
    const { client } = bench();
    const results = [client.call(call), client.call(call)];
    client.receive(hex("00400001 00000001 02 00"));
    client.receive(new Uint8Array(DATA_LENGTH_MAX + 1));
    client.receive(reply(3, hex("03")));
    await expect(results[0]).rejects.toThrow("[resourceExhausted] Cannot receive a message of 4194305 bytes");
    expect(await results[1]).toEqual(hex("03"));
  });

  test("rejects a request over the limit and sends nothing", async () => {
    const { client, sent } = bench();
    const result = client.call({ ...call, payload: new Uint8Array(DATA_LENGTH_MAX) });
    await expect(result).rejects.toThrow("[resourceExhausted] Cannot send a message of ");
    expect(sent.size).toBe(0);
  });

  test("rejects at its deadline, and drops the late reply", async () => {
    const { client } = bench();
    const late = client.call({ ...call, timeoutMs: 1 });
    await expect(late).rejects.toThrow("[deadlineExceeded] No reply to Echo within 1 ms");
    const next = client.call(call);
    client.receive(reply(1, hex("01")));
    client.receive(reply(3, hex("03")));
    expect(await next).toEqual(hex("03"));
  });

  test("rejects when its signal is aborted, with the reason as the cause", async () => {
    const { client } = bench();
    const controller = new AbortController();
    const result = client.call({ ...call, signal: controller.signal });
    controller.abort("enough");
    await expect(result).rejects.toMatchObject({
      message: "[canceled] Call of Echo was cancelled",
      cause: "enough",
    });
  });

  test("sends nothing when its signal is aborted already", async () => {
    const { client, sent } = bench();
    await expect(client.call({ ...call, signal: AbortSignal.abort() })).rejects.toThrow("[canceled]");
    expect(sent.size).toBe(0);
  });
});

test("TtrpcClient.close() fails all pending calls and all later ones", async () => {
  const { client } = bench();
  const pending = [client.call(call), client.call(call)];
  client.close("Connection is closed");
  client.close("Another reason");
  const messages = [...pending, client.call(call)].map((result) => result.catch((error) => error.message));
  const message = "[unavailable] Connection is closed";
  expect(await Promise.all(messages)).toEqual([message, message, message]);
});

test("TtrpcClient.receive() never throws on arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (data) => {
      const { client } = bench();
      client.call(call).catch(() => {});
      client.receive(encodeMessage({ streamId: 1, type: MessageType.response, flags: 0, data }));
      client.receive(data);
    }),
    { seed: testSeed() },
  );
});

test("TtrpcClient and TtrpcServer understand each other", async () => {
  const server: TtrpcServer = new TtrpcServer({
    services: { "test.Service": { Reverse: async (payload) => payload.toReversed() } },
    send: (bytes) => client.receive(bytes),
  });
  const client: TtrpcClient = new TtrpcClient({ send: (bytes) => server.receive(bytes) });
  expect(await client.call({ service: "test.Service", method: "Reverse", payload: hex("010203") })).toEqual(
    hex("030201"),
  );
});
