import { describe, expect, test } from "bun:test";
import {
  flagOf,
  parseOpenFiles,
  parseRights,
  parseStat,
  parseUnit,
  readProcesses,
} from "../../src/doctor/processes.ts";

test("parseStat() takes a name with blanks and parentheses", () => {
  const rest = `S 1 ${Array.from({ length: 17 }, (_, index) => index).join(" ")} 4711 0`;
  expect(parseStat(`12 (a) b (c) ${rest}\n`)).toEqual({ name: "a) b (c", parent: 1, startTicks: 4711 });
  expect(parseStat("")).toBeUndefined();
});

describe("parseUnit()", () => {
  for (const [cgroup, unit] of [
    ["0::/system.slice/containerd.service\n", "containerd.service"],
    ["0::/system.slice/k3s.service/init\n", "k3s.service"],
    ["12:cpu:/x.service\n1:name=systemd:/system.slice/crio.service\n0::/\n", "crio.service"],
    ["0::/\n", undefined],
    ["", undefined],
  ] as const) {
    test(`finds ${unit} in ${JSON.stringify(cgroup)}`, () => {
      expect(parseUnit(cgroup)).toBe(unit);
    });
  }
});

test("parseOpenFiles() knows unlimited", () => {
  expect(
    parseOpenFiles("Max open files            1024                 unlimited            files\n"),
  ).toEqual({
    soft: 1024,
    hard: Number.POSITIVE_INFINITY,
  });
});

test("parseRights() reads what a process may do", () => {
  const status = "Name:\tx\nCapInh:\t0\nCapPrm:\t00000000002c0004\nNoNewPrivs:\t1\nSeccomp:\t2\n";
  expect(parseRights(status, "x.service")).toEqual({
    capabilities: 0x2c0004n,
    noNewPrivileges: true,
    filtered: true,
    unit: "x.service",
  });
  expect(parseRights(status.replaceAll(/\t[12]\n/g, "\t0\n"), undefined)).toMatchObject({
    noNewPrivileges: false,
    filtered: false,
  });
  expect(parseRights("", undefined)).toBeUndefined();
});

for (const [line, value] of [
  ["containerd --config /a", "/a"],
  ["containerd --config=/a=b", "/a=b"],
  ["containerd -c /a", "/a"],
  ["containerd --log-level info", undefined],
  ["containerd --config", undefined],
] as const) {
  test(`flagOf(${line}) is ${value}`, () => {
    expect(flagOf(line.split(" "), "--config", "-c")).toBe(value);
  });
}

test("readProcesses() finds this one, its start within a second", () => {
  const own = readProcesses().find(({ pid }) => pid === process.pid);
  expect(own).toMatchObject({ parent: process.ppid, replaced: false });
  expect(own?.program).toBe(process.execPath);
  const startedAtMs = Date.now() - process.uptime() * 1000;
  expect(Math.abs((own?.startedAtMs ?? 0) - startedAtMs)).toBeLessThan(2000);
});
