import { create, toBinary } from "@bufbuild/protobuf";
import { RegisterPluginRequestSchema } from "../gen/nri_pb.ts";
import { type ByteStream, openStream, type StreamSource } from "../sys/stream.ts";
import { TtrpcClient } from "../ttrpc/client.ts";
import { TtrpcServer } from "../ttrpc/server.ts";
import { Code, TtrpcError } from "../ttrpc/status.ts";
import { ConnectionId, RUNTIME_SERVICE } from "./connections.ts";
import { NriError } from "./error.ts";
import { encodeFrames, FrameDecoder } from "./mux.ts";
import { type PluginHandlers, pluginServices } from "./plugin-service.ts";

/** One connection to a runtime. */
export interface PluginOptions {
  /** A descriptor is owned from now on. */
  readonly source: StreamSource;
  readonly name: string;
  /** Two digits. */
  readonly idx: string;
  readonly handlers: PluginHandlers;
  /** Told the socket's descriptor when the connection is there, before anything is received. It stays the connection's. */
  readonly onOpen?: (fd: number) => void;
  /** Told what went wrong and was answered with success all the same. One line, not ended. */
  readonly onError?: (message: string) => void;
  /** Told of each answer to a container event that had a handler, and how long the runtime waited for it. */
  readonly onAnswer?: (event: string, tookMs: number) => void;
  /** How long the runtime may take to answer RegisterPlugin or to configure us. 5 seconds, as in the Go plugins. */
  readonly registrationTimeoutMs?: number;
  /** The longest a handler holds up the runtime. */
  readonly replyCeilingMs?: number;
  /** What is left of the runtime's deadline when a handler that is late gets answered for. */
  readonly replyMarginMs?: number;
  /** Ends the connection. */
  readonly signal?: AbortSignal;
}

/** Why a connection is over. */
type End =
  /** The runtime closed it, which is the only end it knows. */
  | { readonly kind: "closed" }
  /** Our own signal. */
  | { readonly kind: "stopped" }
  /** The runtime does not want this plugin; `message` is its text. */
  | { readonly kind: "refused"; readonly message: string }
  /** Neither a reply to RegisterPlugin nor a Configure came in time. */
  | { readonly kind: "timed-out"; readonly timeoutMs: number }
  /** It could not be opened, broke, or carried what is no NRI. */
  | { readonly kind: "failed"; readonly error: Error };

/** Why a connection is over, and whether the runtime had configured us, so that it was of use. */
export type EndReason = End & { readonly configured: boolean };

/** The latest version of NRI that this plugin was made for, as plugins in Go tell theirs. Runtimes put it into their log. */
const NRI_VERSION = "v0.12.2";

const REGISTRATION_TIMEOUT_MS = 5000;
const REPLY_CEILING_MS = 1000;
const REPLY_MARGIN_MS = 250;
/** Replies are a few bytes. This many unread ones mean that the runtime hangs, and memory must not grow with it. */
const PENDING_BYTES_MAX = 4 << 20;

/**
 * Connects, registers and serves until the connection is over. Never rejects: each end is an `EndReason`. Handlers that
 * still run then have their signals aborted and are not waited for.
 */
export function runPlugin(options: PluginOptions): Promise<EndReason> {
  return new PluginConnection(options).run();
}

class PluginConnection {
  readonly #options: PluginOptions;
  readonly #frames = new FrameDecoder({ connectionIds: Object.values(ConnectionId) });
  readonly #client = new TtrpcClient({ send: (bytes) => this.#send(ConnectionId.runtime, bytes) });
  readonly #server: TtrpcServer;
  readonly #ended = Promise.withResolvers<EndReason>();
  /** What is written before the stream is known: the runtime's first request may be quicker than `openStream`. */
  readonly #early: Uint8Array[] = [];
  #stream: ByteStream | undefined;
  #configured = false;
  #isOver = false;

  constructor(options: PluginOptions) {
    this.#options = options;
    this.#server = new TtrpcServer({
      services: pluginServices({
        handlers: options.handlers,
        limits: {
          ceilingMs: options.replyCeilingMs ?? REPLY_CEILING_MS,
          marginMs: options.replyMarginMs ?? REPLY_MARGIN_MS,
        },
        onConfigured: () => {
          this.#configured = true;
        },
        onError: options.onError ?? (() => {}),
        onAnswer: options.onAnswer ?? (() => {}),
      }),
      send: (bytes) => this.#send(ConnectionId.plugin, bytes),
    });
  }

  async run(): Promise<EndReason> {
    const { source, signal } = this.#options;
    const onAbort = (): void => this.#end({ kind: "stopped" });
    signal?.addEventListener("abort", onAbort);
    try {
      if (signal?.aborted) onAbort();
      // The stream is opened even when we are stopped already: a descriptor that was given to us must get closed.
      await this.#open(source);
      return await this.#ended.promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  async #open(source: StreamSource): Promise<void> {
    try {
      this.#stream = await openStream(source, {
        data: (chunk) => this.#receive(chunk),
        end: (error) => this.#streamEnded(error),
      });
    } catch (error) {
      this.#end({ kind: "failed", error: connectError(source, error) });
      return;
    }
    if (this.#isOver) {
      this.#stream.close();
      return;
    }
    this.#options.onOpen?.(this.#stream.fd);
    // Serving has begun: Configure and even Synchronize may come before the reply to RegisterPlugin.
    void this.#register();
    for (const bytes of this.#early.splice(0)) this.#stream.write(bytes);
  }

  async #register(): Promise<void> {
    const { name, idx, registrationTimeoutMs: timeoutMs = REGISTRATION_TIMEOUT_MS } = this.#options;
    const request = create(RegisterPluginRequestSchema, {
      pluginName: name,
      pluginIdx: idx,
      nriVersion: NRI_VERSION,
    });
    try {
      await this.#client.call({
        service: RUNTIME_SERVICE,
        method: "RegisterPlugin",
        payload: toBinary(RegisterPluginRequestSchema, request),
        timeoutMs,
      });
    } catch (reason) {
      const error = TtrpcError.from(reason);
      // The runtime leaves the socket of a refused plugin open: we are the one to go.
      if (error.code !== Code.deadlineExceeded) this.#end({ kind: "refused", message: error.status });
      // Being configured tells what the reply would: we are in.
      else if (!this.#configured) this.#end({ kind: "timed-out", timeoutMs });
    }
  }

  #receive(chunk: Uint8Array): void {
    try {
      for (const { connectionId, payload } of this.#frames.push(chunk)) {
        if (connectionId === ConnectionId.plugin) this.#server.receive(payload);
        else this.#client.receive(payload);
      }
    } catch (error) {
      // A frame that cannot be right burns the connection: where the next one begins is not known.
      this.#end({ kind: "failed", error: error instanceof Error ? error : new Error(String(error)) });
    }
  }

  #send(connectionId: number, message: Uint8Array): void {
    const bytes = encodeFrames(connectionId, message);
    if (this.#stream === undefined) this.#early.push(bytes);
    else if (this.#stream.pendingBytes + bytes.byteLength <= PENDING_BYTES_MAX) this.#stream.write(bytes);
    else {
      const text = `Cannot write to the runtime: it left ${this.#stream.pendingBytes} bytes unread`;
      this.#end({ kind: "failed", error: new NriError("peer-not-reading", text) });
    }
  }

  #streamEnded(error: Error | undefined): void {
    if (error !== undefined) this.#end({ kind: "failed", error });
    else if (this.#frames.buffered === 0) this.#end({ kind: "closed" });
    else {
      const text = `Connection ended inside of a frame, after ${this.#frames.buffered} bytes of it`;
      this.#end({ kind: "failed", error: new NriError("cut-off", text) });
    }
  }

  /** The one way out. The first reason stands: what follows, such as the end of a stream we close, is its echo. */
  #end(end: End): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#ended.resolve({ ...end, configured: this.#configured });
    this.#client.close("Connection is closed");
    this.#server.close("Connection is closed");
    this.#stream?.close();
  }
}

/** Bun says "Failed to connect" for all of them; the code tells what is wrong. */
function connectError(source: StreamSource, cause: unknown): NriError {
  const fact = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const act =
    "path" in source ? `connect to "${source.path}"` : `use descriptor ${source.fd} as a connected socket`;
  return new NriError("connect", `Cannot ${act}: ${fact}`, { cause });
}
