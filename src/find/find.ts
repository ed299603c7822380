import { nearest } from "../nearest.ts";
import {
  type ContainerFacts,
  FindError,
  type FoundContainer,
  type KnownContainer,
  running,
} from "./container.ts";
import type { HostOptions } from "./host.ts";
import { type ContainerList, listContainers } from "./list.ts";
import { namesOf, select } from "./names.ts";

const SHORT_ID_CHARS = 12;
const TEXT_CHARS_MAX = 80;
const NAMES_NEAR_MAX = 3;
const CANDIDATES_MAX = 20;

/** Finds a running container by id, unique beginning of the id, or name. Rejects with FindError. */
export async function findContainer(query: string, options: HostOptions = {}): Promise<FoundContainer> {
  const list = await listContainers(options);
  const known = [...list.containers, ...list.stopped];
  const found = select(query, known);
  const live = found.flatMap((each) => running(each) ?? []);
  const [first] = live;
  if (live.length > 1) throw ambiguous(query, live);
  if (first !== undefined) return first;
  const [stopped] = found;
  throw stopped === undefined ? notFound(query, known, list) : isStopped(stopped);
}

function notFound(query: string, known: readonly KnownContainer[], { looked }: ContainerList): FindError {
  const near = nearestNames(query, known.flatMap(namesOf));
  const cure =
    near.length > 0
      ? `did you mean ${near.map((name) => `"${printable(name)}"`).join(" or ")}?`
      : "to wait until it starts, add --wait";
  const none = known.length === 0 ? "; there is no container of any runtime" : "";
  return new FindError(
    "not-found",
    `No container "${printable(query)}"; ${cure}\nLooked at ${looked.map(printable).join(", ")}${none}`,
  );
}

function ambiguous(query: string, candidates: readonly FoundContainer[]): FindError {
  const rows = candidates
    .toSorted((a, b) => (longestName(a) < longestName(b) ? -1 : 1))
    .slice(0, CANDIDATES_MAX)
    .map((each) => [
      each.id.slice(0, SHORT_ID_CHARS),
      longestName(each),
      each.imageReference || "-",
      where(each),
    ]);
  const more = candidates.length - rows.length;
  return new FindError(
    "ambiguous",
    [
      `${candidates.length} containers are called "${printable(query)}"; say which one by its id or full name`,
      ...align(rows.map((row) => row.map(printable))).map((line) => `  ${line}`),
      ...(more > 0 ? [`  and ${more} more`] : []),
    ].join("\n"),
  );
}

function isStopped(container: KnownContainer): FindError {
  const name = printable(longestName(container));
  return new FindError(
    "stopped",
    `Container "${name}" (${shortId(container)}, ${where(container)}) does not run; ` +
      "start it, or add --wait and start it then",
  );
}

/** The name that tells most: `namespace/pod/container` in a pod. */
function longestName(container: ContainerFacts): string {
  const { pod, name, namespace, id, isSandbox } = container;
  // An id that a user chose may be there in several namespaces of containerd.
  if (pod === undefined && name === id && namespace !== undefined) return `${namespace}/${id}`;
  if (pod === undefined) return name || shortId(container);
  return `${pod.namespace}/${pod.name}/${isSandbox ? "(sandbox)" : name}`;
}

/** Ids that users choose are not shortened: their beginnings are alike. */
function shortId({ id }: ContainerFacts): string {
  return /^[0-9a-f]{64}$/.test(id) ? id.slice(0, SHORT_ID_CHARS) : id;
}

function where({ runtime, namespace }: ContainerFacts): string {
  return runtime === "containerd" && namespace !== undefined ? `${runtime} (${namespace})` : runtime;
}

function nearestNames(query: string, names: readonly string[]): string[] {
  const near: string[] = [];
  const left = new Set(names);
  while (near.length < NAMES_NEAR_MAX) {
    const name = nearest(query, [...left]);
    if (name === undefined) break;
    near.push(name);
    left.delete(name);
  }
  return near;
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** Names come from files that anybody may have written: nothing in them may reach a terminal as a command. */
export function printable(text: string): string {
  const short = text.length > TEXT_CHARS_MAX ? `${text.slice(0, TEXT_CHARS_MAX)}…` : text;
  return short.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, "?");
}
