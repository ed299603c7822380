import { connect } from "node:net";
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ImageService, RuntimeService } from "./gen/cri_pb.ts";

/** A container runtime's CRI, at its unix socket. Connects with the first call, and anew after a lost connection. */
export class Cri implements Disposable {
  readonly runtime: Client<typeof RuntimeService>;
  readonly images: Client<typeof ImageService>;
  readonly #session: Http2SessionManager;

  constructor(socketPath: string) {
    // The address is a formality: every connection goes to the socket.
    const baseUrl = "http://localhost";
    this.#session = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(socketPath) });
    const transport = createGrpcTransport({ baseUrl, sessionManager: this.#session });
    this.runtime = createClient(RuntimeService, transport);
    this.images = createClient(ImageService, transport);
  }

  /** Ends the connection; calls that are under way fail. */
  [Symbol.dispose](): void {
    this.#session.abort();
  }
}
