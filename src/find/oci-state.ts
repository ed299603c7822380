import { objectAt, parseJson, positiveAt, textAt } from "../json.ts";

/** What an OCI runtime has written of a container that it made. */
export interface OciState {
  readonly pid: number;
  /** When that process began, in clock ticks since boot. */
  readonly startTicks: number;
  /** The bundle's folder; empty when it is not told. */
  readonly bundle: string;
}

/** runc's `<root>/<id>/state.json`. The bundle is one of its labels, `bundle=/path`. */
export function parseRuncState(text: string | undefined): OciState | undefined {
  const state = parseJson(text);
  const pid = positiveAt(state, "init_process_pid");
  const startTicks = positiveAt(state, "init_process_start");
  if (pid === undefined || startTicks === undefined) return undefined;
  const labels = objectAt(state, "config")["labels"];
  const bundle = Array.isArray(labels)
    ? labels.find((label: unknown) => typeof label === "string" && label.startsWith("bundle="))
    : undefined;
  return { pid, startTicks, bundle: String(bundle ?? "").slice("bundle=".length) };
}

/** crun's `<root>/<id>/status`. */
export function parseCrunStatus(text: string | undefined): OciState | undefined {
  const status = parseJson(text);
  const pid = positiveAt(status, "pid");
  const startTicks = positiveAt(status, "process-start-time");
  if (pid === undefined || startTicks === undefined) return undefined;
  return { pid, startTicks, bundle: textAt(status, "bundle") };
}
