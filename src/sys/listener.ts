import { unlinkSync } from "node:fs";
import { errorCode } from "./errno.ts";

/** A unix socket that answers. */
export interface Listener {
  /** Takes its name away and answers nobody any more. Idempotent. */
  close(): void;
}

interface Client {
  asked: boolean;
  /** What is still to be sent; undefined until the answer is known. */
  rest: Uint8Array | undefined;
}

/** So long a client may take to ask, and to read its answer. */
const READ_TIMEOUT_SECONDS = 2;
/** More at a time are turned away: nobody asks so often. */
const CLIENTS_MAX = 512;

/**
 * Listens at `path` and answers each client's first bytes, whatever they are, with one text. (Answered unasked, Bun takes
 * a connection that has ended already for one that was never made: ECONNRESET.) The only place that calls `Bun.listen`.
 * Whatever lies at `path` is taken away first. Throws the system's error.
 */
export function answerAt(path: string, answer: () => Promise<string>): Listener {
  removeIfThere(path);
  let clients = 0;
  const server = Bun.listen<Client>({
    unix: path,
    socket: {
      open(socket) {
        socket.timeout(READ_TIMEOUT_SECONDS);
        socket.data = { asked: false, rest: undefined };
        if (++clients > CLIENTS_MAX) socket.terminate();
      },
      async data(socket) {
        if (socket.data.asked) return;
        socket.data.asked = true;
        socket.data.rest = Buffer.from(await answer());
        sendRest(socket);
      },
      drain: sendRest,
      timeout: (socket) => void socket.terminate(),
      error: (socket) => void socket.terminate(),
      close() {
        clients--;
      },
    },
  });
  server.unref();
  return {
    close() {
      server.stop(true);
      removeIfThere(path);
    },
  };
}

/** Hands on what the kernel takes; what it does not take goes out on `drain`, and then comes the end. */
function sendRest(socket: Bun.Socket<Client>): void {
  const { rest } = socket.data;
  if (rest === undefined) return;
  const taken = Math.max(0, socket.write(rest));
  socket.data.rest = rest.subarray(taken);
  if (taken === rest.byteLength) socket.end();
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
