import { describe, expect, test } from "bun:test";
import { findContainer, printable } from "../../src/find/find.ts";
import { criAnnotations, dockerRecord, FakeHost, hexId } from "./fake-host.ts";

const WEB = hexId("a1b2");
const SIDE = hexId("a1c3");
const OTHER = hexId("d4");
const STOPPED = hexId("e5");
const SANDBOX = hexId("f6");

/** Three containers in two pods, one of ctr in each of two namespaces, and a stopped one of Docker. */
function crowdedHost(): FakeHost {
  const host = new FakeHost();
  const start = (namespace: string, id: string, pid: number, annotations: Record<string, string> = {}) => {
    host.bundle(namespace, id, { annotations, pid });
    host.process({ pid, parent: namespace === "k8s.io" ? 10 : namespace === "team-a" ? 20 : 30 });
  };
  start("k8s.io", WEB, 11, criAnnotations("web-0", "nginx"));
  start("k8s.io", SIDE, 12, criAnnotations("web-0", "side"));
  start("k8s.io", OTHER, 13, criAnnotations("web-1", "nginx", "docker.io/library/nginx:1.26"));
  const sandbox = { ...criAnnotations("web-0", ""), "io.kubernetes.cri.container-type": "sandbox" };
  start("k8s.io", SANDBOX, 14, sandbox);
  start("team-a", "job", 21);
  start("team-b", "job", 31);
  host.shim(10, "k8s.io", WEB);
  host.shim(20, "team-a", "job");
  host.shim(30, "team-b", "job");
  host.json(`/var/lib/docker/containers/${STOPPED}/config.v2.json`, dockerRecord(STOPPED, "db"));
  return host;
}

describe("findContainer()", () => {
  test.each([
    ["a full id", WEB, 11],
    ["the beginning of an id", "a1b", 11],
    ["a name", "side", 12],
    ["a pod and a name", "web-1/nginx", 13],
    ["a namespace, a pod and a name", "default/web-0/nginx", 11],
    ["a sandbox's id", "f6", 14],
    ["a namespace of containerd and an id", "team-b/job", 31],
  ])("finds by %s", async (_, query, pid) => {
    using host = crowdedHost();
    expect((await findContainer(query, host.options)).pid).toBe(pid);
  });

  test("says that nothing is there at all", async () => {
    using host = new FakeHost();
    await expect(findContainer("web", host.options)).rejects.toMatchObject({
      message: [
        'No container "web"; to wait until it starts, add --wait',
        "Looked at the command lines and cgroups of 0 processes; there is no container of any runtime",
      ].join("\n"),
    });
  });

  test("prefers a name to the beginning of an id, and a running container to a stopped one", async () => {
    using host = new FakeHost();
    host.bundle("default", WEB, { annotations: { "nerdctl/name": "e5" }, pid: 12 });
    host.shim(10, "default", WEB);
    host.process({ pid: 12, parent: 10 });
    for (const [id, name] of [
      [STOPPED, "x"],
      [OTHER, "e5"],
    ] as const) {
      host.json(`/var/lib/docker/containers/${id}/config.v2.json`, dockerRecord(id, name));
    }
    expect(await findContainer("e5", host.options)).toMatchObject({ id: WEB });
  });

  test.each([
    [
      "nginx",
      [
        '2 containers are called "nginx"; say which one by its id or full name',
        "  a1b200000000  default/web-0/nginx  docker.io/library/nginx:1.25  containerd (k8s.io)",
        "  d40000000000  default/web-1/nginx  docker.io/library/nginx:1.26  containerd (k8s.io)",
      ],
    ],
    [
      "a1",
      [
        '2 containers are called "a1"; say which one by its id or full name',
        "  a1b200000000  default/web-0/nginx  docker.io/library/nginx:1.25  containerd (k8s.io)",
        "  a1c300000000  default/web-0/side   docker.io/library/nginx:1.25  containerd (k8s.io)",
      ],
    ],
    [
      "job",
      [
        '2 containers are called "job"; say which one by its id or full name',
        "  job  team-a/job  -  containerd (team-a)",
        "  job  team-b/job  -  containerd (team-b)",
      ],
    ],
  ])("lists the candidates for %s", async (query, lines) => {
    using host = crowdedHost();
    const error: unknown = await findContainer(query, host.options).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "FindError", code: "ambiguous" });
    expect(String((error as Error).message).split("\n")).toEqual(lines);
  });

  test.each(["db", "e5", STOPPED])("says that a container does not run: %s", async (query) => {
    using host = crowdedHost();
    await expect(findContainer(query, host.options)).rejects.toMatchObject({
      code: "stopped",
      message:
        'Container "db" (e50000000000, docker) does not run; start it, or add --wait and start it then',
    });
  });

  test.each([
    ["ngnix", 'did you mean "nginx"?'],
    ["web-0/sde", 'did you mean "web-0/side"?'],
    ["nothing-like-it", "to wait until it starts, add --wait"],
    ["\x1b[31mred\n", "to wait until it starts, add --wait"],
    ["", "to wait until it starts, add --wait"],
  ])("says what was near and where it looked: %j", async (query, cure) => {
    using host = crowdedHost();
    const state = host.at("/run/containerd");
    await expect(findContainer(query, host.options)).rejects.toMatchObject({
      code: "not-found",
      message: [
        `No container "${printable(query)}"; ${cure}`,
        `Looked at ${printable(`${state} (k8s.io, team-a, team-b)`)}, /var/lib/docker, ` +
          "the command lines and cgroups of 9 processes",
      ].join("\n"),
    });
  });
});

describe("printable()", () => {
  test.each([
    ["web", "web"],
    ["grün", "grün"],
    ["\x1b[31mred\x07\n", "?[31mred??"],
    ["a\u202eb\u2028", "a?b?"],
    ["x".repeat(200), `${"x".repeat(80)}…`],
  ])("%j", (text, shown) => {
    expect(printable(text)).toBe(shown);
  });
});
