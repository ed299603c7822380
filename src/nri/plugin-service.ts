import { create, toBinary } from "@bufbuild/protobuf";
import {
  ConfigureRequestSchema,
  ConfigureResponseSchema,
  type Container,
  ContainerRequestSchema,
  ContainerState,
  Event,
  type PodSandbox,
  PodSandboxSchema,
  StateChangeEventSchema,
  SynchronizedListsSchema,
  SynchronizeRequestSchema,
  SynchronizeResponseSchema,
} from "../gen/nri_pb.ts";
import { messageOf } from "../sys/errno.ts";
import { decodePayload } from "../ttrpc/payload.ts";
import type { CallContext, Handler, Services } from "../ttrpc/server.ts";
import { PLUGIN_SERVICE } from "./connections.ts";
import { limitMask, START_AND_STOP } from "./events.ts";
import { type ReplyLimits, replyBudgetMs, untilBudget } from "./watchdog.ts";

/** What the runtime tells when it configures the plugin. */
export interface Configuration {
  /** The text of the drop-in file. Empty for external plugins. */
  readonly config: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  /** Empty before NRI 0.12. */
  readonly nriVersion: string;
  /** How long the runtime waits for a reply. 2000 where it does not say (before NRI 0.7). */
  readonly requestTimeoutMs: number;
}

/** What a handler of a container event knows of its call. */
export interface EventContext {
  /** When the runtime gets its answer at the latest, on the clock of `performance.now()`. */
  readonly deadlineMs: number;
  /** Aborted at `deadlineMs`, and when the connection ends. */
  readonly signal: AbortSignal;
}

/** Work for one event of one container. What it throws is reported and never reaches the runtime. */
export type ContainerHandler = (
  pod: PodSandbox,
  container: Container,
  context: EventContext,
) => Promise<void>;

/** The plugin's own part. Messages are the handler's to keep. */
export interface PluginHandlers {
  /** Returns the mask of the wanted events; what the runtime does not know is left out. Throwing means start and stop. */
  configure(configuration: Configuration): number;
  /** The container exists, its process waits. It begins when the promise settles, or at the deadline. */
  startContainer: ContainerHandler;
  /** Once a container, also after it ended by itself or was never started. Its processes are gone already. */
  stopContainer: ContainerHandler;
  /** The container is deleted, perhaps hours after its stop. Comes only when the mask has this event. */
  removeContainer?: ContainerHandler;
  /**
   * The runtime has listed what runs. Never called on pre-launched plugins before NRI 0.7. `read` gives the containers: on
   * a large node that takes longer than an answer may, so it is for later, if at all.
   */
  synchronized?(read: () => RunningContainer[]): void;
}

/** A container that runs already when the plugin connects. */
export interface RunningContainer {
  readonly pod: PodSandbox;
  readonly container: Container;
}

/** What the service needs from its connection. */
export interface PluginServiceOptions {
  readonly handlers: PluginHandlers;
  readonly limits: ReplyLimits;
  readonly onConfigured: () => void;
  readonly onError: (message: string) => void;
  readonly onAnswer: (event: string, tookMs: number) => void;
}

const DEFAULT_REQUEST_TIMEOUT_MS = 2000;
const EMPTY = new Uint8Array(0);

/** Legal calls that need no answer but success. NRI 0.12 makes own calls of events it sent as StateChange before. */
const IDLE_METHODS = [
  "Shutdown",
  "CreateContainer",
  "UpdateContainer",
  "UpdatePodSandbox",
  "ValidateContainerAdjustment",
  "RunPodSandbox",
  "PostUpdatePodSandbox",
  "StopPodSandbox",
  "RemovePodSandbox",
  "PostCreateContainer",
  "PostStartContainer",
  "PostUpdateContainer",
] as const;

/**
 * The Plugin service of NRI, all versions at once: container events come as calls of their own or as StateChange, by
 * version. An error in an answer makes a container fail, or ends containerd (Configure, up to 1.7.25): whatever goes
 * wrong here becomes a report to `onError` and a successful reply.
 */
export function pluginServices(options: PluginServiceOptions): Services {
  const { handlers, limits, onConfigured, onError, onAnswer } = options;
  let requestTimeoutMs = DEFAULT_REQUEST_TIMEOUT_MS;

  const configure: Handler = async (payload) => {
    let events = START_AND_STOP;
    try {
      const request = decodePayload(ConfigureRequestSchema, payload);
      requestTimeoutMs = Number(request.requestTimeout) || DEFAULT_REQUEST_TIMEOUT_MS;
      const { config, runtimeName, runtimeVersion, nriVersion } = request;
      const mask = handlers.configure({ config, runtimeName, runtimeVersion, nriVersion, requestTimeoutMs });
      events = limitMask(mask, nriVersion);
    } catch (error) {
      onError(`Configure failed: ${messageOf(error)}; subscribed to start and stop of containers`);
    }
    onConfigured();
    return toBinary(ConfigureResponseSchema, create(ConfigureResponseSchema, { events }));
  };

  /** A long list comes in several. */
  const parts: Uint8Array[] = [];
  const synchronize: Handler = async (payload) => {
    // An error ends the plugin, and old runtimes with it: one that cannot be read is taken for the last part.
    const request = attempt("Synchronize", onError, () => decodePayload(SynchronizeRequestSchema, payload));
    const more = request?.more ?? false;
    if (request !== undefined) parts.push(payload.slice());
    if (request !== undefined && !more) {
      const all = parts.splice(0);
      attempt("Synchronize", onError, () => handlers.synchronized?.(() => runningContainers(all)));
    }
    return toBinary(SynchronizeResponseSchema, create(SynchronizeResponseSchema, { more }));
  };

  const runHandler = async (event: ContainerEvent, context: CallContext): Promise<Uint8Array> => {
    const handler = handlerOf(handlers, event.event);
    if (handler === undefined) return EMPTY;
    const name = nameOf(event.event);
    if (!event.container?.id) {
      onError(`${name} failed: the event names no container`);
      return EMPTY;
    }
    const beginMs = performance.now();
    const remainingMs = (context.deadlineMs ?? beginMs + requestTimeoutMs) - beginMs;
    const budgetMs = replyBudgetMs(remainingMs, limits);
    const deadlineMs = beginMs + budgetMs;
    const { container, pod = create(PodSandboxSchema) } = event;
    await untilBudget({
      act: `${name} of container "${container.id}"`,
      budgetMs,
      signal: context.signal,
      run: (signal) => handler(pod, container, { deadlineMs, signal }),
      onError,
    });
    onAnswer(name, performance.now() - beginMs);
    return EMPTY;
  };

  /** A call that is an event. A payload that cannot be read is no reason to fail the container. */
  const eventCall =
    (name: string, decode: (payload: Uint8Array) => ContainerEvent): Handler =>
    async (payload, context) => {
      const event = attempt(name, onError, () => decode(payload));
      return event === undefined ? EMPTY : runHandler(event, context);
    };
  const ownCall = (event: Event): Handler =>
    eventCall(nameOf(event), (payload) => ({ event, ...decodePayload(ContainerRequestSchema, payload) }));

  return {
    [PLUGIN_SERVICE]: {
      ...Object.fromEntries(IDLE_METHODS.map((method) => [method, async () => EMPTY])),
      Configure: configure,
      Synchronize: synchronize,
      StateChange: eventCall("StateChange", (payload) => decodePayload(StateChangeEventSchema, payload)),
      StartContainer: ownCall(Event.START_CONTAINER),
      StopContainer: ownCall(Event.STOP_CONTAINER),
      RemoveContainer: ownCall(Event.REMOVE_CONTAINER),
    },
  };
}

function runningContainers(parts: readonly Uint8Array[]): RunningContainer[] {
  const lists = parts.map((part) => decodePayload(SynchronizedListsSchema, part));
  const pods = new Map(lists.flatMap((list) => list.pods.map((pod) => [pod.id, pod])));
  return lists
    .flatMap(({ containers }) => containers)
    .filter(({ id, state }) => id !== "" && state === ContainerState.RUNNING)
    .map((container) => ({
      container,
      pod: pods.get(container.podSandboxId) ?? create(PodSandboxSchema),
    }));
}

/** An event, whichever call carried it. Pod events have no container. */
interface ContainerEvent {
  readonly event: Event;
  readonly pod?: PodSandbox | undefined;
  readonly container?: Container | undefined;
}

/** Undefined for the events nothing is done about, unknown ones of later versions included. */
function handlerOf(handlers: PluginHandlers, event: Event): ContainerHandler | undefined {
  switch (event) {
    case Event.START_CONTAINER:
      return handlers.startContainer.bind(handlers);
    case Event.STOP_CONTAINER:
      return handlers.stopContainer.bind(handlers);
    case Event.REMOVE_CONTAINER:
      return handlers.removeContainer?.bind(handlers);
    default:
      return undefined;
  }
}

function nameOf(event: Event): string {
  switch (event) {
    case Event.START_CONTAINER:
      return "StartContainer";
    case Event.STOP_CONTAINER:
      return "StopContainer";
    case Event.REMOVE_CONTAINER:
      return "RemoveContainer";
    default:
      return `Event ${event}`;
  }
}

/** The result of `act`; undefined when it throws, which is reported. */
function attempt<T>(name: string, onError: (message: string) => void, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    onError(`${name} failed: ${messageOf(error)}`);
    return undefined;
  }
}
