import { describe, expect, test } from "bun:test";
import { findLaunch, type Launch, type LaunchHints } from "../../src/nri/socket.ts";

const preLaunched = { NRI_PLUGIN_NAME: "optimizer", NRI_PLUGIN_IDX: "02", NRI_PLUGIN_SOCKET: "3" };
const external = { kind: "external", source: { path: "/var/run/nri/nri.sock" } } as const;
const inherited = { kind: "pre-launched", source: { fd: 3 } } as const;

describe("findLaunch()", () => {
  for (const [title, hints, launch] of [
    [
      "the inherited socket",
      { env: preLaunched, argv0: "/opt/nri/plugins/02-optimizer" },
      { ...inherited, idx: "02", name: "optimizer" },
    ],
    [
      "the name with an index of NRI 0.3.0",
      { env: { ...preLaunched, NRI_PLUGIN_NAME: "02-optimizer" }, argv0: "02-optimizer" },
      { ...inherited, idx: "02", name: "optimizer" },
    ],
    [
      "a pre-launched name no external plugin could have",
      { env: { ...preLaunched, NRI_PLUGIN_NAME: "op ti" }, argv0: "02-op ti" },
      { ...inherited, idx: "02", name: "op ti" },
    ],
    [
      "a socket path that was asked for before the inherited socket",
      { env: preLaunched, argv0: "02-optimizer", socketPath: "/run/k3s/nri.sock" },
      { kind: "external", source: { path: "/run/k3s/nri.sock" }, idx: "02", name: "optimizer" },
    ],
    [
      "the default path and the file name",
      { env: {}, argv0: "/usr/bin/07-op-timizer" },
      { ...external, idx: "07", name: "op-timizer" },
    ],
    [
      "options before the file name",
      { env: {}, argv0: "07-other", name: "optimizer", idx: "02" },
      { ...external, idx: "02", name: "optimizer" },
    ],
    [
      "the index of the file name",
      { env: {}, argv0: "07-other", name: "mine" },
      { ...external, idx: "07", name: "mine" },
    ],
    [
      "the whole file name with an index alone",
      { env: {}, argv0: "/usr/bin/optimizer", idx: "02" },
      { ...external, idx: "02", name: "optimizer" },
    ],
    [
      "an index that is what the runtime has set",
      { env: preLaunched, argv0: "02-optimizer", idx: "02", name: "mine" },
      { ...inherited, idx: "02", name: "mine" },
    ],
  ] as const satisfies [string, LaunchHints, Launch][]) {
    test(`takes ${title}`, () => {
      expect(findLaunch(hints)).toEqual(launch);
    });
  }

  for (const [hints, message] of [
    [
      { env: { ...preLaunched, NRI_PLUGIN_SOCKET: "three" }, argv0: "02-optimizer" },
      'Cannot use NRI_PLUGIN_SOCKET="three": it must be a descriptor number',
    ],
    [
      { env: { ...preLaunched, NRI_PLUGIN_SOCKET: "" }, argv0: "02-optimizer" },
      'Cannot use NRI_PLUGIN_SOCKET="": it must be a descriptor number',
    ],
    [
      { env: { ...preLaunched, NRI_PLUGIN_SOCKET: "-1" }, argv0: "02-optimizer" },
      'Cannot use NRI_PLUGIN_SOCKET="-1": it must be a descriptor number',
    ],
    [
      { env: preLaunched, argv0: "02-optimizer", idx: "03" },
      'Cannot use index "03": the runtime has set NRI_PLUGIN_IDX=02',
    ],
    [
      { env: {}, argv0: "/usr/bin/optimizer" },
      'Cannot derive the plugin\'s index and name from the file name "optimizer": it is not NN-name (use --idx and --name)',
    ],
    [{ env: {}, argv0: "optimizer", idx: "5" }, 'Cannot use index "5": it must be two digits'],
    [
      { env: {}, argv0: "optimizer", idx: "05", name: "a b" },
      'Cannot register as "a b": a name has letters, digits and "_.+-" only',
    ],
  ] as const satisfies [LaunchHints, string][]) {
    test(`refuses with: ${message}`, () => {
      expect(() => findLaunch(hints)).toThrow(message);
    });
  }
});
