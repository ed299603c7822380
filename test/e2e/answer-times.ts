import { connect, createServer, type Server, type Socket } from "node:net";
import { fromBinary } from "@bufbuild/protobuf";
import { RequestSchema } from "../../src/gen/ttrpc_pb.ts";
import { ConnectionId } from "../../src/nri/connections.ts";
import { FrameDecoder } from "../../src/nri/mux.ts";
import { MessageDecoder } from "../../src/ttrpc/message.ts";

/** How long a runtime waited for one answer. */
export interface Answer {
  readonly method: string;
  readonly ms: number;
}

/** Stands between an external plugin and its runtime, passes everything on, and takes the time of each answer. */
export class AnswerTimes implements Disposable {
  readonly answers: Answer[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens at `path` for plugins, and connects each to the runtime's socket. */
  static async listen(path: string, runtimeSocket: string): Promise<AnswerTimes> {
    const server = createServer();
    const times = new AnswerTimes(server);
    server.on("connection", (plugin) => times.#join(plugin, connect(runtimeSocket)));
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(path, resolve);
    await promise;
    return times;
  }

  /** The longest that the runtime waited, for whatever it was. */
  worstMs(): number {
    return Math.max(0, ...this.answers.map(({ ms }) => ms));
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(plugin: Socket, runtime: Socket): void {
    const asked = new Map<number, { readonly method: string; readonly atMs: number }>();
    const requests = messagesOf((streamId, data) =>
      asked.set(streamId, { method: fromBinary(RequestSchema, data).method, atMs: performance.now() }),
    );
    const replies = messagesOf((streamId) => {
      const request = asked.get(streamId);
      if (request === undefined) return;
      asked.delete(streamId);
      this.answers.push({ method: request.method, ms: performance.now() - request.atMs });
    });
    this.#pass(runtime, plugin, requests);
    this.#pass(plugin, runtime, replies);
  }

  #pass(from: Socket, to: Socket, look: (chunk: Uint8Array) => void): void {
    this.#sockets.add(from);
    from.on("data", (chunk: Buffer) => {
      to.write(chunk);
      look(Uint8Array.from(chunk));
    });
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
  }
}

/** Finds the messages of the connection on which the plugin serves. */
function messagesOf(onMessage: (streamId: number, data: Uint8Array) => unknown): (chunk: Uint8Array) => void {
  const frames = new FrameDecoder({ connectionIds: [ConnectionId.plugin] });
  const messages = new MessageDecoder();
  return (chunk) => {
    for (const { payload } of frames.push(chunk)) {
      for (const received of messages.push(payload)) {
        if (received.kind === "message") onMessage(received.message.streamId, received.message.data);
      }
    }
  };
}
