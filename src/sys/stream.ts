import type { Socket } from "bun";

/** Where a stream comes from: an inherited descriptor (owned from now on), or the path of a unix socket. */
export type StreamSource = { readonly fd: number } | { readonly path: string };

/** What the owner of a stream is told. No call is made after `end`. */
export interface StreamHandler {
  /** The next bytes. `chunk` is the receiver's only until it returns: the buffer is used again. */
  data(chunk: Uint8Array): void;
  /** The stream is over: by the peer's end of file or our own close (no error), or by a failure. */
  end(error?: Error): void;
}

/** A connected byte stream. Writes keep their order and are buffered without bound: the callers bound them. */
export interface ByteStream {
  /** Its descriptor, to be asked about and not to be closed. */
  readonly fd: number;
  /** Queues `bytes`, which belong to the stream from now on. After the end they are dropped. */
  write(bytes: Uint8Array): void;
  /** Bytes that are queued and not yet taken by the kernel. */
  readonly pendingBytes: number;
  /** Closes at once; what is still queued is dropped. Calls `end` before it returns. Idempotent. */
  close(): void;
}

interface Outgoing {
  readonly chunks: Uint8Array[];
  pendingBytes: number;
}

/**
 * Opens a stream. The only place that calls `Bun.connect`.
 * Rejects with the system's error when the socket cannot be connected or adopted.
 */
export async function openStream(source: StreamSource, handler: StreamHandler): Promise<ByteStream> {
  const outgoing: Outgoing = { chunks: [], pendingBytes: 0 };
  let open = true;
  const end = (error?: Error): void => {
    if (!open) return;
    open = false;
    outgoing.chunks.length = 0;
    outgoing.pendingBytes = 0;
    handler.end(error);
  };
  const callbacks = {
    data: (_: Socket, chunk: Uint8Array) => {
      if (open) handler.data(chunk);
    },
    drain: (socket: Socket) => flush(socket, outgoing),
    end: (socket: Socket) => {
      end();
      socket.terminate();
    },
    close: (_: Socket, error?: Error) => end(error),
    error: (_: Socket, error: Error) => end(error),
  };
  const socket =
    "fd" in source
      ? await Bun.connect({ fd: source.fd, socket: callbacks } as unknown as Bun.UnixSocketOptions<undefined>)
      : await Bun.connect({ unix: source.path, socket: callbacks });
  return {
    fd: (socket as Socket & { readonly fd: number }).fd,
    write(bytes) {
      if (!open || bytes.byteLength === 0) return;
      outgoing.chunks.push(bytes);
      outgoing.pendingBytes += bytes.byteLength;
      if (outgoing.chunks.length === 1) flush(socket, outgoing);
    },
    get pendingBytes() {
      return outgoing.pendingBytes;
    },
    close() {
      end();
      socket.terminate();
    },
  };
}

/** Hands queued bytes to the kernel until it takes no more; the rest goes out on `drain`. */
function flush(socket: Socket, outgoing: Outgoing): void {
  for (let chunk = outgoing.chunks[0]; chunk !== undefined; chunk = outgoing.chunks[0]) {
    const taken = Math.max(0, socket.write(chunk));
    outgoing.pendingBytes -= taken;
    if (taken < chunk.byteLength) {
      outgoing.chunks[0] = chunk.subarray(taken);
      return;
    }
    outgoing.chunks.shift();
  }
}
