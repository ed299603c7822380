import { fromBinary } from "@bufbuild/protobuf";
import { ResponseSchema } from "../../../src/gen/ttrpc_pb.ts";
import { MessageDecoder, MessageType } from "../../../src/ttrpc/message.ts";
import { type Services, TtrpcServer } from "../../../src/ttrpc/server.ts";
import { message } from "../../helpers/fake-connection.ts";
import { fields } from "../../helpers/nri-messages.ts";
import { concat, cut } from "../../helpers/splits.ts";
import { about, check, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";
import { goldenMessages } from "./messages.ts";

/** Over the limit of a reply. */
const oversize = new Uint8Array(5 << 20);

const services: Services = {
  "nri.pkg.api.v1alpha1.Plugin": {
    Configure: async (payload) => payload,
    Shutdown: async () => oversize,
    StopContainer: async () => {
      throw new RangeError("broken");
    },
  },
};

const call = (streamId: number, method: string): Uint8Array =>
  message(streamId, 1, fields([1, "nri.pkg.api.v1alpha1.Plugin"], [2, method], [3, "payload"]));

/** The answering side: whatever comes, each request gets one reply that can be read, and nothing is thrown. */
export const server: Target = {
  name: "ttrpc server",
  seeds: [
    ...goldenMessages,
    concat(goldenMessages),
    ...["Configure", "Shutdown", "StopContainer"].map((name) => call(1, name)),
  ],
  words: [call(11, "Configure"), call(13, "constructor"), ...texts("__proto__", "toString", "Plugin")],
  inputsInTests: 800,
  async run(input, next) {
    const requested = requests(input);
    const sent: Uint8Array[] = [];
    const server = new TtrpcServer({ services, send: (bytes) => sent.push(bytes) });
    for (const portion of cut(input, () => next() ** 4 * 300)) server.receive(portion);
    // The handlers are done at once: what is not answered by the next turn of the loop never is.
    await new Promise((resolve) => setImmediate(resolve));
    server.close("the end");
    const replies = sent.map((bytes) => {
      const [received] = new MessageDecoder().push(bytes);
      check(received?.kind === "message", "a reply is one message");
      check(received.message.type === MessageType.response, "a reply is a response");
      return {
        streamId: received.message.streamId,
        code: fromBinary(ResponseSchema, received.message.data).status?.code ?? 0,
      };
    });
    const answered = replies.map(({ streamId }) => streamId).sort((a, b) => a - b);
    check(
      answered.join() === requested.sort((a, b) => a - b).join(),
      `each request has one reply: ${answered} for ${requested}`,
    );
    return [...new Set(replies.map(({ code }) => code))].sort().join() + about(replies.length);
  },
};

function requests(input: Uint8Array): number[] {
  return new MessageDecoder().push(input).flatMap((received) => {
    const { streamId, type } = received.kind === "message" ? received.message : received;
    return type === MessageType.request ? [streamId] : [];
  });
}
