import type { Config } from "../config.ts";
import type { EndReason } from "../formats/provenance.ts";
import type { TracingCounts } from "../status/counters.ts";
import type { ContainerInfo } from "./container.ts";
import type { RuntimeInfo } from "./session.ts";

/** What the plugin's protocol asks of tracing. Plain data: it travels between threads. */
export type Request =
  | {
      readonly kind: "start";
      readonly container: ContainerInfo;
      readonly config: Config;
      readonly runtime: RuntimeInfo;
      /** Why no container of that runtime can be traced, if so: then a note is left. */
      readonly blocked: string | undefined;
      /** When the container began to wait, by sharedNowMs(). */
      readonly sinceMs: number;
    }
  /** It runs already. */
  | {
      readonly kind: "join";
      readonly container: ContainerInfo;
      readonly config: Config;
      readonly runtime: RuntimeInfo;
    }
  | { readonly kind: "stop"; readonly containerId: string }
  | { readonly kind: "end all"; readonly reason: EndReason }
  /** Results will go there: what an earlier run left half-done is completed first. */
  | { readonly kind: "adopt folder"; readonly directory: string }
  /** To be told what was counted; a notice has it. */
  | { readonly kind: "count" }
  /** Nothing comes any more. */
  | { readonly kind: "finish"; readonly timeoutMs: number };

/** A request on its way to the tracing thread. */
export interface Call {
  readonly id: number;
  readonly request: Request;
}

/** What the tracing thread says. */
export type Notice =
  | { readonly kind: "ready" }
  /** It cannot trace at all, and will do nothing. */
  | { readonly kind: "unable"; readonly why: string }
  /** It has begun with a request, which shows that it lives. */
  | { readonly kind: "seen"; readonly id: number }
  | { readonly kind: "done"; readonly id: number }
  | { readonly kind: "counts"; readonly counts: TracingCounts }
  | { readonly kind: "log"; readonly severity: "info" | "warn" | "error"; readonly message: string };

/** A clock that does not jump and that all threads of the process share, unlike performance.now() alone. */
export function sharedNowMs(): number {
  return performance.timeOrigin + performance.now();
}
