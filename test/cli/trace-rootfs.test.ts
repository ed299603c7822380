import { dlopen, ptr } from "bun:ffi";
import { describe, expect } from "bun:test";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { holdCommand } from "../../src/cli/held-command.ts";
import { loadShim } from "../../src/sys/shim.ts";
import { commandLine, runProgram, runToEnd } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { addProgram, smallRootfs } from "../helpers/small-rootfs.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { changedPaths, treeOf } from "../helpers/tree.ts";
import { waitFor } from "../helpers/wait-for.ts";

interface Report {
  readonly complete: boolean;
  readonly replacedListed: string | null;
  readonly counts: { readonly runtime: number };
  readonly files: readonly { readonly path: string }[];
}

/** Starts what follows with the root file system `folder/rootfs` on a mount of its own, made by `how`. */
function mountedBy(how: string, folder: string): string[] {
  const script = `cd "$0" && mkdir -p mounted upper work changes/upper && ${how} && exec "$@"`;
  return ["unshare", "--mount", "/bin/sh", "-c", script, folder];
}

/** Ways of having a root file system, and whether overlay there knows the image's files from others. */
const places = [
  ["in a folder", undefined, true],
  ["on a read-only mount", "mount --bind -o ro rootfs mounted", true],
  ["in memory", "mount -t tmpfs tmpfs mounted && cp -a rootfs/. mounted", true],
  ["at a folder that is otherwise mounted over", "mount --bind rootfs /mnt", true],
  // What it shows has no lasting file handles; it is how engines mount an image.
  ["on an overlay", "mount -t overlay -o lowerdir=rootfs,upperdir=upper,workdir=work overlay mounted", false],
] as const;

/** Where the root file system is then. */
function placeOf(how: string | undefined, folder: TemporaryFolder): string {
  if (how === undefined) return folder.at("rootfs");
  return how.endsWith("/mnt") ? "/mnt" : folder.at("mounted");
}

describe("optimizer trace --rootfs", () => {
  for (const [what, how, tells] of places) {
    rootTest(`tells files of the image from those that replaced them: ${what}`, async () => {
      using folder = temporaryFolder();
      const rootfs = smallRootfs(folder.path);
      for (const name of ["issue", "kept", "mode", "moved", "over", "written"]) {
        writeFileSync(`${rootfs}/etc/${name}`, `${name} of the image\n`);
      }
      const script = [
        // Made anew under a name of the image, in each way.
        "rm /etc/issue; echo mine > /etc/issue; cat /etc/issue",
        "echo mine > /etc/over.21; mv /etc/over.21 /etc/over; cat /etc/over",
        // Changed, forgotten by the kernel, and read.
        "chmod 600 /etc/mode; mv /etc/moved /etc/moved.2; echo 2 > /proc/sys/vm/drop_caches",
        "cat /etc/mode /etc/moved.2",
        "echo more >> /etc/written; cat /etc/written /etc/kept",
      ].join("\n");
      const words = ["--rootfs", placeOf(how, folder), "--json", "--output"];
      const before = how === undefined ? [] : mountedBy(how, folder.path);
      const command = ["trace", ...words, folder.at("report"), "--", "sh", "-c", script];
      const { stdout, stderr, exitCode } = await runToEnd(commandLine(command, before));
      expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
      expect(stdout).toStartWith(
        "mine\nmine\nmode of the image\nmoved of the image\nwritten of the image\nmore\n",
      );
      const report = JSON.parse(readFileSync(folder.at("report"), "utf8")) as Report;
      const listed = report.files.map(({ path }) => path).filter((path) => path.startsWith("/etc/"));
      expect(report.complete).toBe(true);
      if (tells) {
        expect(listed).toEqual(["/etc/mode", "/etc/moved", "/etc/written", "/etc/kept"]);
        expect(report.replacedListed).toBeNull();
        expect(report.counts.runtime).toBeGreaterThan(0);
      } else {
        // What keeps its name is not missing. Whether /etc/over is there is a matter of when its event is read.
        const expected = ["/etc/issue", "/etc/mode", "/etc/written", "/etc/kept"];
        expect(listed.filter((path) => path !== "/etc/over")).toEqual(expected);
        const why = `${placeOf(how, folder)} lies on overlay, where overlay does not know a changed file again`;
        expect(report.replacedListed).toBe(why);
        expect(stderr).toContain(`\nfiles that replaced those of the image are listed, too: ${why}\n`);
      }
    });
  }

  rootTest(
    "tells files of the image from others in a folder that is mounted over in many places",
    async () => {
      using folder = temporaryFolder();
      const rootfs = smallRootfs(folder.path);
      rmSync(`${rootfs}/bin`);
      writeFileSync(`${rootfs}/etc/issue`, "of the image\n");
      mkdirSync(folder.at("other"));
      writeFileSync(folder.at("other/file"), "no part of the image\n");
      for (let number = 0; number < 20; number++) mkdirSync(`${rootfs}/mounted-${number}`);
      // All but the one file are mounted over: in memory, or with a folder of the same file system.
      const cover = [
        "for each in rootfs/mounted-*; do mount -t tmpfs tmpfs $each && touch $each/file || exit 1; done",
        "for each in rootfs/usr rootfs/lib*; do mount --bind other $each || exit 1; done",
      ].join("; ");
      const script = "rm /etc/issue; echo mine > /etc/issue; cat /etc/issue";
      const words = ["trace", "--rootfs", rootfs, "--json", "--output", folder.at("report")];
      const before = mountedBy(cover, folder.path);
      const { stdout, stderr } = await runToEnd(commandLine([...words, "--", "sh", "-c", script], before));
      expect({ stdout, stderr }).toMatchObject({ stdout: "mine\n" });
      const report = JSON.parse(readFileSync(folder.at("report"), "utf8")) as Report;
      expect(report.replacedListed).toBeNull();
      expect(report.files.map(({ path }) => path)).not.toContain("/etc/issue");
    },
  );

  rootTest("lists a file of the image that is renamed to a path that is listed already", async () => {
    using folder = temporaryFolder();
    const rootfs = smallRootfs(folder.path);
    for (const name of ["first", "second"]) writeFileSync(`${rootfs}/etc/${name}`, `${name}\n`);
    const script = "cat /etc/first; mv /etc/second /etc/first; cat /etc/first";
    const words = ["--rootfs", rootfs, "--json", "--output", folder.at("report")];
    const { stdout } = await runProgram("trace", ...words, "--", "sh", "-c", script);
    expect(stdout).toBe("first\nsecond\n");
    const report = JSON.parse(readFileSync(folder.at("report"), "utf8")) as Report;
    const listed = report.files.map(({ path }) => path).filter((path) => path.startsWith("/etc/"));
    expect({ complete: report.complete, listed }).toEqual({
      complete: true,
      listed: ["/etc/first", "/etc/second"],
    });
  });

  rootTest("takes no other file for one that was opened through a mount that is gone", async () => {
    using folder = temporaryFolder();
    const rootfs = smallRootfs(folder.path);
    for (const name of ["mount", "unshare"]) addProgram(rootfs, name);
    const numbers = Array.from({ length: 20 }, (_, index) => `${index}`);
    for (const number of numbers) {
      mkdirSync(`${rootfs}/a${number}`);
      mkdirSync(`${rootfs}/b${number}`);
      writeFileSync(`${rootfs}/a${number}/x`, `${number}\n`);
      writeFileSync(`${rootfs}/b${number}/x`, "hidden\n");
      linkSync(`${rootfs}/b${number}/x`, `${rootfs}/b${number}/x2`);
    }
    const script = 'for i; do unshare -m sh -c "mount --bind /a$i /b$i; exec cat /b$i/x"; done';
    const words = ["--rootfs", rootfs, "--json", "--output", folder.at("report")];
    const { stdout } = await runProgram("trace", ...words, "--", "sh", "-c", script, "sh", ...numbers);
    expect(stdout).toBe(numbers.map((number) => `${number}\n`).join(""));
    const report = JSON.parse(readFileSync(folder.at("report"), "utf8")) as Report;
    const listed = report.files.map(({ path }) => path);
    expect(listed.filter((path) => path.startsWith("/b") && path.endsWith("/x"))).toEqual([]);
    const missing = numbers.filter((number) => !listed.includes(`/a${number}/x`));
    expect(report.complete).toBe(missing.length === 0);
  });

  for (const words of [["--rootfs", ""], ["--rootfs="]]) {
    rootTest(`does not run the command on this machine for an empty name: ${words.join(" ")}`, async () => {
      using folder = temporaryFolder();
      const { stderr, exitCode } = await runProgram("trace", ...words, "--", "touch", folder.at("made"));
      expect(stderr).toContain("--rootfs is empty, as an unset variable is; name a folder");
      expect(exitCode).toBe(2);
      expect(existsSync(folder.at("made"))).toBe(false);
    });
  }

  rootTest("holds no command for an empty name between its two processes", async () => {
    using folder = temporaryFolder();
    const environment = { base: "clean", variables: [] } as const;
    const held = holdCommand({ command: ["touch", folder.at("made")], rootfs: "", environment });
    await expect(held).rejects.toThrow("The command could not be started");
    expect(existsSync(folder.at("made"))).toBe(false);
  });

  rootTest("gives the command a root folder with the owner, mode and attributes of the image's", async () => {
    using folder = temporaryFolder();
    const rootfs = smallRootfs(folder.path);
    chownSync(rootfs, 12, 34);
    chmodSync(rootfs, 0o2751);
    setXattr(rootfs, "trusted.of", "image");
    const script = 'stat -c "%u:%g %a" /; sleep 1000 & echo $!; wait';
    await using child = Bun.spawn(commandLine(["trace", "--rootfs", rootfs, "--", "sh", "-c", script]), {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const reader = child.stdout.getReader();
    let said = "";
    while (!/\n\d+\n$/.test(said)) said += Buffer.from((await reader.read()).value ?? "").toString();
    const [owner, pid = ""] = said.split("\n");
    expect(owner).toBe("12:34 2751");
    expect(loadShim().readXattr(`/proc/${pid}/root/.`, "trusted.of")).toBe("image");
    child.kill("SIGTERM");
  });

  for (const [what, signal] of [
    ["Ctrl-C", "SIGINT"],
    ["SIGKILL of all", "SIGKILL"],
  ] as const) {
    rootTest(`leaves nothing behind after ${what}`, async () => {
      using folder = temporaryFolder();
      const rootfs = smallRootfs(folder.path);
      const before = treeOf(folder.path);
      const mountsBefore = readFileSync("/proc/self/mountinfo", "utf8");
      const script =
        "echo made > /etc/made; rm /usr/bin/rm; echo changed >> /usr/bin/cat; echo here; exec sleep 1000";
      await using child = Bun.spawn(commandLine(["trace", "--rootfs", rootfs, "--", "sh", "-c", script]), {
        stdio: ["ignore", "pipe", "ignore"],
      });
      expect(Buffer.from((await child.stdout.getReader().read()).value ?? "").toString()).toBe("here\n");
      const command = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim();
      expect(command).toMatch(/^\d+$/);
      child.kill(signal);
      if (signal === "SIGKILL") process.kill(Number(command), signal);
      await child.exited;
      await waitFor("the command to be gone", () => !existsSync(`/proc/${command}/root/etc`));
      expect(changedPaths(before, treeOf(folder.path))).toEqual([]);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(mountsBefore);
    });
  }
});

function setXattr(path: string, name: string, value: string): void {
  const { symbols } = dlopen("libc.so.6", {
    setxattr: { args: ["ptr", "ptr", "ptr", "usize", "i32"], returns: "i32" },
  });
  const [pathBytes, nameBytes] = [path, name].map((text) => Buffer.from(`${text}\0`)) as [Buffer, Buffer];
  const bytes = Buffer.from(value);
  expect(symbols.setxattr(ptr(pathBytes), ptr(nameBytes), ptr(bytes), bytes.byteLength, 0)).toBe(0);
}
