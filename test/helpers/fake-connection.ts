import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  ConfigureRequestSchema,
  ConfigureResponseSchema,
  Event,
  type RegisterPluginRequest,
  RegisterPluginRequestSchema,
  SynchronizeResponseSchema,
} from "../../src/gen/nri_pb.ts";
import { RequestSchema, ResponseSchema } from "../../src/gen/ttrpc_pb.ts";
import { GoReader } from "./go-reader.ts";
import {
  containerRequest,
  type FakeContainer,
  fields,
  stateChange,
  synchronizeRequest,
} from "./nri-messages.ts";
import { concat } from "./splits.ts";

/** How a fake runtime differs from containerd 2.1. */
export interface FakeRuntimeOptions {
  /** The minor version of NRI: 6 sends neither timeouts nor a Synchronize, 12 has calls of their own for events. */
  readonly nriMinor?: number;
  /**
   * How bytes get to the socket: `pieces` (the default) is Go's way, header and payload of a frame apart; `bytes` lets
   * the plugin read each one for itself; `burst` writes whole messages.
   */
  readonly pace?: "burst" | "pieces" | "bytes";
  /** The patience with replies, 2000 ms; then the connection is closed, as in Go. */
  readonly requestTimeoutMs?: number;
  /** What it calls itself. */
  readonly name?: string;
  readonly version?: string;
}

/** What a connection needs of its socket. */
export interface FakeSocket {
  write(bytes: Uint8Array): void;
  close(): void;
  /** Leaves what comes in the kernel's buffer. */
  pause?(): void;
}

/** A reply of the plugin. `code` is 0 on success. */
export interface Reply {
  readonly code: number;
  readonly message: string;
  readonly payload: Uint8Array;
}

/** The three events that concern a plugin that traces. */
export type ContainerEventName = "StartContainer" | "StopContainer" | "RemoveContainer";

const EVENTS = {
  StartContainer: Event.START_CONTAINER,
  StopContainer: Event.STOP_CONTAINER,
  RemoveContainer: Event.REMOVE_CONTAINER,
} as const;

const PLUGIN_SERVICE = "nri.pkg.api.v1alpha1.Plugin";
const [PLUGIN, RUNTIME] = [1, 2];
const UNIMPLEMENTED = 12;

/**
 * One plugin, as the runtime sees it. Writes what Go writes and reads as strictly as Go reads: what a real runtime would
 * not survive ends up in `violations`, which tests expect to be empty.
 */
export class FakeConnection {
  /** The plugin's RegisterPlugin. Answer it by `acceptRegistration()` or `refuseRegistration()`. */
  readonly registration: Promise<RegisterPluginRequest>;
  /** Resolves when the connection is over, whoever ended it. */
  readonly ended: Promise<void>;
  readonly #registration = Promise.withResolvers<RegisterPluginRequest>();
  readonly #ended = Promise.withResolvers<void>();
  readonly #socket: FakeSocket;
  readonly #options: Required<FakeRuntimeOptions>;
  readonly #reader = new GoReader();
  readonly #replies = new Map<number, PromiseWithResolvers<Reply>>();
  #nextStreamId = 1;
  #registerStreamId = 0;
  #hasOwnCalls: boolean;
  #writing: Promise<void> = Promise.resolve();
  #isOver = false;

  constructor(socket: FakeSocket, options: FakeRuntimeOptions) {
    this.#socket = socket;
    this.#options = {
      nriMinor: 8,
      pace: "pieces",
      requestTimeoutMs: 2000,
      name: "containerd",
      version: "2.1.9",
      ...options,
    };
    this.#hasOwnCalls = this.#options.nriMinor >= 12;
    this.registration = this.#registration.promise;
    this.ended = this.#ended.promise;
    // Not every test looks at the registration; one that ends before it has no rejection to handle.
    this.registration.catch(() => {});
  }

  /** What the plugin wrote that a real runtime chokes on. */
  get violations(): readonly string[] {
    return this.#reader.violations;
  }

  /** Whether events go as calls of their own, and not as StateChange. */
  get hasOwnCalls(): boolean {
    return this.#hasOwnCalls;
  }

  /** Every byte the plugin has written. */
  get written(): Uint8Array {
    return concat(this.#reader.chunks);
  }

  /** The whole start of a session, in the order of Go. Resolves with the plugin's event mask. */
  async handshake(config = ""): Promise<number> {
    await this.registration;
    const mask = await this.configure(config);
    await this.acceptRegistration();
    if (this.#options.nriMinor >= 7) await this.synchronize([[]]);
    return mask;
  }

  async acceptRegistration(): Promise<void> {
    await this.#write(RUNTIME, message(this.#registerStreamId, 2, new Uint8Array(0)));
  }

  /** Refuses with status code 2 and leaves the connection open, as runtimes do. */
  async refuseRegistration(text: string): Promise<void> {
    const response = create(ResponseSchema, { status: { code: 2, message: text } });
    await this.#write(RUNTIME, message(this.#registerStreamId, 2, toBinary(ResponseSchema, response)));
  }

  /** Resolves with the event mask of the reply. */
  async configure(config = ""): Promise<number> {
    const { nriMinor, requestTimeoutMs, name, version } = this.#options;
    const request = create(ConfigureRequestSchema, {
      config,
      runtimeName: name,
      runtimeVersion: version,
      ...(nriMinor >= 7 && { registrationTimeout: 5000n, requestTimeout: BigInt(requestTimeoutMs) }),
      ...(nriMinor >= 12 && { nriVersion: `v0.${nriMinor}.0` }),
    });
    const reply = await this.call("Configure", toBinary(ConfigureRequestSchema, request));
    return fromBinary(ConfigureResponseSchema, succeeded(reply).payload).events;
  }

  /** One request for each item of `parts`. Rejects when the plugin does not mirror `more`. */
  async synchronize(parts: readonly (readonly FakeContainer[])[]): Promise<void> {
    for (const [index, part] of parts.entries()) {
      const more = index < parts.length - 1;
      const reply = await this.call("Synchronize", synchronizeRequest(part, more));
      const response = fromBinary(SynchronizeResponseSchema, succeeded(reply).payload);
      if (response.more !== more) throw new Error("plugin does not handle split sync requests");
    }
  }

  /** Sends an event the way this version of NRI does, with Go's sticky fallback to StateChange on code 12. */
  async event(name: ContainerEventName, container: FakeContainer): Promise<Reply> {
    // StopContainer is a call of its own in every version.
    if (name === "StopContainer" || this.#hasOwnCalls) {
      const reply = await this.call(name, containerRequest(container));
      if (name === "StopContainer" || reply.code !== UNIMPLEMENTED) return reply;
      this.#hasOwnCalls = false;
    }
    return this.call("StateChange", stateChange(EVENTS[name], container));
  }

  /** Any call. Rejects when the connection ends; ends it when no reply comes in time. */
  async call(
    method: string,
    payload: Uint8Array,
    { service = PLUGIN_SERVICE, timeoutMs = this.#options.requestTimeoutMs } = {},
  ): Promise<Reply> {
    const streamId = this.#nextStreamId;
    this.#nextStreamId += 2;
    const request = concat([
      fields([1, service], [2, method], [3, payload]),
      new BinaryWriter()
        .tag(4, WireType.Varint)
        .int64(BigInt(timeoutMs) * 1_000_000n)
        .finish(),
      fields([5, fields([1, "containerd-namespace-ttrpc"], [2, "k8s.io"])]),
    ]);
    const reply = this.replyTo(streamId);
    const timer = setTimeout(() => {
      this.#replies.get(streamId)?.reject(new Error(`${method}: context deadline exceeded`));
      this.close();
    }, timeoutMs);
    try {
      await this.#write(PLUGIN, message(streamId, 1, request));
      return await reply;
    } finally {
      clearTimeout(timer);
      this.#replies.delete(streamId);
    }
  }

  /** The reply on a stream, for requests that were written by `send()`. */
  replyTo(streamId: number): Promise<Reply> {
    const reply = Promise.withResolvers<Reply>();
    // The connection may end before anybody waits; who waits later still gets the rejection.
    reply.promise.catch(() => {});
    if (this.#isOver) reply.reject(new Error("ttrpc: closed"));
    this.#replies.set(streamId, reply);
    return reply.promise;
  }

  /** Writes bytes as they are, in one piece. */
  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Stops reading, as a runtime that hangs. */
  pause(): void {
    if (this.#socket.pause === undefined) throw new Error("This socket cannot pause");
    this.#socket.pause();
  }

  /** Leaves out a stream id, after `send()` has used it. */
  skipStream(): void {
    this.#nextStreamId += 2;
  }

  /** Ends the connection, which is all a runtime does with a plugin it is done with. */
  close(): void {
    this.#socket.close();
    this.end();
  }

  /** Called by the socket: bytes of the plugin. */
  receive(chunk: Uint8Array): void {
    for (const { connectionId, streamId, type, data } of this.#reader.push(chunk)) {
      if (connectionId === RUNTIME && type === 1) this.#serve(streamId, data);
      else if (connectionId === PLUGIN && type === 2) {
        const { status, payload } = fromBinary(ResponseSchema, data);
        const reply = { code: status?.code ?? 0, message: status?.message ?? "", payload };
        // Logged and dropped in Go ("received message on inactive stream"): nobody may rely on it.
        if (!this.#replies.has(streamId))
          this.#reader.violations.push(`reply on inactive stream ${streamId}`);
        this.#replies.get(streamId)?.resolve(reply);
      } else this.#reader.violations.push(`type ${type} on connection ${connectionId}`);
    }
  }

  /** Called by the socket: the connection is over. */
  end(): void {
    this.#isOver = true;
    const closed = new Error("ttrpc: closed");
    for (const reply of this.#replies.values()) reply.reject(closed);
    this.#registration.reject(closed);
    this.#ended.resolve();
  }

  #serve(streamId: number, data: Uint8Array): void {
    const { service, method, payload } = fromBinary(RequestSchema, data);
    if (service !== "nri.pkg.api.v1alpha1.Runtime" || method !== "RegisterPlugin") {
      this.#reader.violations.push(`unexpected call of ${service}/${method}`);
      return;
    }
    this.#registerStreamId = streamId;
    this.#registration.resolve(fromBinary(RegisterPluginRequestSchema, payload));
  }

  /** Queues one message in Go's frames: 4096 bytes, then the rest, whatever its length. */
  #write(connectionId: number, bytes: Uint8Array): Promise<void> {
    const frames = [bytes.subarray(0, 4096), bytes.subarray(4096)].filter((part) => part.byteLength > 0);
    const parts = frames.flatMap((payload) => [uint32s(connectionId, payload.byteLength), payload]);
    this.#writing = this.#writing.then(() => this.#writeParts(parts));
    return this.#writing;
  }

  async #writeParts(parts: readonly Uint8Array[]): Promise<void> {
    const { pace } = this.#options;
    const portions =
      pace === "burst"
        ? [concat(parts)]
        : pace === "pieces"
          ? parts
          : parts.flatMap((part) => Array.from(part, (byte) => Uint8Array.of(byte)));
    for (const portion of portions) {
      if (this.#isOver) return;
      this.#socket.write(portion);
      // A turn of the event loop lets a plugin in this process read the portion before the next one is there.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

function succeeded(reply: Reply): Reply {
  if (reply.code !== 0) throw new Error(`[${reply.code}] ${reply.message}`);
  return reply;
}

/** A ttrpc message with flags 0. */
export function message(streamId: number, type: number, data: Uint8Array): Uint8Array {
  return concat([uint32s(data.byteLength, streamId), Uint8Array.of(type, 0), data]);
}

/** Big-endian numbers. */
export function uint32s(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, number] of numbers.entries()) view.setUint32(index * 4, number);
  return bytes;
}
