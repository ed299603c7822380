import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type Container,
  ContainerSchema,
  ContainerState,
  Event,
  PodSandboxSchema,
} from "../../src/gen/nri_pb.ts";
import { concat } from "./splits.ts";

/** A container of a fake runtime, and how large the rest of its message is that the plugin does not declare. */
export interface FakeContainer {
  readonly pod: MessageInitShape<typeof PodSandboxSchema>;
  readonly container: MessageInitShape<typeof ContainerSchema>;
  /** Bytes of environment. Real containers have 2 to 10 KB of such things. */
  readonly envLength: number;
}

/** The container `id` in a pod of its own, with what containerd fills in. `more` overrides fields of the container. */
export function fakeContainer(
  id: string,
  more: Partial<Pick<Container, "name" | "pid" | "state" | "annotations" | "labels">> = {},
  envLength = 3000,
): FakeContainer {
  return {
    pod: { id: `pod-${id}`, name: "pod", namespace: "default", uid: "uid" },
    container: {
      id,
      podSandboxId: `pod-${id}`,
      name: "web",
      state: ContainerState.CREATED,
      annotations: { "io.kubernetes.cri.image-name": "docker.io/library/nginx:latest" },
      linux: { cgroupsPath: `kubepods/${id}` },
      pid: 4242,
      ...more,
    },
    envLength,
  };
}

/** The request of StartContainer, StopContainer and RemoveContainer. */
export function containerRequest({ pod, container, envLength }: FakeContainer): Uint8Array {
  return fields([1, podBytes(pod)], [2, containerBytes(container, envLength)]);
}

/** A StateChange. Pod events go without a container. */
export function stateChange(event: Event, { pod, container, envLength }: FakeContainer): Uint8Array {
  const hasContainer = ![Event.RUN_POD_SANDBOX, Event.STOP_POD_SANDBOX, Event.REMOVE_POD_SANDBOX].includes(
    event,
  );
  const head = new BinaryWriter().tag(1, WireType.Varint).int32(event).finish();
  const containers: [number, Uint8Array][] = hasContainer ? [[3, containerBytes(container, envLength)]] : [];
  return concat([head, fields([2, podBytes(pod)], ...containers)]);
}

/** A Synchronize with these containers and their pods; `more` says that another part follows. */
export function synchronizeRequest(containers: readonly FakeContainer[], more: boolean): Uint8Array {
  const list = fields(
    ...containers.map(({ pod }): [number, Uint8Array] => [1, podBytes(pod)]),
    ...containers.map(({ container, envLength }): [number, Uint8Array] => [
      2,
      containerBytes(container, envLength),
    ]),
  );
  return more ? concat([list, new BinaryWriter().tag(3, WireType.Varint).bool(true).finish()]) : list;
}

/** Length-delimited fields, in order; empty ones are left out, as Go does with strings. */
export function fields(...entries: readonly (readonly [number, Uint8Array | string])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of entries) {
    if (value.length === 0) continue;
    writer.tag(number, WireType.LengthDelimited);
    if (typeof value === "string") writer.string(value);
    else writer.bytes(value);
  }
  return writer.finish();
}

function podBytes(pod: FakeContainer["pod"]): Uint8Array {
  // Field 9, the pid of the pod, is one of those the plugin does not declare.
  return concat([
    toBinary(PodSandboxSchema, create(PodSandboxSchema, pod)),
    new BinaryWriter().tag(9, WireType.Varint).uint32(4000).finish(),
  ]);
}

function containerBytes(container: FakeContainer["container"], envLength: number): Uint8Array {
  const env = envLength > 0 ? fields([7, "nginx"], [8, `PAD=${"x".repeat(envLength)}`]) : new Uint8Array(0);
  return concat([toBinary(ContainerSchema, create(ContainerSchema, container)), env]);
}
