import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import type { Event } from "../../src/gen/nri_pb.ts";
import type { EndReason } from "../../src/nri/plugin.ts";
import { runPlugin } from "../../src/nri/plugin.ts";
import { Answers } from "../../src/status/answers.ts";
import type { FakeRuntimeOptions, Reply } from "../helpers/fake-connection.ts";
import { message, uint32s } from "../helpers/fake-connection.ts";
import { FakeRuntime } from "../helpers/fake-runtime.ts";
import { golden, hex } from "../helpers/golden.ts";
import { fakeContainer, fields, stateChange } from "../helpers/nri-messages.ts";
import { testSeed } from "../helpers/random.ts";
import { concat } from "../helpers/splits.ts";
import { connectPlugin, recorder } from "./plugin-bench.ts";

const OK: Reply = { code: 0, message: "", payload: hex("") };
const versions: FakeRuntimeOptions[] = [{ nriMinor: 3 }, { nriMinor: 6 }, { nriMinor: 8 }, { nriMinor: 12 }];

describe("runPlugin() over its life", () => {
  for (const options of versions) {
    test(`serves start, stop and remove of NRI 0.${options.nriMinor}`, async () => {
      await using bench = await connectPlugin({ runtime: options });
      const { plugin, calls } = bench;
      expect(await plugin.handshake("text")).toBe(0x220);
      const web = fakeContainer("c1");
      for (const event of ["StartContainer", "StopContainer", "RemoveContainer"] as const) {
        expect(await plugin.event(event, web)).toEqual(OK);
      }
      const nriVersion = options.nriMinor === 12 ? "v0.12.0" : "";
      expect(calls).toEqual([
        `configure "text" containerd 2.1.9 "${nriVersion}" 2000`,
        ...((options.nriMinor ?? 0) >= 7 ? ["synchronized"] : []),
        "start pod-c1/c1 pid 4242 docker.io/library/nginx:latest",
        "stop pod-c1/c1",
        "remove pod-c1/c1",
      ]);
      plugin.close();
      expect(await bench.end).toEqual({ kind: "closed", configured: true });
      expect(plugin.violations).toEqual([]);
      expect(bench.errors).toEqual([]);
    });
  }

  for (const pace of ["burst", "pieces", "bytes"] as const) {
    test(`understands a runtime that writes in ${pace}`, async () => {
      await using bench = await connectPlugin({ runtime: { pace } });
      await bench.plugin.handshake();
      expect(await bench.plugin.event("StartContainer", fakeContainer("c1", {}, 5000))).toEqual(OK);
      expect(bench.calls.at(-1)).toStartWith("start pod-c1/c1");
    });
  }

  test("registers with its name, its index, and the NRI that it was made for", async () => {
    await using bench = await connectPlugin();
    expect(await bench.plugin.registration).toMatchObject({
      pluginName: "optimizer",
      pluginIdx: "02",
      nriVersion: "v0.12.2",
    });
    expect(bench.plugin.written).toEqual(golden.register);
  });

  test("serves Configure, Synchronize and events before its registration is answered", async () => {
    await using bench = await connectPlugin();
    const { plugin } = bench;
    await plugin.registration;
    expect(await plugin.configure()).toBe(0x220);
    await plugin.synchronize([[fakeContainer("c0")]]);
    expect(await plugin.event("StartContainer", fakeContainer("c1"))).toEqual(OK);
    await plugin.acceptRegistration();
    expect(await plugin.event("StopContainer", fakeContainer("c1"))).toEqual(OK);
  });

  test("answers each part of a split Synchronize and calls synchronized() once", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    await bench.plugin.synchronize([[fakeContainer("c1")], [fakeContainer("c2")], []]);
    expect(bench.calls).toEqual(["synchronized"]);
  });

  test("answers a Synchronize that cannot be read", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    expect(await bench.plugin.call("Synchronize", Uint8Array.of(0))).toEqual(OK);
    expect(bench.errors).toHaveLength(1);
    expect(bench.calls).toEqual([]);
  });

  test("answers a Synchronize of 4 MiB", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    await bench.plugin.synchronize([
      Array.from({ length: 400 }, (_, index) => fakeContainer(`c${index}`, {}, 10_000)),
    ]);
    expect(bench.calls).toEqual(["synchronized"]);
  });

  test("reads an event of 1 MiB", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.handshake();
    expect(await bench.plugin.event("StartContainer", fakeContainer("c1", {}, 1 << 20))).toEqual(OK);
    expect(bench.calls.at(-1)).toStartWith("start pod-c1/c1");
  });

  test("runs events of different containers side by side", async () => {
    const gate = Promise.withResolvers<void>();
    await using bench = await connectPlugin({ handlers: { startContainer: () => gate.promise } });
    await bench.plugin.handshake();
    const first = bench.plugin.event("StartContainer", fakeContainer("c1"));
    expect(await bench.plugin.event("StopContainer", fakeContainer("c2"))).toEqual(OK);
    gate.resolve();
    expect(await first).toEqual(OK);
  });
});

describe("runPlugin() answers", () => {
  for (const event of [1, 2, 3, 4, 5, 7, 8, 9, 12, 13, 14, 15, 99, 0, -1]) {
    test(`success to a StateChange of event ${event} and does nothing`, async () => {
      await using bench = await connectPlugin();
      const reply = await bench.plugin.call("StateChange", stateChange(event as Event, fakeContainer("c1")));
      expect(reply).toEqual(OK);
      expect(bench.calls).toEqual([]);
      expect(bench.errors).toEqual([]);
    });
  }

  for (const method of [
    "Shutdown",
    "CreateContainer",
    "UpdateContainer",
    "UpdatePodSandbox",
    "ValidateContainerAdjustment",
    "RunPodSandbox",
    "PostUpdatePodSandbox",
    "StopPodSandbox",
    "RemovePodSandbox",
    "PostCreateContainer",
    "PostStartContainer",
    "PostUpdateContainer",
  ]) {
    test(`success to ${method} and does nothing`, async () => {
      await using bench = await connectPlugin();
      expect(await bench.plugin.call(method, hex("0a020a00"))).toEqual(OK);
      expect(bench.calls).toEqual([]);
    });
  }

  test("code 12 to a method it does not know", async () => {
    await using bench = await connectPlugin();
    const reply = await bench.plugin.call("Foo", hex(""));
    expect(reply).toEqual({ code: 12, message: "method Foo", payload: hex("") });
  });

  test("code 12 to a service it does not know", async () => {
    await using bench = await connectPlugin();
    const reply = await bench.plugin.call("Configure", hex(""), { service: "nri.pkg.api.v2.Plugin" });
    expect(reply).toEqual({ code: 12, message: "service nri.pkg.api.v2.Plugin", payload: hex("") });
  });

  for (const [title, method, payload, error] of [
    [
      "an event that cannot be decoded",
      "StartContainer",
      hex("0aff"),
      "StartContainer failed: [internal] Cannot decode",
    ],
    [
      "a StateChange that cannot be decoded",
      "StateChange",
      hex("12ff"),
      "StateChange failed: [internal] Cannot decode",
    ],
    [
      "an event without container",
      "StopContainer",
      hex(""),
      "StopContainer failed: the event names no container",
    ],
    [
      "a container without id",
      "StartContainer",
      hex("1200"),
      "StartContainer failed: the event names no container",
    ],
  ] as const) {
    test(`success to ${title} and reports it`, async () => {
      await using bench = await connectPlugin();
      expect(await bench.plugin.call(method, payload)).toEqual(OK);
      expect(bench.errors).toEqual([expect.stringContaining(error)]);
      expect(bench.calls).toEqual([]);
    });
  }

  test("success when a handler throws, and reports it", async () => {
    const handlers = { startContainer: () => Promise.reject(new Error("no fanotify")) };
    await using bench = await connectPlugin({ handlers });
    await bench.plugin.handshake();
    expect(await bench.plugin.event("StartContainer", fakeContainer("c1"))).toEqual(OK);
    expect(bench.errors).toEqual(['StartContainer of container "c1" failed: no fanotify']);
  });

  test("success before the runtime's deadline when a handler hangs", async () => {
    const handlers = { startContainer: () => new Promise<void>(() => {}) };
    await using bench = await connectPlugin({ handlers, runtime: { requestTimeoutMs: 200 } });
    await bench.plugin.handshake();
    expect(await bench.plugin.event("StartContainer", fakeContainer("c1"))).toEqual(OK);
    expect(bench.errors).toHaveLength(1);
    expect(bench.errors[0]).toMatch(
      /^StartContainer of container "c1" is not done after \d+ ms: answered without/,
    );
    expect(await bench.plugin.event("StopContainer", fakeContainer("c1"))).toEqual(OK);
  });

  test("success at the ceiling when the runtime has more patience than that", async () => {
    const handlers = { startContainer: () => new Promise<void>(() => {}) };
    await using bench = await connectPlugin({ handlers, plugin: { replyCeilingMs: 5 } });
    expect(await bench.plugin.event("RemoveContainer", fakeContainer("c1"))).toEqual(OK);
    expect(await bench.plugin.event("StartContainer", fakeContainer("c1"))).toEqual(OK);
    expect(bench.errors).toEqual([
      'StartContainer of container "c1" is not done after 5 ms: answered without waiting for it',
    ]);
  });

  test("and it is told how long each answer took, those of slow and hanging handlers too", async () => {
    const answers = new Answers();
    const handlers = {
      startContainer: (_: unknown, { id }: { id: string }) =>
        id === "hangs" ? new Promise<void>(() => {}) : Bun.sleep(id === "slow" ? 120 : 0),
    };
    const onAnswer = (event: string, tookMs: number) => answers.add(event, tookMs);
    await using bench = await connectPlugin({ handlers, plugin: { replyCeilingMs: 300, onAnswer } });
    for (const id of ["a", "slow", "b", "hangs", "c"]) {
      expect(await bench.plugin.event("StartContainer", fakeContainer(id))).toEqual(OK);
    }
    await bench.plugin.event("StopContainer", fakeContainer("a"));
    const { StartContainer: start, StopContainer: stop } = answers.snapshot();
    expect(start).toMatchObject({ count: 5, slow: 2 });
    expect(start?.worstMs).toBeGreaterThanOrEqual(299);
    expect(start?.worstMs).toBeLessThan(2000);
    expect(stop).toMatchObject({ count: 1, slow: 0 });
    expect(stop?.worstMs).toBeGreaterThan(0);
  });

  test("the default mask when configure() throws, and reports it", async () => {
    const handlers = {
      configure: () => {
        throw new Error("bad text");
      },
    };
    await using bench = await connectPlugin({ handlers });
    await bench.plugin.registration;
    expect(await bench.plugin.configure("x")).toBe(0x220);
    expect(bench.errors).toEqual(["Configure failed: bad text; subscribed to start and stop of containers"]);
  });

  test("only events the runtime knows", async () => {
    await using bench = await connectPlugin({ handlers: { configure: () => 0x7fff } });
    await bench.plugin.registration;
    expect(await bench.plugin.configure()).toBe(0x7ff);
  });
});

describe("runPlugin() resolves with", () => {
  test('"refused" and the text when the registration is refused', async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    await bench.plugin.refuseRegistration('invalid plugin index: "5"');
    expect(await bench.end).toEqual({
      kind: "refused",
      message: 'invalid plugin index: "5"',
      configured: false,
    });
    await bench.plugin.ended;
  });

  test('"timed-out" when neither a reply nor a Configure comes', async () => {
    await using bench = await connectPlugin({ plugin: { registrationTimeoutMs: 5 } });
    expect(await bench.end).toEqual({ kind: "timed-out", timeoutMs: 5, configured: false });
    await bench.plugin.ended;
  });

  test("nothing when it was configured and only the reply to its registration is late", async () => {
    // The hanging handler is answered after the registration timer: when its reply is here, that time has passed.
    await using bench = await connectPlugin({
      handlers: { startContainer: () => new Promise<void>(() => {}) },
      plugin: { registrationTimeoutMs: 100, replyCeilingMs: 150 },
    });
    await bench.plugin.registration;
    await bench.plugin.configure();
    await bench.plugin.event("StartContainer", fakeContainer("c1"));
    expect(await bench.plugin.event("StopContainer", fakeContainer("c1"))).toEqual(OK);
  });

  test('"closed" when the runtime goes away before it configured us', async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    bench.plugin.close();
    expect(await bench.end).toEqual({ kind: "closed", configured: false });
  });

  test('"stopped" when its signal is aborted', async () => {
    const controller = new AbortController();
    await using bench = await connectPlugin({ plugin: { signal: controller.signal } });
    await bench.plugin.handshake();
    controller.abort();
    expect(await bench.end).toEqual({ kind: "stopped", configured: true });
    await bench.plugin.ended;
  });

  test('"stopped" when its signal was aborted before', async () => {
    await using bench = await connectPlugin({ plugin: { signal: AbortSignal.abort() } });
    expect(await bench.end).toEqual({ kind: "stopped", configured: false });
    await bench.plugin.ended;
  });

  for (const [title, source, text] of [
    [
      "nobody listens",
      { path: "/nonexistent/nri.sock" },
      'Cannot connect to "/nonexistent/nri.sock": ENOENT',
    ],
    [
      "the descriptor is not open",
      { fd: 987 },
      "Cannot use descriptor 987 as a connected socket: ECONNREFUSED",
    ],
  ] as const) {
    test(`"failed" when ${title}`, async () => {
      const end = await runPlugin({ source, name: "optimizer", idx: "02", handlers: recorder().handlers });
      expect(failure(end)).toBe(text);
      expect(end.configured).toBe(false);
    });
  }

  test('"failed" when the connection ends inside of a frame', async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    bench.plugin.send(golden.configure.subarray(0, 20));
    bench.plugin.close();
    expect(failure(await bench.end)).toBe("Connection ended inside of a frame, after 20 bytes of it");
  });

  test('"failed" when a frame is too long', async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    bench.plugin.send(uint32s(1, 17 << 20));
    expect(failure(await bench.end)).toBe(
      "Cannot read a frame of 17825792 bytes on connection 1: the maximum is 16777216",
    );
    await bench.plugin.ended;
  });

  test('"closed" at the end of the connection while a handler runs, whose signal is aborted', async () => {
    const started = Promise.withResolvers<AbortSignal>();
    const handlers = {
      startContainer: (_pod: unknown, _container: unknown, { signal }: { signal: AbortSignal }) => {
        started.resolve(signal);
        return new Promise<void>(() => {});
      },
    };
    await using bench = await connectPlugin({ handlers });
    await bench.plugin.handshake();
    const reply = bench.plugin.event("StartContainer", fakeContainer("c1"));
    const signal = await started.promise;
    bench.plugin.close();
    await expect(reply).rejects.toThrow("ttrpc: closed");
    expect((await bench.end).kind).toBe("closed");
    expect(signal.aborted).toBe(true);
    expect(bench.errors).toEqual([]);
  });
});

function failure(end: EndReason): string {
  return end.kind === "failed" ? end.error.message : `not failed but ${end.kind}`;
}

describe("runPlugin() survives", () => {
  test("arbitrary bytes: it ends with a reason, and calls no handler with a container that is none", async () => {
    const frame = fc
      .record({
        connectionId: fc.integer({ min: 0, max: 3 }),
        streamId: fc.integer({ min: 0, max: 9 }),
        type: fc.integer({ min: 0, max: 4 }),
        method: fc.constantFrom(
          "Configure",
          "Synchronize",
          "StateChange",
          "StartContainer",
          "StopContainer",
          "Foo",
        ),
        payload: fc.uint8Array({ maxLength: 60 }),
      })
      .map(({ connectionId, streamId, type, method, payload }) => {
        const request = fields([1, "nri.pkg.api.v1alpha1.Plugin"], [2, method], [3, payload]);
        const bytes = message(streamId, type, request);
        return concat([uint32s(connectionId, bytes.byteLength), bytes]);
      });
    const input = fc
      .array(fc.oneof({ weight: 5, arbitrary: frame }, fc.uint8Array({ maxLength: 30 })))
      .map(concat);
    await fc.assert(
      fc.asyncProperty(input, async (bytes) => {
        await using bench = await connectPlugin();
        await bench.plugin.registration;
        bench.plugin.send(bytes);
        bench.plugin.close();
        expect(["closed", "failed", "refused"]).toContain((await bench.end).kind);
      }),
      { seed: testSeed(), numRuns: 100 },
    );
  });

  test("a runtime that does not read: it ends before the replies fill the memory", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    bench.plugin.pause();
    const text = "x".repeat(1000);
    for (let streamId = 1; streamId < 20_000; streamId += 2) {
      const bytes = message(streamId, 1, fields([1, text]));
      bench.plugin.send(concat([uint32s(1, bytes.byteLength), bytes]));
    }
    expect(failure(await bench.end)).toMatch(/^Cannot write to the runtime: it left \d+ bytes unread$/);
  });

  test("a message over the limit, and answers code 8 on its stream", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    const reply = bench.plugin.replyTo(1);
    const length = (4 << 20) + 1;
    const bytes = concat([uint32s(length, 1), hex("0100"), new Uint8Array(length)]);
    bench.plugin.send(concat([uint32s(1, bytes.byteLength), bytes]));
    expect((await reply).code).toBe(8);
    bench.plugin.skipStream();
    expect(await bench.plugin.configure()).toBe(0x220);
  });

  test("frames of other connections, empty frames and foreign message types", async () => {
    await using bench = await connectPlugin();
    await bench.plugin.registration;
    bench.plugin.send(concat([uint32s(0, 3), hex("010203"), uint32s(1, 0), uint32s(2, 0), uint32s(77, 0)]));
    const data = message(1, 3, hex("01"));
    bench.plugin.send(concat([uint32s(1, data.byteLength), data]));
    expect(await bench.plugin.configure()).toBe(0x220);
  });
});

test("runPlugin() takes the calls of NRI 0.12, so that the runtime does not fall back to StateChange", async () => {
  await using bench = await connectPlugin({ runtime: { nriMinor: 12 } });
  await bench.plugin.handshake();
  await bench.plugin.event("StartContainer", fakeContainer("c1"));
  await bench.plugin.event("RemoveContainer", fakeContainer("c1"));
  expect(bench.plugin.hasOwnCalls).toBe(true);
});

describe("runPlugin() as a process the runtime has started", () => {
  for (const pace of ["pieces", "bytes"] as const) {
    test(`serves on the inherited socket, three variables of environment and no stdio, in ${pace}`, async () => {
      await using child = Bun.spawn([process.execPath, join(import.meta.dir, "pre-launched.ts")], {
        env: { NRI_PLUGIN_NAME: "optimizer", NRI_PLUGIN_IDX: "02", NRI_PLUGIN_SOCKET: "3" },
        stdio: ["ignore", "ignore", "ignore", "pipe"],
      });
      const plugin = await FakeRuntime.adopt(child.stdio[3] as number, { pace });
      expect(await plugin.handshake()).toBe(0x220);
      expect(await plugin.event("StartContainer", fakeContainer("c1"))).toEqual(OK);
      expect(await plugin.event("StopContainer", fakeContainer("c1"))).toEqual(OK);
      expect(plugin.violations).toEqual([]);
      plugin.close();
      expect(await child.exited).toBe(0);
    });
  }
});
