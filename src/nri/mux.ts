import { NriError } from "./error.ts";

/** Bytes in front of the payload of each frame. */
export const FRAME_HEADER_LENGTH = 8;

/**
 * The most payload we write in a frame. The Go reader hands each frame to a buffer of 4096 bytes, and a longer one that
 * begins a ttrpc message ends the connection.
 */
export const SENT_PAYLOAD_MAX = 4096;

/** The most payload we accept in a frame: what NRI up to 0.6 can write (later ones write 4 MiB + 10). */
export const RECEIVED_PAYLOAD_MAX = 16 << 20;

/** One portion of the byte stream of a logical connection. Where frames begin and end carries no meaning. */
export interface Frame {
  readonly connectionId: number;
  readonly payload: Uint8Array;
}

/**
 * The frames of one message, in one new buffer that must be written without anything in between.
 * Takes exactly one message: the Go reader loses what follows one in the same frame. Its queue holds 256 frames, so
 * messages over 1 MiB are for peers that read fast.
 */
export function encodeFrames(connectionId: number, message: Uint8Array): Uint8Array {
  const count = Math.ceil(message.byteLength / SENT_PAYLOAD_MAX);
  const bytes = new Uint8Array(count * FRAME_HEADER_LENGTH + message.byteLength);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (let start = 0; start < message.byteLength; start += SENT_PAYLOAD_MAX) {
    const payload = message.subarray(start, start + SENT_PAYLOAD_MAX);
    view.setUint32(offset, connectionId); //           0-3: connection id
    view.setUint32(offset + 4, payload.byteLength); // 4-7: payload length
    bytes.set(payload, offset + FRAME_HEADER_LENGTH);
    offset += FRAME_HEADER_LENGTH + payload.byteLength;
  }
  return bytes;
}

/** Where the decoder stands in the byte stream. */
type State =
  | { readonly at: "header" }
  /** Filling a buffer that has the length of the payload. */
  | { readonly at: "payload"; readonly connectionId: number; readonly payload: Uint8Array }
  /** Stepping over the payload of a connection nobody opened. */
  | { readonly at: "foreign"; readonly length: number };

/** Cuts the byte stream of a trunk into frames. Bytes may come in any portions. */
export class FrameDecoder {
  readonly #connectionIds: ReadonlySet<number>;
  readonly #payloadMax: number;
  readonly #header = new Uint8Array(FRAME_HEADER_LENGTH);
  #state: State = { at: "header" };
  /** Bytes taken of the header or the payload in `#state`. */
  #filled = 0;

  /** Frames of other connections than `connectionIds` are dropped without a word, which is the protocol. */
  constructor(options: { readonly connectionIds: Iterable<number>; readonly payloadMax?: number }) {
    this.#connectionIds = new Set(options.connectionIds);
    this.#payloadMax = options.payloadMax ?? RECEIVED_PAYLOAD_MAX;
  }

  /** Bytes received of a frame that is not complete. 0 at a boundary: an end of the stream is clean only there. */
  get buffered(): number {
    return this.#filled + (this.#state.at === "header" ? 0 : FRAME_HEADER_LENGTH);
  }

  /**
   * Takes the next bytes and returns the frames they complete, in order. A payload that lies whole in `chunk` is a view
   * of it: use the frames before `chunk` changes. Throws an `NriError` ("frame-too-long") before anything is allocated
   * for a payload over the limit; the stream is of no use after that.
   */
  push(chunk: Uint8Array): Frame[] {
    const frames: Frame[] = [];
    for (let offset = 0; offset < chunk.byteLength; ) {
      const state = this.#state;
      const wanted = lengthOf(state) - this.#filled;
      const part = chunk.subarray(offset, offset + wanted);
      if (state.at === "header") this.#header.set(part, this.#filled);
      else if (state.at === "payload") state.payload.set(part, this.#filled);
      offset += part.byteLength;
      this.#filled += part.byteLength;
      if (part.byteLength < wanted) break;
      this.#filled = 0;
      if (state.at === "header") offset += this.#enterPayload(chunk.subarray(offset), frames);
      else {
        if (state.at === "payload") frames.push({ connectionId: state.connectionId, payload: state.payload });
        this.#state = { at: "header" };
      }
    }
    return frames;
  }

  /** Goes on from a complete header, and past a payload that lies whole in `rest`. Returns the bytes used of `rest`. */
  #enterPayload(rest: Uint8Array, frames: Frame[]): number {
    const view = new DataView(this.#header.buffer);
    const connectionId = view.getUint32(0);
    const length = view.getUint32(4);
    const known = this.#connectionIds.has(connectionId);
    if (known && length > this.#payloadMax) {
      throw new NriError(
        "frame-too-long",
        `Cannot read a frame of ${length} bytes on connection ${connectionId}: the maximum is ${this.#payloadMax}`,
      );
    }
    if (rest.byteLength >= length) {
      if (known) frames.push({ connectionId, payload: rest.subarray(0, length) });
      this.#state = { at: "header" };
      return length;
    }
    this.#state = known
      ? { at: "payload", connectionId, payload: new Uint8Array(length) }
      : { at: "foreign", length };
    return 0;
  }
}

function lengthOf(state: State): number {
  switch (state.at) {
    case "header":
      return FRAME_HEADER_LENGTH;
    case "payload":
      return state.payload.byteLength;
    case "foreign":
      return state.length;
  }
}
