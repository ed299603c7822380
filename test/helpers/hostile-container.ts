import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Event } from "../../src/gen/nri_pb.ts";
import type { HostileText } from "./hostile-text.ts";
import { fields } from "./nri-messages.ts";
import { concat } from "./splits.ts";

/** The messages of one container's start and stop. Their strings may be no UTF-8, which no decent encoder lets pass. */
export interface HostileContainer {
  readonly stateChange: Uint8Array;
  readonly stopContainer: Uint8Array;
}

/** Of a text that has a byte in each character: "latin1" writes these bytes, "utf8" what they are as characters. */
export type Encoding = "latin1" | "utf8";

const IMAGE_ANNOTATIONS = [
  "io.kubernetes.cri.image-name",
  "io.kubernetes.cri-o.ImageName",
  "io.kubernetes.cri-o.Image",
];

const WORKLOAD_LABELS = [
  "pod-template-hash",
  "controller-revision-hash",
  "job-name",
  "batch.kubernetes.io/job-name",
  "statefulset.kubernetes.io/pod-name",
];

/** A container whose every text is hostile. `encoding` tells whether they are UTF-8 or just bytes. */
export function hostileContainer(
  text: HostileText,
  { id, pid, encoding }: { readonly id: string; readonly pid: number; readonly encoding: Encoding },
): HostileContainer {
  const { strings, map } = writers(encoding);
  const pod = strings(
    [1, `pod-${id}`],
    [2, text.word()],
    [3, text.word()],
    [4, text.word()],
    ...map(5, [[text.oneOf(WORKLOAD_LABELS), text.word()], ...text.map()]),
    ...map(6, text.map()),
  );
  const annotations: [string, string][] = [[text.oneOf(IMAGE_ANNOTATIONS), text.reference()], ...text.map()];
  const container = concat([
    strings(
      [1, id],
      [2, `pod-${id}`],
      [3, text.word()],
      ...map(5, [["io.kubernetes.container.name", text.word()], ...text.map()]),
      ...map(6, annotations),
    ),
    fields([11, strings([5, text.cgroupsPath()])]),
    new BinaryWriter().tag(12, WireType.Varint).uint32(pid).finish(),
    // Runtimes with NRI 0.12 tell the image itself, which counts more than annotations.
    text.oneOf([true, false, false])
      ? fields([22, strings([1, text.reference()], [2, text.word()])])
      : new Uint8Array(0),
  ]);
  const event = new BinaryWriter().tag(1, WireType.Varint).int32(Event.START_CONTAINER).finish();
  return {
    stateChange: concat([event, fields([2, pod], [3, container])]),
    stopContainer: fields([1, pod], [2, container]),
  };
}

/** Writes strings, which hold a byte in each character, and maps of them. */
function writers(encoding: Encoding) {
  const strings = (...entries: readonly (readonly [number, string | Uint8Array])[]): Uint8Array =>
    fields(
      ...entries.map(
        ([number, value]) =>
          [number, typeof value === "string" ? Buffer.from(value, encoding) : value] as const,
      ),
    );
  const map = (number: number, entries: readonly (readonly [string, string])[]): [number, Uint8Array][] =>
    entries.map(([key, value]) => [number, strings([1, key], [2, value])]);
  return { strings, map };
}
