import { NriError } from "../../../src/nri/error.ts";
import { encodeFrames, FRAME_HEADER_LENGTH, FrameDecoder } from "../../../src/nri/mux.ts";
import { uint32s } from "../../helpers/fake-connection.ts";
import { golden } from "../../helpers/golden.ts";
import { concat, cut } from "../../helpers/splits.ts";
import { about, check, checkSame, latin1 } from "../check.ts";
import type { Target } from "../fuzzer.ts";

/** The trunk's frames: the same for all portions, nothing but an NriError, and whole again when written anew. */
export const frames: Target = {
  name: "mux frames",
  seeds: [...Object.values(golden), concat(Object.values(golden)), uint32s(9, 0xffffffff, 1, 0)],
  words: [
    uint32s(1, 0),
    uint32s(2, 4096),
    uint32s(1, 0x1000000),
    uint32s(1, 0x1000001),
    uint32s(3, 0xffffffff),
  ],
  inputsInTests: 1500,
  run(input, next) {
    const whole = decode([input.slice()]);
    const pieces = decode(cut(input, () => next() ** 4 * 200));
    checkSame(pieces, whole, "frames in portions and at once");
    for (const { connectionId, payload } of whole.frames) {
      const bytes = Buffer.from(payload, "latin1");
      const again = decode([encodeFrames(connectionId, bytes)]);
      check(again.frames.map((frame) => frame.payload).join("") === payload, "a payload written anew");
    }
    check(whole.buffered <= input.byteLength + FRAME_HEADER_LENGTH, "no more is held than came");
    return `${whole.error} ${about(whole.frames.length)} ${whole.buffered > 0}`;
  },
};

function decode(portions: Iterable<Uint8Array>) {
  const decoder = new FrameDecoder({ connectionIds: [1, 2] });
  const decoded: { connectionId: number; payload: string }[] = [];
  let error = "none";
  try {
    for (const portion of portions) {
      for (const { connectionId, payload } of decoder.push(portion)) {
        decoded.push({ connectionId, payload: latin1(payload) });
      }
      portion.fill(0xee); // the socket uses its buffer again
    }
  } catch (reason) {
    if (!(reason instanceof NriError)) throw reason;
    error = reason.code;
  }
  // Frames that came whole in front of a wrong one are lost with it, by how they were cut.
  return error === "none"
    ? { error, frames: decoded, buffered: decoder.buffered }
    : { error, frames: [], buffered: 0 };
}
