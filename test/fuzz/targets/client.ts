import { TtrpcClient } from "../../../src/ttrpc/client.ts";
import { Code, TtrpcError } from "../../../src/ttrpc/status.ts";
import { message } from "../../helpers/fake-connection.ts";
import { fields } from "../../helpers/nri-messages.ts";
import { concat, cut } from "../../helpers/splits.ts";
import { check } from "../check.ts";
import type { Target } from "../fuzzer.ts";
import { goldenMessages } from "./messages.ts";

const status = fields([1, new Uint8Array([8, 2, 18, 2, 110, 111])]);
const replies = [1, 3, 5].map((streamId) => message(streamId, 2, fields([2, "payload"])));

/** The calling side: whatever comes, each call gets bytes or a TtrpcError, and no call of another's reply. */
export const client: Target = {
  name: "ttrpc client",
  seeds: [
    ...replies,
    concat(replies),
    message(1, 2, status),
    message(3, 3, status),
    message(5, 1, status),
    ...goldenMessages,
  ],
  words: [...replies, status, message(1, 2, new Uint8Array(0))],
  inputsInTests: 2000,
  async run(input, next) {
    const client = new TtrpcClient({ send: () => {} });
    const calls = ["A", "B", "C"].map((method) =>
      client.call({ service: "s", method, payload: new Uint8Array(0) }).then(
        () => "ok",
        (error: unknown) => {
          check(error instanceof TtrpcError, `a call fails with a TtrpcError, not ${error}`);
          return `${error.code === Code.unavailable ? "open" : error.code > 16 ? "other" : error.code}`;
        },
      ),
    );
    for (const portion of cut(input, () => next() ** 4 * 200)) client.receive(portion);
    client.close("the end");
    return (await Promise.all(calls)).join(" ");
  },
};
