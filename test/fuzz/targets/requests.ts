import { fromBinary } from "@bufbuild/protobuf";
import { Event } from "../../../src/gen/nri_pb.ts";
import { ResponseSchema } from "../../../src/gen/ttrpc_pb.ts";
import { parseReference } from "../../../src/image/reference.ts";
import { PLUGIN_SERVICE } from "../../../src/nri/connections.ts";
import { parseEvents } from "../../../src/nri/events.ts";
import { type ContainerHandler, pluginServices } from "../../../src/nri/plugin-service.ts";
import { resultName } from "../../../src/record/result-name.ts";
import { containerInfo } from "../../../src/session/container.ts";
import { MessageDecoder } from "../../../src/ttrpc/message.ts";
import { TtrpcServer } from "../../../src/ttrpc/server.ts";
import { message } from "../../helpers/fake-connection.ts";
import {
  containerRequest,
  fakeContainer,
  fields,
  stateChange,
  synchronizeRequest,
} from "../../helpers/nri-messages.ts";
import { about, check, texts } from "../check.ts";
import type { Target } from "../fuzzer.ts";
import { checkResultName } from "./references.ts";

const METHODS = [
  "Configure",
  "Synchronize",
  "StateChange",
  "StartContainer",
  "StopContainer",
  "RemoveContainer",
  "Shutdown",
  "CreateContainer",
] as const;

const container = fakeContainer("c1", {}, 40);
const OUT_OF_ENUM = 99 as Event;

/** Payloads of the runtime's requests, in the plugin's service: success is the answer, whatever they are. */
export const requests: Target = {
  name: "NRI requests",
  seeds: [
    containerRequest(container),
    containerRequest(
      fakeContainer("c2", { annotations: { "io.kubernetes.cri-o.Image": "../../etc" }, pid: 0 }, 0),
    ),
    stateChange(Event.START_CONTAINER, container),
    stateChange(Event.RUN_POD_SANDBOX, container),
    stateChange(OUT_OF_ENUM, container),
    synchronizeRequest([container, container], true),
    fields([1, 'persist_dir = "/x"'], [2, "containerd"], [3, "2.1.9"]),
    new Uint8Array(0),
  ],
  words: texts("io.kubernetes.cri.image-name", "..", "/", "\0", "docker.io/", "v0.12.0"),
  inputsInTests: 800,
  async run(input, next) {
    const codes: string[] = [];
    for (const method of METHODS) codes.push(await answer(method, input, next));
    return codes.join(" ");
  },
};

async function answer(method: string, payload: Uint8Array, next: () => number): Promise<string> {
  let handled = 0;
  let reports = 0;
  const handler: ContainerHandler = async (pod, container) => {
    handled++;
    const info = containerInfo(pod, container);
    checkResultName(resultName(parseReference(info.imageReference), info));
    if (next() < 0.2) throw new Error("broken");
  };
  const failed: unknown[] = [];
  const services = pluginServices({
    handlers: {
      configure: ({ config }) => parseEvents(config),
      startContainer: handler,
      stopContainer: handler,
      removeContainer: handler,
      synchronized: () => {
        if (next() < 0.2) throw new Error("broken");
      },
    },
    limits: { ceilingMs: 1000, marginMs: 250 },
    onConfigured: () => {},
    onAnswer: () => {},
    onError: (text) => {
      reports++;
      if (text.includes("Does not hold")) failed.push(text);
    },
  });
  const sent: Uint8Array[] = [];
  const server = new TtrpcServer({ services, send: (bytes) => sent.push(bytes) });
  server.receive(message(1, 1, fields([1, PLUGIN_SERVICE], [2, method], [3, payload])));
  await new Promise((resolve) => setImmediate(resolve));
  server.close("the end");
  check(failed.length === 0, String(failed[0]));
  check(handled <= 1, "one event is handled once");
  const [reply] = sent.flatMap((bytes) => new MessageDecoder().push(bytes));
  check(sent.length === 1 && reply?.kind === "message", `${method} gets one reply, not ${sent.length}`);
  const code = fromBinary(ResponseSchema, reply.message.data).status?.code ?? 0;
  check(code === 0, `the reply to ${method} is success, not ${code}`);
  return `${handled}${about(reports)}`;
}
