import { describe, expect, test } from "bun:test";
import { message, uint32s } from "../helpers/fake-connection.ts";
import { golden, hex } from "../helpers/golden.ts";
import { fields } from "../helpers/nri-messages.ts";
import { testSeed } from "../helpers/random.ts";
import { concat, splits } from "../helpers/splits.ts";
import { connectPlugin } from "./plugin-bench.ts";

describe("runPlugin() on captured bytes", () => {
  const replies = [
    golden.configureReply,
    golden.synchronizeReply,
    golden.startReply,
    golden.stopReply,
    golden.unknownMethodReply,
  ];
  for (const [carrier, start] of [
    ["StateChange", golden.stateChangeStart],
    ["StartContainer", golden.startContainer],
  ] as const) {
    const requests = [
      golden.configure,
      golden.registerReply,
      golden.synchronize,
      start,
      golden.stopContainer,
      golden.unknownMethod,
    ];
    for (const [name, split] of Object.entries(splits(testSeed()))) {
      test(`answers to the byte with a ${carrier}, arriving ${name}`, async () => {
        await using bench = await connectPlugin();
        await bench.plugin.registration;
        const unknown = bench.plugin.replyTo(9);
        for (const stream of [1, 3, 5, 7]) void bench.plugin.replyTo(stream);
        for (const portion of split(requests)) bench.plugin.send(portion);
        await unknown;
        expect(sortFrames(bench.plugin.written)).toEqual(sortFrames(concat([golden.register, ...replies])));
        expect(bench.calls).toEqual([
          'configure "" containerd 2.1.9 "" 2000',
          "synchronized",
          "start p1/c1 pid 4242 docker.io/library/nginx:latest",
          "stop p1/c1",
        ]);
      });
    }
  }

  test("mirrors more=true to the byte", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    const service = "nri.pkg.api.v1alpha1.Plugin";
    const request = message(3, 1, fields([1, service], [2, "Synchronize"], [3, hex("1801")]));
    const reply = bench.plugin.replyTo(3);
    bench.plugin.send(concat([uint32s(1, request.byteLength), request]));
    await reply;
    expect(bench.plugin.written).toEqual(concat([golden.register, golden.synchronizeReplyMore]));
  });

  test("subscribes to remove, too, to the byte", async () => {
    await using bench = await connectPlugin({ handlers: { configure: () => 0x620 } });
    await bench.plugin.registration;
    const reply = bench.plugin.replyTo(1);
    bench.plugin.send(golden.configure);
    await reply;
    expect(bench.plugin.written).toEqual(concat([golden.register, golden.configureReplyRemove]));
  });
});

/** The frames as hex, in a fixed order: replies may overtake each other. */
function sortFrames(bytes: Uint8Array): string[] {
  const frames: string[] = [];
  for (let offset = 0; offset < bytes.byteLength; ) {
    const end = offset + 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset + 4);
    frames.push(bytes.slice(offset, end).toHex());
    offset = end;
  }
  return frames.sort();
}
