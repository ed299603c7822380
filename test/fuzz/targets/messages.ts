import { encodeMessage, MessageDecoder } from "../../../src/ttrpc/message.ts";
import { message } from "../../helpers/fake-connection.ts";
import { golden } from "../../helpers/golden.ts";
import { concat, cut } from "../../helpers/splits.ts";
import { about, checkSame, latin1 } from "../check.ts";
import type { Target } from "../fuzzer.ts";

/** The golden frames without what is in front of each. */
export const goldenMessages: Uint8Array[] = Object.values(golden).map((frame) => frame.slice(8));

/** ttrpc messages: nothing is thrown, the same for all portions, and whole again when written anew. */
export const messages: Target = {
  name: "ttrpc messages",
  seeds: [...goldenMessages, concat(goldenMessages), message(5, 3, new Uint8Array(0))],
  words: [
    message(1, 1, new Uint8Array(0)),
    message(3, 2, new Uint8Array(1)),
    new Uint8Array([0, 0x40, 0, 1]),
  ],
  inputsInTests: 3000,
  run(input, next) {
    const whole = decode([input]);
    checkSame(decode(cut(input, () => next() ** 4 * 200)), whole, "messages in portions and at once");
    for (const received of whole) {
      if (received.kind !== "message") continue;
      const bytes = encodeMessage({
        ...received.message,
        data: Buffer.from(received.message.data, "latin1"),
      });
      checkSame(decode([bytes]), [received], "a message written anew");
    }
    return (
      whole
        .map(({ kind }) => kind[0])
        .join("")
        .slice(0, 4) + about(whole.length)
    );
  },
};

function decode(portions: Iterable<Uint8Array>) {
  const decoder = new MessageDecoder();
  return [...portions].flatMap((portion) =>
    decoder
      .push(portion)
      .map((received) =>
        received.kind === "message"
          ? { kind: received.kind, message: { ...received.message, data: latin1(received.message.data) } }
          : received,
      ),
  );
}
