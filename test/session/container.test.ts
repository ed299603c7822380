import { describe, expect, test } from "bun:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ContainerSchema, PodSandboxSchema } from "../../src/gen/nri_pb.ts";
import { containerInfo } from "../../src/session/container.ts";

const containerd = "io.kubernetes.cri.image-name";
const crio = "io.kubernetes.cri-o.ImageName";
const crioOlder = "io.kubernetes.cri-o.Image";

const infoOf = (
  container: MessageInitShape<typeof ContainerSchema>,
  pod: MessageInitShape<typeof PodSandboxSchema> = {},
) => containerInfo(create(PodSandboxSchema, pod), create(ContainerSchema, container));

describe("containerInfo()", () => {
  test("takes what the runtime tells", () => {
    const info = infoOf(
      {
        id: "c0ffee",
        name: "web",
        pid: 812,
        annotations: { [containerd]: "docker.io/library/nginx:latest" },
        labels: { tier: "front" },
        linux: { cgroupsPath: "kubepods.slice:cri-containerd:c0ffee" },
      },
      { name: "pod", namespace: "default", uid: "u", labels: { app: "web" } },
    );
    expect(info).toEqual({
      id: "c0ffee",
      name: "web",
      pid: 812,
      imageReference: "docker.io/library/nginx:latest",
      imageDigest: undefined,
      cgroupsPath: "kubepods.slice:cri-containerd:c0ffee",
      labels: { tier: "front" },
      pod: { name: "pod", namespace: "default", uid: "u", labels: { app: "web" } },
    });
  });

  for (const [what, container, reference] of [
    ["the image of NRI 0.12.2", { image: { name: "a" }, annotations: { [containerd]: "b" } }, "a"],
    ["containerd's annotation", { annotations: { [crio]: "b", [containerd]: "a" } }, "a"],
    ["CRI-O's annotation", { annotations: { [crioOlder]: "b", [crio]: "a" } }, "a"],
    ["CRI-O's older annotation", { annotations: { [crioOlder]: "a" } }, "a"],
    ["what is not empty", { image: { name: "" }, annotations: { [containerd]: "", [crio]: "a" } }, "a"],
    ["nothing", { annotations: { other: "a" } }, ""],
  ] as const) {
    test(`finds the image's reference in ${what}`, () => {
      expect(infoOf(container).imageReference).toBe(reference);
    });
  }

  test("finds the digest where the runtime tells it", () => {
    expect(infoOf({ image: { digest: "sha256:abc" } }).imageDigest).toBe("sha256:abc");
  });

  test("finds the name in the label", () => {
    expect(infoOf({ labels: { "io.kubernetes.container.name": "web" } }).name).toBe("web");
  });

  const [digest, other] = ["ab", "cd"].map((hex) => `sha256:${hex.repeat(32)}`);
  for (const [what, reference, digests, expected] of [
    [
      "the one in the image's repository",
      "quay.io/a/b:1",
      `quay.io/x/b@${other},quay.io/a/b@${digest}`,
      digest,
    ],
    ["the first of several", "quay.io/a/b:1", `quay.io/a/b@${digest},quay.io/a/b@${other}`, digest],
    ["one of Docker Hub", "docker.io/library/b:1", `docker.io/library/b@${digest}`, digest],
    ["the first where the reference is an id", "ab".repeat(32), `quay.io/a/b@${digest}`, digest],
    ["none of another repository", "quay.io/a/b:1", `quay.io/x/b@${other}`, undefined],
    ["none besides the reference's own", `quay.io/a/b@${other}`, `quay.io/a/b@${digest}`, undefined],
    ["none in other text", "quay.io/a/b:1", `quay.io/a/b@sha256:12,quay.io/a/b:2,@${digest},[]`, undefined],
    ["none in nothing", "quay.io/a/b:1", "", undefined],
  ] as const) {
    test(`of the digests that CRI-O tells takes ${what}`, () => {
      const annotations = { [crio]: reference, "io.kubernetes.cri-o.ImageRepoDigests": digests };
      expect(infoOf({ annotations }).imageDigest).toBe(expected);
      expect(infoOf({ annotations, image: { digest: "sha256:told" } }).imageDigest).toBe("sha256:told");
    });
  }

  for (const [text, name] of [
    ["k8s_web_pod_default_0b1c_0", "web"],
    ["k8s_web_pod_default_0b1c", ""],
    ["k8s_we_b_pod_default_0b1c_0", ""],
    ["web", ""],
    ["", ""],
  ] as const) {
    test(`finds the name ${JSON.stringify(name)} in CRI-O's ${JSON.stringify(text)}, where no label has it`, () => {
      const annotations = { "io.kubernetes.cri-o.ContainerName": text };
      expect(infoOf({ annotations }).name).toBe(name);
      expect(infoOf({ annotations, labels: { "io.kubernetes.container.name": "label" } }).name).toBe("label");
    });
  }

  test("makes do with nothing", () => {
    expect(infoOf({})).toEqual({
      id: "",
      name: "",
      pid: 0,
      imageReference: "",
      imageDigest: undefined,
      cgroupsPath: "",
      labels: {},
      pod: { name: "", namespace: "", uid: "", labels: {} },
    });
  });
});
