import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Request, RequestSchema, ResponseSchema } from "../gen/ttrpc_pb.ts";
import { encodeMessage, type Message, MessageDecoder, MessageType, oversizeError } from "./message.ts";
import { decodePayload } from "./payload.ts";
import { Code, TtrpcError } from "./status.ts";

/** What a handler knows of its call. */
export interface CallContext {
  /** When the caller stops waiting, on the clock of `performance.now()`. Undefined: it did not say. */
  readonly deadlineMs: number | undefined;
  /** Aborted at the deadline, and when the connection ends. */
  readonly signal: AbortSignal;
}

/**
 * Answers one call. `payload` is the handler's to keep. The resolved bytes go out as the reply; what it throws becomes
 * the status, by `TtrpcError.from`.
 */
export type Handler = (payload: Uint8Array, context: CallContext) => Promise<Uint8Array>;

/** Handlers by full service name and bare method name. */
export type Services = Readonly<Record<string, Readonly<Record<string, Handler>>>>;

/**
 * The answering side of one ttrpc connection, over any ordered byte stream. Calls run concurrently, each started before
 * the next one is looked at; replies go out in the order in which the handlers finish. Wrong calls are answered the way
 * the Go server answers them. Nothing a peer sends ends the server: each error burns its own stream.
 */
export class TtrpcServer {
  readonly #services: Services;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #decoder = new MessageDecoder();
  readonly #running = new Set<AbortController>();
  #lastStreamId = 0;
  #closed = false;

  /** `send` takes one whole message a call, which belongs to it from then on. */
  constructor(options: { readonly services: Services; readonly send: (bytes: Uint8Array) => void }) {
    this.#services = options.services;
    this.#send = options.send;
  }

  /** Takes the next bytes of the connection. Never throws. */
  receive(chunk: Uint8Array): void {
    for (const received of this.#decoder.push(chunk)) {
      if (this.#closed) return;
      if (received.kind === "message") this.#dispatch(received.message);
      else if (received.type === MessageType.request) {
        this.#refuse(received.streamId, oversizeError("receive", received.length));
      }
    }
  }

  /** Aborts the signals of the running handlers and drops their replies. Idempotent. */
  close(reason: string): void {
    this.#closed = true;
    const error = new TtrpcError(Code.canceled, reason);
    for (const controller of this.#running) controller.abort(error);
    this.#running.clear();
  }

  #dispatch(message: Message): void {
    // Data belongs to streaming calls, and none is ever open here; types we do not know are ignored, as Go does.
    if (message.type !== MessageType.request) return;
    const { streamId } = message;
    if (streamId % 2 !== 1) {
      this.#refuse(streamId, invalid("StreamID must be odd for client initiated streams"));
      return;
    }
    if (streamId <= this.#lastStreamId) {
      this.#refuse(streamId, invalid("StreamID cannot be re-used and must increment"));
      return;
    }
    this.#lastStreamId = streamId;
    let request: Request;
    try {
      request = decodePayload(RequestSchema, message.data);
    } catch (error) {
      this.#refuse(streamId, invalid(`unmarshal request error: ${TtrpcError.from(error).status}`));
      return;
    }
    void this.#run(streamId, request);
  }

  async #run(streamId: number, request: Request): Promise<void> {
    const controller = new AbortController();
    this.#running.add(controller);
    const timeoutMs = request.timeoutNano > 0n ? Number(request.timeoutNano) / 1e6 : undefined;
    const timer = startDeadline(controller, timeoutMs);
    try {
      const payload = await this.#find(request)(request.payload, {
        deadlineMs: timeoutMs === undefined ? undefined : performance.now() + timeoutMs,
        signal: controller.signal,
      });
      this.#reply(streamId, { payload }, controller.signal);
    } catch (error) {
      this.#refuse(streamId, TtrpcError.from(error), controller.signal);
    } finally {
      clearTimeout(timer);
      this.#running.delete(controller);
    }
  }

  /** Own properties only: a peer may well ask for the method "constructor". */
  #find({ service, method }: Request): Handler {
    const methods = Object.hasOwn(this.#services, service) ? this.#services[service] : undefined;
    if (methods === undefined) throw new TtrpcError(Code.unimplemented, `service ${service}`);
    const handler = Object.hasOwn(methods, method) ? methods[method] : undefined;
    if (handler === undefined) throw new TtrpcError(Code.unimplemented, `method ${method}`);
    return handler;
  }

  /** Sends, unless nobody waits any more: after its deadline the caller has forgotten the stream. */
  #reply(streamId: number, response: MessageInitShape<typeof ResponseSchema>, signal?: AbortSignal): void {
    if (this.#closed || signal?.aborted) return;
    // A reply over the limit throws here, on its way to the catch of #run, which sends the status in its place.
    const data = toBinary(ResponseSchema, create(ResponseSchema, response));
    this.#send(encodeMessage({ streamId, type: MessageType.response, flags: 0, data }));
  }

  #refuse(streamId: number, error: TtrpcError, signal?: AbortSignal): void {
    // Texts repeat what the peer sent, a name of 4 MiB as well: cut, so that the status itself is never too long.
    const message = error.status.slice(0, STATUS_LENGTH_MAX);
    this.#reply(streamId, { status: { code: error.code, message } }, signal);
  }
}

function invalid(status: string): TtrpcError {
  return new TtrpcError(Code.invalidArgument, status);
}

const STATUS_LENGTH_MAX = 1024;

/** The longest delay a timer can have; longer ones would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function startDeadline(controller: AbortController, timeoutMs: number | undefined): Timer | undefined {
  if (timeoutMs === undefined || timeoutMs > TIMER_MAX_MS) return undefined;
  return setTimeout(() => {
    controller.abort(new TtrpcError(Code.deadlineExceeded, `Caller waited for ${timeoutMs} ms`));
  }, timeoutMs);
}
