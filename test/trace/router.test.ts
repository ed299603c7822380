import { describe, expect, test } from "bun:test";
import type { Mount } from "../../src/trace/mountinfo.ts";
import { deviceNumber, type OpenRecord } from "../../src/trace/records.ts";
import { type RoutedRoot, Router } from "../../src/trace/router.ts";

const one = { device: deviceNumber(0, 50), wholeFileSystem: true, pid: 51 };
const other = { device: deviceNumber(0, 60), wholeFileSystem: true, pid: 61 };
const onDisk = { device: deviceNumber(8, 1), wholeFileSystem: false, pid: 81 };

/** A mount table with these lines, by mount point. */
function table(...lines: readonly (readonly [mountPoint: string, of: RoutedRoot, root?: string])[]): Mount[] {
  return lines.map(([mountPoint, { device }, root = "/"]) => {
    return { device, root, mountPoint, fsType: "overlay", source: "overlay", superOptions: [] };
  });
}

/** A router over the mount tables of some processes; `reads` tells which of them were looked at. */
function routerOver(tables: Readonly<Record<string, Mount[]>>) {
  const reads: (number | "self")[] = [];
  const router = new Router<RoutedRoot>((pid) => {
    reads.push(pid);
    return tables[pid] ?? [];
  });
  router.add(500, one);
  router.add(600, other);
  return { router, reads };
}

function event(mountId: number, path: string, more: Partial<OpenRecord> = {}): OpenRecord {
  return {
    kind: "open",
    timeNs: 0,
    mountId,
    device: deviceNumber(9, 9),
    inode: 7,
    bornMs: 0,
    sizeBytes: 0,
    pid: 812,
    mode: 0o100644,
    deleted: false,
    exec: false,
    path,
    ...more,
  };
}

describe("Router.route()", () => {
  test("tells traces apart by their root mounts, and reads no table for that", () => {
    const { router, reads } = routerOver({});
    expect(router.route(event(500, "/a"))).toEqual({ target: one, path: "/a", placed: true });
    expect(router.route(event(600, "/a"))).toEqual({ target: other, path: "/a", placed: true });
    expect(reads).toEqual([]);
  });

  test("follows the root of a mount namespace within the container", () => {
    const { router } = routerOver({ 812: table(["/", other]) });
    expect(router.route(event(700, "/etc/x"))).toEqual({ target: other, path: "/etc/x", placed: true });
  });

  test("follows a bind mount within the container to the path in the image", () => {
    const { router } = routerOver({ 812: table(["/", one], ["/sandbox", one, "/usr/share"]) });
    expect(router.route(event(700, "/sandbox/doc"))).toEqual({
      target: one,
      path: "/usr/share/doc",
      placed: true,
    });
  });

  test("follows the host's mount of a root to the path in the image", () => {
    const { router } = routerOver({
      self: table(["/", onDisk], ["/run/c1/rootfs", one], ["/run/c2/rootfs", other]),
    });
    expect(router.route(event(700, "/run/c2/rootfs/etc/x"))).toEqual({
      target: other,
      path: "/etc/x",
      placed: true,
    });
  });

  test("does not mistake the host's own root for a container's", () => {
    const { router } = routerOver({ self: table(["/", one]), 812: table(["/", other]) });
    expect(router.route(event(700, "/etc/x"))?.target).toBe(other);
  });

  test("falls back on the file's device when the process is gone", () => {
    const { router } = routerOver({});
    const placed = false;
    expect(router.route(event(700, "/a", { device: other.device }))).toEqual({
      target: other,
      path: "/a",
      placed,
    });
    expect(router.route(event(701, "/a"))).toBeUndefined();
  });

  test("asks the traced process when the one that opened is gone: the path is likely, not sure", () => {
    const { router, reads } = routerOver({
      51: table(["/", one], ["/sandbox", one, "/usr/share"], ["/sandbox/deep", one, "/etc"]),
    });
    const through = (mountId: number, path: string) =>
      router.route(event(mountId, path, { device: one.device }));
    const placed = false;
    expect(through(700, "/sandbox/doc")).toEqual({ target: one, path: "/usr/share/doc", placed });
    expect(through(701, "/sandbox/deep/x")).toEqual({ target: one, path: "/etc/x", placed });
    // Through the root's own mount it did not come: that one is known.
    expect(through(702, "/other")).toEqual({ target: one, path: "/other", placed });
    expect(reads.slice(0, 3)).toEqual(["self", 812, 51]);
  });

  test("asks the traced process of no other trace, and believes it no other trace's mounts", () => {
    const { router } = routerOver({
      51: table(["/", one], ["/sandbox", other, "/usr/share"]),
      61: table(["/", other], ["/sandbox", one, "/usr/share"]),
    });
    const placed = false;
    for (const target of [one, other]) {
      const opened = event(700 + target.pid, "/sandbox/doc", { device: target.device });
      expect(router.route(opened)).toEqual({ target, path: "/sandbox/doc", placed });
    }
    expect(router.route(event(900, "/sandbox/doc"))).toBeUndefined();
  });

  test("takes no file for another container's whose process has got the pid since", () => {
    const { router } = routerOver({ 812: table(["/", other], ["/sandbox", other, "/etc"]) });
    const opened = event(700, "/sandbox/doc", { device: one.device });
    expect(router.route(opened)).toEqual({ target: one, path: "/sandbox/doc", placed: false });
  });

  test("knows the devices that overlay makes up for files of another file system than its own", () => {
    const { router } = routerOver({});
    const device = deviceNumber(0, 77);
    router.route(event(600, "/bin/sh", { device }));
    expect(router.route(event(700, "/a", { device }))).toEqual({ target: other, path: "/a", placed: false });
    router.remove(other);
    expect(router.route(event(700, "/a", { device }))).toBeUndefined();
  });

  test("never routes by device to a trace that covers its root mount alone", () => {
    const { router } = routerOver({ 812: table(["/", onDisk]) });
    router.add(800, onDisk);
    expect(router.route(event(700, "/a", { device: onDisk.device }))).toBeUndefined();
    expect(router.route(event(800, "/a"))).toEqual({ target: onDisk, path: "/a", placed: true });
  });

  test("looks a mount up once, also one that leads nowhere", () => {
    const { router, reads } = routerOver({ 812: table(["/", one]), 813: [] });
    router.route(event(700, "/a"));
    router.route(event(700, "/b"));
    router.route(event(701, "/a", { pid: 813 }));
    router.route(event(701, "/b", { pid: 813 }));
    expect(reads).toEqual(["self", 812, "self", 813]);
  });

  test("takes a path that is not below its mount any more to begin there: it was unmounted", () => {
    const { router } = routerOver({ 812: table(["/", one], ["/sandbox", one, "/usr/share"]) });
    expect(router.route(event(700, "/sandbox/a"))?.path).toBe("/usr/share/a");
    expect(router.route(event(700, "/b"))).toEqual({ target: one, path: "/usr/share/b", placed: false });
  });

  test("stays right when more mounts than it remembers come by", () => {
    const { router } = routerOver({ 812: table(["/", one]) });
    for (let mountId = 1000; mountId < 6000; mountId++) {
      expect(router.route(event(mountId, "/a"))?.target).toBe(one);
    }
    expect(router.route(event(500, "/a"))?.target).toBe(one);
  });
});

describe("Router.add() and remove()", () => {
  test("add() refuses a mount that is taken", () => {
    const { router } = routerOver({});
    expect(router.add(500, other)).toBe(false);
    expect(router.route(event(500, "/a"))?.target).toBe(one);
  });

  test("add() forgets that a mount led nowhere", () => {
    const tables = { 812: table(["/", onDisk]) };
    const { router } = routerOver(tables);
    expect(router.route(event(700, "/a"))).toBeUndefined();
    router.add(800, { ...onDisk, wholeFileSystem: true });
    expect(router.route(event(700, "/a"))).toBeDefined();
  });

  test("remove() lets late events lead nowhere", () => {
    const { router } = routerOver({ 812: table(["/", one]) });
    router.route(event(700, "/a"));
    router.remove(one);
    expect(router.route(event(500, "/a"))).toBeUndefined();
    expect(router.route(event(700, "/a"))).toBeUndefined();
    expect(router.add(500, other)).toBe(true);
  });
});
