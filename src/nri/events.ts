import { Event } from "../gen/nri_pb.ts";
import { nearest } from "../nearest.ts";
import { NriError } from "./error.ts";

/** The names users write, as the Go parser of NRI knows them. */
const EVENTS = {
  RunPodSandbox: Event.RUN_POD_SANDBOX,
  StopPodSandbox: Event.STOP_POD_SANDBOX,
  RemovePodSandbox: Event.REMOVE_POD_SANDBOX,
  CreateContainer: Event.CREATE_CONTAINER,
  PostCreateContainer: Event.POST_CREATE_CONTAINER,
  StartContainer: Event.START_CONTAINER,
  PostStartContainer: Event.POST_START_CONTAINER,
  UpdateContainer: Event.UPDATE_CONTAINER,
  PostUpdateContainer: Event.POST_UPDATE_CONTAINER,
  StopContainer: Event.STOP_CONTAINER,
  RemoveContainer: Event.REMOVE_CONTAINER,
  UpdatePodSandbox: Event.UPDATE_POD_SANDBOX,
  PostUpdatePodSandbox: Event.POST_UPDATE_POD_SANDBOX,
  ValidateContainerAdjustment: Event.VALIDATE_CONTAINER_ADJUSTMENT,
} as const satisfies Record<string, Event>;

/** Events 1 to 11: what NRI up to 0.9 has, and every later version, too. */
const BASE_MASK = 0x7ff;
/** Events 1 to 14, since NRI 0.10. */
const FULL_MASK = 0x3fff;

/** The mask of these events. */
export function maskOf(...events: readonly Event[]): number {
  return events.reduce((mask, event) => mask | (1 << (event - 1)), 0);
}

/** What a plugin that traces from start to stop has to hear. */
export const START_AND_STOP = maskOf(Event.START_CONTAINER, Event.STOP_CONTAINER);

/** Masks by lower-case name. `pod` and `container` are the events with that word in their name. */
const MASKS: ReadonlyMap<string, number> = new Map([
  ...Object.entries(EVENTS).map(([name, event]): [string, number] => [name.toLowerCase(), maskOf(event)]),
  ["all", FULL_MASK],
  ["pod", maskOfWord("Pod")],
  ["podsandbox", maskOfWord("Pod")],
  ["container", maskOfWord("Container")],
]);

function maskOfWord(word: string): number {
  return maskOf(...Object.entries(EVENTS).flatMap(([name, event]) => (name.includes(word) ? [event] : [])));
}

/**
 * Reads event names: a comma list, or an array whose items may be comma lists. Letter case and spaces do not matter.
 * Throws an `NriError` ("event-name") for an unknown name, with the nearest known one if any is near, and when no name is given: an
 * empty mask would subscribe to everything.
 */
export function parseEvents(names: string | readonly string[]): number {
  const words = [names]
    .flat()
    .flatMap((item) => item.split(","))
    .map((word) => word.trim())
    .filter((word) => word !== "");
  if (words.length === 0) throw new NriError("event-name", "Cannot subscribe to events: no event is named");
  return words.reduce((mask, word) => mask | parseEvent(word), 0);
}

function parseEvent(word: string): number {
  const mask = MASKS.get(word.toLowerCase());
  if (mask !== undefined) return mask;
  const known = ["all", "pod", "container", ...Object.keys(EVENTS)];
  // No name is longer than this: the rest of a long word would only cost time and fill the log.
  const typed = word.slice(0, 40);
  const meant = nearest(typed, known);
  const cure = meant === undefined ? `the names are ${known.join(", ")}` : `the nearest is "${meant}"`;
  throw new NriError("event-name", `Cannot subscribe to event "${typed}": no event has this name, ${cure}`);
}

/**
 * Makes a mask safe to send. One bit the runtime does not know gets the plugin dropped, so what `nriVersion` lacks is
 * left out; it is empty on runtimes before NRI 0.12, and then only the events of all versions are kept. 0 would ask for
 * everything: start and stop take its place.
 */
export function limitMask(mask: number, nriVersion: string): number {
  return mask & (hasPodUpdates(nriVersion) ? FULL_MASK : BASE_MASK) || START_AND_STOP;
}

/** Whether NRI is at least 0.10. Text that is no version counts as an old one. */
function hasPodUpdates(nriVersion: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(nriVersion) ?? [];
  return Number(major) > 0 || Number(minor) >= 10;
}
