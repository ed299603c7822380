import { Code, TtrpcError } from "./status.ts";

/** Bytes in front of the data of each message. */
export const HEADER_LENGTH = 10;

/** The most data one message may carry; both sides of the protocol agree on it. */
export const DATA_LENGTH_MAX = 4 << 20;

/** The numbers of the message types. `data` belongs to streaming calls, which NRI does not make. */
export const MessageType = { request: 1, response: 2, data: 3 } as const;

/** One ttrpc message. Type and flags are as on the wire: a receiver ignores the types it does not know. */
export interface Message {
  readonly streamId: number;
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
}

/** What a peer sent: a message, or the header of one whose data is longer than the limit and gets discarded. */
export type Received =
  | { readonly kind: "message"; readonly message: Message }
  | { readonly kind: "oversize"; readonly streamId: number; readonly type: number; readonly length: number };

/**
 * Header and data in one new buffer.
 * Throws a `TtrpcError` (`resourceExhausted`) when the data is longer than the limit: the peer would not read it.
 */
export function encodeMessage(message: Message): Uint8Array {
  const { streamId, type, flags, data } = message;
  if (data.byteLength > DATA_LENGTH_MAX) throw oversizeError("send", data.byteLength);
  const bytes = new Uint8Array(HEADER_LENGTH + data.byteLength);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.byteLength); //   0-3: length of the data, without the header
  view.setUint32(4, streamId); //          4-7: stream id
  view.setUint8(8, type); //               8: type
  view.setUint8(9, flags); //              9: flags, 0 in unary calls
  bytes.set(data, HEADER_LENGTH);
  return bytes;
}

/** The error for a message of `length` bytes of data, which `act` ("send", "receive") could not deal with. */
export function oversizeError(act: string, length: number): TtrpcError {
  return new TtrpcError(
    Code.resourceExhausted,
    `Cannot ${act} a message of ${length} bytes: the maximum is ${DATA_LENGTH_MAX}`,
  );
}

/**
 * Cuts a byte stream into messages. Bytes may come in any portions.
 * Never throws: the protocol has no state in which a header is wrong, only data that is too long.
 */
export class MessageDecoder {
  readonly #header = new Uint8Array(HEADER_LENGTH);
  #headerFilled = 0;
  /** The message whose data is being received; its buffer has its final length. */
  #message: Message | undefined;
  #dataFilled = 0;
  #discard = 0;

  /** Bytes received of a message that is not complete. 0 between messages and while one is discarded. */
  get buffered(): number {
    return this.#headerFilled + this.#dataFilled;
  }

  /**
   * Takes the next bytes and returns what they complete, in order. `chunk` is not kept: messages own their data.
   * A message that is too long is reported once, when its header is complete, and allocates nothing.
   */
  push(chunk: Uint8Array): Received[] {
    const received: Received[] = [];
    let offset = 0;
    for (;;) {
      if (this.#discard > 0) {
        const skipped = Math.min(this.#discard, chunk.byteLength - offset);
        this.#discard -= skipped;
        offset += skipped;
      } else if (this.#message === undefined) {
        const end = Math.min(offset + HEADER_LENGTH - this.#headerFilled, chunk.byteLength);
        this.#header.set(chunk.subarray(offset, end), this.#headerFilled);
        this.#headerFilled += end - offset;
        offset = end;
        if (this.#headerFilled < HEADER_LENGTH) return received;
        const oversize = this.#readHeader();
        if (oversize !== undefined) received.push(oversize);
      } else {
        const { data } = this.#message;
        const end = Math.min(offset + data.byteLength - this.#dataFilled, chunk.byteLength);
        data.set(chunk.subarray(offset, end), this.#dataFilled);
        this.#dataFilled += end - offset;
        offset = end;
        if (this.#dataFilled < data.byteLength) return received;
        received.push({ kind: "message", message: this.#message });
        this.#message = undefined;
        this.#headerFilled = 0;
        this.#dataFilled = 0;
      }
      // An empty message is complete with its header, so the end of the chunk is looked at only here.
      if (offset === chunk.byteLength && this.#message === undefined) return received;
    }
  }

  /** Turns the complete header into a message to fill, or into the report of one to discard. */
  #readHeader(): Received | undefined {
    const view = new DataView(this.#header.buffer);
    const length = view.getUint32(0);
    const streamId = view.getUint32(4);
    const type = view.getUint8(8);
    if (length > DATA_LENGTH_MAX) {
      this.#headerFilled = 0;
      this.#discard = length;
      return { kind: "oversize", streamId, type, length };
    }
    this.#message = { streamId, type, flags: view.getUint8(9), data: new Uint8Array(length) };
    return undefined;
  }
}
