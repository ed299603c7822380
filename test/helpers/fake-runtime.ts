import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStream } from "../../src/sys/stream.ts";
import { FakeConnection, type FakeRuntimeOptions } from "./fake-connection.ts";

/**
 * The runtime's side of NRI, over real sockets. `await using runtime = await FakeRuntime.listen()` gives one with a
 * socket file for external plugins; `FakeRuntime.adopt(fd)` takes the other end of a pre-launched plugin's socket.
 */
export class FakeRuntime implements AsyncDisposable {
  /** What an external plugin dials. */
  readonly path: string;
  readonly #server: Server;
  readonly #dir: string;
  readonly #arrived: FakeConnection[] = [];
  readonly #waiting: ((connection: FakeConnection) => void)[] = [];
  readonly #all: FakeConnection[] = [];

  private constructor(server: Server, dir: string, path: string) {
    this.#server = server;
    this.#dir = dir;
    this.path = path;
  }

  /** A runtime with a socket file in a temporary folder. */
  static async listen(options: FakeRuntimeOptions = {}): Promise<FakeRuntime> {
    const dir = await mkdtemp(join(tmpdir(), "fake-runtime-"));
    const path = join(dir, "nri.sock");
    const server = createServer({ allowHalfOpen: false });
    const runtime = new FakeRuntime(server, dir, path);
    server.on("connection", (socket) => {
      socket.setNoDelay(true);
      const connection = new FakeConnection(
        {
          write: (bytes) => void socket.write(bytes),
          close: () => void socket.destroy(),
          pause: () => void socket.pause(),
        },
        options,
      );
      socket.on("data", (chunk) => connection.receive(Buffer.from(chunk)));
      socket.on("error", () => {});
      socket.on("close", () => connection.end());
      runtime.#add(connection);
    });
    const listening = Promise.withResolvers<void>();
    server.once("error", listening.reject);
    server.listen(path, listening.resolve);
    await listening.promise;
    return runtime;
  }

  /** The runtime's side of a socket pair, whose other end a pre-launched plugin has as its fd 3. Owns `fd`. */
  static async adopt(fd: number, options: FakeRuntimeOptions = {}): Promise<FakeConnection> {
    const early: Uint8Array[] = [];
    let connection: FakeConnection | undefined;
    const stream = await openStream(
      { fd },
      {
        data: (chunk) => {
          if (connection === undefined) early.push(chunk.slice());
          else connection.receive(chunk);
        },
        end: () => connection?.end(),
      },
    );
    connection = new FakeConnection(stream, options);
    for (const chunk of early) connection.receive(chunk);
    return connection;
  }

  /** The next plugin that connects. */
  accept(): Promise<FakeConnection> {
    const connection = this.#arrived.shift();
    if (connection !== undefined) return Promise.resolve(connection);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#all) connection.close();
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    await closed.promise;
    await rm(this.#dir, { recursive: true, force: true });
  }

  #add(connection: FakeConnection): void {
    this.#all.push(connection);
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(connection);
    else waiting(connection);
  }
}
