import { exportList } from "../formats/export.ts";
import type { ListContext, ListFormat } from "../formats/format.ts";
import { type ListFormatName, listFormats } from "../formats/formats.ts";
import { toLatin1 } from "../formats/utf8.ts";
import { filesBelow } from "../image/files-below.ts";
import { parseReference } from "../image/reference.ts";
import { type Limits, limitFiles } from "../lists/limit.ts";
import { nearest } from "../nearest.ts";
import { ExitCode, makeCommand } from "./command.ts";
import { parseDuration } from "./duration.ts";
import { LeftOut } from "./left-out.ts";
import { asOne, inputFlags, parseCount, readInputs } from "./list-inputs.ts";
import { OutputFile } from "./output-file.ts";
import { parseSize } from "./size.ts";
import { writeText } from "./text-sink.ts";
import { UsageError } from "./usage.ts";

const USAGE = "optimizer export NAME|FILE… --format FORMAT";

/** `optimizer export`: a list in the form that a builder takes. */
export const exportCommand = makeCommand({
  name: "export",
  description: "Write a list in the form that an image builder takes",
  takesMany: true,
  args: {
    format: { type: "string", valueHint: "FORMAT", description: "One of those below" },
    output: { type: "string", alias: "o", valueHint: "FILE", description: "Write to this file" },
    "limit-files": { type: "string", valueHint: "N", description: "Only the first N files" },
    "limit-bytes": {
      type: "string",
      valueHint: "SIZE",
      description: "Only the first files of that size: 20M",
    },
    within: { type: "string", valueHint: "TIME", description: "Only files opened within that time: 10s" },
    image: {
      type: "string",
      valueHint: "REF",
      description: "The image that the pods run, where the record has none or another (nydus-annotation)",
    },
    "manifest-digest": {
      type: "string",
      valueHint: "DIGEST",
      description: "Of the image's manifest, where the record lacks it (estargz)",
    },
    "layer-index": {
      type: "string",
      valueHint: "N",
      description: "Layer of the files whose layer is not known, 0 is the bottom (estargz)",
    },
    "node-path": {
      type: "string",
      valueHint: "FILE",
      description: "Where the nydus list lies on the nodes (nydus-annotation)",
    },
    rootfs: {
      type: "string",
      valueHint: "DIR",
      description: "The unpacked image: tells which folders are listed in full (overlaybd)",
    },
    ...inputFlags,
  },
  usage: ["NAME|FILE… --format FORMAT [FLAGS]"],
  examples: [
    ["optimizer export nginx --format nydus -o nginx.nydus", "for nydusify convert --prefetch-patterns"],
    ["optimizer export nginx --format estargz --within 10s", "for ctr-remote --estargz-record-in"],
    ["optimizer export run1 run2 run3 --format soci", "several runs as one list"],
  ],
  notes: [["Formats", Object.entries(listFormats).map(([name, { description }]) => [name, description])]],
  async run(flags) {
    const format = findFormat(flags.format);
    const limits = limitsOf(flags);
    const image = imageOf(flags.image);
    const manifestDigest = digestOf(flags["manifest-digest"]);
    const layerIndex = layerOf(flags["layer-index"]);
    await using output = await OutputFile.openIfNamed(flags.output);
    const run = asOne(readInputs(flags._, flags["persist-dir"], { least: 1, usage: USAGE }));
    const files = [...limitFiles(run.files, limits)];
    const { name, reference, digest } = run.origin;
    const context: ListContext = {
      image: { reference: bytes(image ?? reference ?? name), digest: manifestDigest ?? digest },
      layerIndex,
      nodePath: bytes(flags["node-path"]),
      filesBelow: flags.rootfs === undefined ? undefined : filesBelow(flags.rootfs),
    };
    const leftOut = new LeftOut();
    const text = exportList(format, files, context, leftOut.add);
    const first = text.next();
    if (first.done) {
      process.stderr.write(leftOut.describe());
      throw new Error(emptyReason(run.files.length, files.length, flags.format ?? ""));
    }
    await writeText(prepend(first.value, text), output);
    process.stderr.write(leftOut.describe());
    return ExitCode.done;
  },
});

function findFormat(name: string | undefined): ListFormat {
  const names = Object.keys(listFormats);
  if (name === undefined) throw new UsageError(`--format is missing; it is one of ${names.join(", ")}`);
  if (isFormatName(name)) return listFormats[name];
  const near = nearest(name, names);
  const cure = near === undefined ? `it is one of ${names.join(", ")}` : `did you mean ${near}?`;
  throw new UsageError(`Unknown format "${name}"; ${cure}`);
}

function isFormatName(name: string): name is ListFormatName {
  return Object.hasOwn(listFormats, name);
}

function limitsOf(flags: {
  readonly "limit-files"?: string | undefined;
  readonly "limit-bytes"?: string | undefined;
  readonly within?: string | undefined;
}): Limits {
  const { "limit-files": files, "limit-bytes": bytes, within } = flags;
  return {
    files: files === undefined ? undefined : parseCount("--limit-files", files),
    bytes: bytes === undefined ? undefined : parseSize("--limit-bytes", bytes),
    withinUs: within === undefined ? undefined : parseDuration("--within", within) * 1000,
  };
}

/** As it was typed: what compares it knows no short forms that we could tell. */
function imageOf(text: string | undefined): string | undefined {
  if (text === undefined || parseReference(text) !== undefined) return text;
  throw new UsageError(`--image must be an image such as docker.io/library/nginx:latest, not "${text}"`);
}

function digestOf(text: string | undefined): string | undefined {
  if (text === undefined || /^sha256:[0-9a-f]{64}$/.test(text)) return text;
  throw new UsageError(`--manifest-digest must be sha256: and 64 hex digits, not "${text}"`);
}

function layerOf(text: string | undefined): number | undefined {
  if (text === undefined || /^\d{1,4}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new UsageError(`--layer-index must be a number from 0, not "${text}"`);
}

/** Text as formats take it. */
function bytes(text: string | undefined): string | undefined {
  return text === undefined ? undefined : toLatin1(text);
}

/** An empty list is worse than none: to nydus it means "fetch everything". */
function emptyReason(listed: number, within: number, format: string): string {
  if (listed === 0) return "Nothing to export: the list is empty";
  if (within === 0) return "Nothing to export: the limits leave no file";
  return `Nothing to export: none of ${within} files can be expressed as ${format}`;
}

function* prepend<T>(first: T, rest: Iterable<T>): Generator<T> {
  yield first;
  yield* rest;
}
