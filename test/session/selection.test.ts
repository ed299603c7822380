import { describe, expect, test } from "bun:test";
import { parsePattern } from "../../src/pattern.ts";
import { describeSelection, isSelected, type Selection } from "../../src/session/selection.ts";
import { info } from "../helpers/session-bench.ts";

const container = info(
  "c1",
  { pid: 1 },
  {
    name: "web",
    imageReference: "docker.io/library/nginx:latest",
    labels: { tier: "front" },
    pod: { name: "web-0", namespace: "prod", uid: "u", labels: { app: "website", trace: "" } },
  },
);

function selection(include: readonly string[], exclude: readonly string[] = []): Selection {
  const parse = (entries: readonly string[]) =>
    entries.map((entry) => {
      const pattern = parsePattern(entry);
      if (typeof pattern === "string") throw new Error(pattern);
      return pattern;
    });
  return { include: parse(include), exclude: parse(exclude) };
}

describe("isSelected()", () => {
  for (const [include, exclude, selected] of [
    [[], [], true],
    [["image=nginx:latest"], [], true],
    [["image=docker.io/library/nginx:latest"], [], true],
    [["image=nginx"], [], false],
    [["image=nginx:*"], [], true],
    [["image=redis:*", "image=nginx:*"], [], true],
    [["image=nginx:*", "namespace=dev"], [], false],
    [["image=nginx:*", "namespace=pro?"], [], true],
    [["pod=web-*", "container=web"], [], true],
    [["container=sidecar"], [], false],
    [["label=tier"], [], true],
    [["label=trace"], [], true],
    [["label=app=web*"], [], true],
    [["label=app=web"], [], false],
    [["label=website"], [], false],
    [["label=ap*"], [], true],
    [["label=*=front"], [], true],
    [["label=nothing", "label=tier=front"], [], true],
    [[], ["image=redis:*"], true],
    [[], ["image=*"], false],
    [["image=nginx:*"], ["label=trace"], false],
    [[], ["namespace=kube-system", "pod=web-0"], false],
  ] as const) {
    test(`include ${JSON.stringify(include)}, exclude ${JSON.stringify(exclude)}: ${selected}`, () => {
      expect(isSelected(container, selection(include, exclude))).toBe(selected);
    });
  }

  test("of a container whose image has no usable name the runtime's reference counts", () => {
    const unnamed = { ...container, imageReference: "sha256:abc" };
    expect(isSelected(unnamed, selection(["image=sha256:*"]))).toBe(true);
    expect(isSelected({ ...container, imageReference: "" }, selection(["image=?*"]))).toBe(false);
  });
});

describe("describeSelection()", () => {
  for (const [include, exclude, text] of [
    [[], [], undefined],
    [["image=a"], [], "traced are containers with image=a"],
    [
      ["image=a", "pod=p", "image=b"],
      ["label=x", "namespace=n"],
      "traced are containers with image=a or image=b and pod=p, without label=x or namespace=n",
    ],
    [[], ["label=x"], "traced are all containers, without label=x"],
  ] as const) {
    test(`tells ${text}`, () => {
      expect(describeSelection(selection(include, exclude))).toBe(text as string);
    });
  }
});
