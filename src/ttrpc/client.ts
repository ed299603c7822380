import { create, toBinary } from "@bufbuild/protobuf";
import { RequestSchema, ResponseSchema } from "../gen/ttrpc_pb.ts";
import { encodeMessage, type Message, MessageDecoder, MessageType, oversizeError } from "./message.ts";
import { decodePayload } from "./payload.ts";
import { Code, codeName, TtrpcError } from "./status.ts";

/** A unary call. */
export interface Call {
  /** Full proto name, without a slash. */
  readonly service: string;
  readonly method: string;
  readonly payload: Uint8Array;
  /** Told to the server and enforced here. Without it the call waits until the connection ends. */
  readonly timeoutMs?: number;
  /** Ends the wait. The protocol cannot cancel: the server goes on, its reply is dropped. */
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly call: Call;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: TtrpcError) => void;
}

/** The calling side of one ttrpc connection, over any ordered byte stream. */
export class TtrpcClient {
  readonly #send: (bytes: Uint8Array) => void;
  readonly #decoder = new MessageDecoder();
  readonly #pending = new Map<number, Pending>();
  #nextStreamId = 1;
  #closed: TtrpcError | undefined;

  /** `send` takes one whole message a call, which belongs to it from then on. */
  constructor(options: { readonly send: (bytes: Uint8Array) => void }) {
    this.#send = options.send;
  }

  /**
   * Resolves with the payload of the reply. Rejects with a `TtrpcError`: the status of the server, `deadlineExceeded`,
   * `canceled` by the signal (its reason is the cause), `resourceExhausted` for a message over the limit, or
   * `unavailable` when the connection is closed.
   */
  async call(call: Call): Promise<Uint8Array> {
    const { timeoutMs, signal } = call;
    if (signal?.aborted) throw canceled(call, signal);
    if (this.#closed !== undefined) throw this.#closed;
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const request = create(RequestSchema, {
      service: call.service,
      method: call.method,
      payload: call.payload,
      timeoutNano: BigInt(Math.max(0, Math.round((timeoutMs ?? 0) * 1e6))),
    });
    const streamId = this.#nextStreamId;
    const bytes = encodeMessage({
      streamId,
      type: MessageType.request,
      flags: 0,
      data: toBinary(RequestSchema, request),
    });
    // Ids are odd and must grow on the wire: no await stands between taking one and sending it.
    this.#nextStreamId += 2;
    this.#pending.set(streamId, { call, resolve, reject });
    const onAbort = (): void => {
      if (signal !== undefined) reject(canceled(call, signal));
    };
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            reject(
              new TtrpcError(Code.deadlineExceeded, `No reply to ${call.method} within ${timeoutMs} ms`),
            );
          }, timeoutMs);
    signal?.addEventListener("abort", onAbort);
    try {
      this.#send(bytes);
      return await promise;
    } catch (error) {
      throw TtrpcError.from(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
      this.#pending.delete(streamId);
    }
  }

  /** Takes the next bytes of the connection. Never throws: a reply that makes no sense fails its own call alone. */
  receive(chunk: Uint8Array): void {
    for (const received of this.#decoder.push(chunk)) {
      if (received.kind === "message") this.#settle(received.message);
      else this.#pending.get(received.streamId)?.reject(oversizeError("receive", received.length));
    }
  }

  /** Fails the pending calls and all later ones with `unavailable`. Idempotent: the first reason stays. */
  close(reason: string): void {
    this.#closed ??= new TtrpcError(Code.unavailable, reason);
    for (const pending of this.#pending.values()) pending.reject(this.#closed);
  }

  #settle(message: Message): void {
    // A stream that is not pending was given up, by its deadline or its signal: a late reply is no fault.
    const pending = this.#pending.get(message.streamId);
    if (pending === undefined || message.type === MessageType.data) return;
    if (message.type !== MessageType.response) {
      pending.reject(
        new TtrpcError(Code.internal, `Reply to ${pending.call.method} has type ${message.type}`),
      );
      return;
    }
    try {
      const { status, payload } = decodePayload(ResponseSchema, message.data);
      if (status === undefined || status.code === Code.ok) pending.resolve(payload);
      else pending.reject(new TtrpcError(status.code, status.message || codeName(status.code)));
    } catch (error) {
      pending.reject(TtrpcError.from(error));
    }
  }
}

function canceled(call: Call, signal: AbortSignal): TtrpcError {
  return new TtrpcError(Code.canceled, `Call of ${call.method} was cancelled`, { cause: signal.reason });
}
