import { concat } from "./splits.ts";

/** A ttrpc message, with the mux connection it came on. */
export interface ReadMessage {
  readonly connectionId: number;
  readonly streamId: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/**
 * Reads what a plugin writes, in the plainest way and as strictly as the Go runtime: a second opinion on our encoders.
 * What Go does not survive is noted and read all the same.
 */
export class GoReader {
  readonly violations: string[] = [];
  /** Everything that was pushed. */
  readonly chunks: Uint8Array[] = [];
  #rest: Uint8Array = new Uint8Array(0);
  readonly #partial = new Map<number, Uint8Array>();

  push(chunk: Uint8Array): ReadMessage[] {
    const messages: ReadMessage[] = [];
    this.chunks.push(chunk.slice());
    this.#rest = concat([this.#rest, chunk]);
    while (this.#rest.byteLength >= 8) {
      const view = new DataView(this.#rest.buffer, this.#rest.byteOffset);
      const connectionId = view.getUint32(0);
      const end = 8 + view.getUint32(4);
      if (this.#rest.byteLength < end) break;
      messages.push(...this.#readFrame(connectionId, this.#rest.slice(8, end)));
      this.#rest = this.#rest.slice(end);
    }
    return messages;
  }

  #readFrame(connectionId: number, payload: Uint8Array): ReadMessage[] {
    if (connectionId !== 1 && connectionId !== 2) this.violations.push(`frame on connection ${connectionId}`);
    if (payload.byteLength > 4096) this.violations.push(`frame of ${payload.byteLength} bytes`);
    const bytes = concat([this.#partial.get(connectionId) ?? new Uint8Array(0), payload]);
    const view = new DataView(bytes.buffer);
    const end = bytes.byteLength < 10 ? Number.POSITIVE_INFINITY : 10 + view.getUint32(0);
    if (bytes.byteLength < end) {
      this.#partial.set(connectionId, bytes);
      return [];
    }
    if (bytes.byteLength > end) this.violations.push("two messages in one frame");
    this.#partial.delete(connectionId);
    return [
      { connectionId, streamId: view.getUint32(4), type: view.getUint8(8), data: bytes.slice(10, end) },
    ];
  }
}
