import { START_AND_STOP } from "../../src/nri/events.ts";
import { type EndReason, type PluginOptions, runPlugin } from "../../src/nri/plugin.ts";
import type { PluginHandlers } from "../../src/nri/plugin-service.ts";
import type { FakeConnection, FakeRuntimeOptions } from "../helpers/fake-connection.ts";
import { FakeRuntime } from "../helpers/fake-runtime.ts";

/** A plugin that is connected to a fake runtime, and what both of them see. */
export interface PluginBench extends AsyncDisposable {
  /** The runtime's side of the connection. */
  readonly plugin: FakeConnection;
  /** What the handlers were called with, one line a call. */
  readonly calls: readonly string[];
  /** What went to `onError`. */
  readonly errors: readonly string[];
  readonly end: Promise<EndReason>;
}

/** Handlers that note their calls and succeed. */
export function recorder(): { handlers: PluginHandlers; calls: string[] } {
  const calls: string[] = [];
  const handlers: PluginHandlers = {
    configure({ config, runtimeName, runtimeVersion, nriVersion, requestTimeoutMs }) {
      calls.push(
        `configure "${config}" ${runtimeName} ${runtimeVersion} "${nriVersion}" ${requestTimeoutMs}`,
      );
      return START_AND_STOP;
    },
    async startContainer(pod, { id, pid, annotations }) {
      calls.push(`start ${pod.id}/${id} pid ${pid} ${annotations["io.kubernetes.cri.image-name"]}`);
    },
    async stopContainer(pod, { id }) {
      calls.push(`stop ${pod.id}/${id}`);
    },
    async removeContainer(pod, { id }) {
      calls.push(`remove ${pod.id}/${id}`);
    },
    synchronized() {
      calls.push("synchronized");
    },
  };
  return { handlers, calls };
}

/** Starts a fake runtime and a plugin with recording handlers, except for those that are given. */
export async function connectPlugin(
  options: {
    readonly runtime?: FakeRuntimeOptions;
    readonly plugin?: Partial<PluginOptions>;
    readonly handlers?: Partial<PluginHandlers>;
  } = {},
): Promise<PluginBench> {
  const runtime = await FakeRuntime.listen(options.runtime);
  const { handlers, calls } = recorder();
  const errors: string[] = [];
  const end = runPlugin({
    source: { path: runtime.path },
    name: "optimizer",
    idx: "02",
    handlers: { ...handlers, ...options.handlers },
    onError: (message) => errors.push(message),
    ...options.plugin,
  });
  const plugin = await runtime.accept();
  return {
    plugin,
    calls,
    errors,
    end,
    async [Symbol.asyncDispose]() {
      await runtime[Symbol.asyncDispose]();
      await end;
    },
  };
}
