import { closeSync, constants, fstatSync, openSync, readSync, realpathSync } from "node:fs";
import type { RuntimeKind } from "./facts.ts";
import { readText } from "./processes.ts";

/** Debian's list of what is installed, and the packages that have a runtime. */
const DPKG_STATUS = "/var/lib/dpkg/status";
const packagePattern = /^(?:containerd(?:\.io)?|cri-o(?:-.*)?)$/;

const PROGRAM_BYTES_MAX = 512 << 20;
const CHUNK_BYTES = 4 << 20;
/** What the Go linker puts before its description of a build (debug/buildinfo), and its form since Go 1.18. */
const GO_MAGIC = Buffer.from("\xff Go buildinf:", "latin1");
const GO_ALIGNMENT = 16;
const GO_HEADER_BYTES = 32;
const GO_INLINE_STRINGS = 2;
/** Of the list of modules, which some programs have many of. */
const GO_INFO_BYTES_MAX = 1 << 20;

const OTHERS_WRITE = 0o022;

/**
 * The version of a runtime's program, by files that root owns: nothing is executed, for whoever can name a program could
 * have it run as root. `1.7.24` by the package that it is of, or by the modules that it was built from, which may tell
 * only the first number: `2.x`. Undefined when nothing tells.
 */
export function versionOfProgram(program: string, kind: RuntimeKind): string | undefined {
  const path = realPath(program);
  if (path === undefined) return undefined;
  return versionOfPackage(path, kind) ?? versionOfModules(readGoModules(path), kind);
}

/** Debian's packages have their programs there; what lies elsewhere is of no package. */
function versionOfPackage(path: string, kind: RuntimeKind): string | undefined {
  if (path !== `/usr/bin/${kind === "containerd" ? "containerd" : "crio"}`) return undefined;
  for (const paragraph of readText(DPKG_STATUS).split("\n\n")) {
    const name = /^Package: (.*)$/m.exec(paragraph)?.[1] ?? "";
    if (!packagePattern.test(name) || !/^Status: .* installed$/m.test(paragraph)) continue;
    if (name.startsWith("containerd") !== (kind === "containerd")) continue;
    // An epoch, the version, what Debian added to it.
    return /^Version: (?:\d+:)?(\d+\.\d+(?:\.\d+)?)/m.exec(paragraph)?.[1];
  }
  return undefined;
}

/**
 * By the lines `path`, `mod` and `dep` of a Go build. One that was built out of its own sources may have no version
 * there, but containerd has its first number in its name since 2.0.
 */
export function versionOfModules(modules: string, kind: RuntimeKind): string | undefined {
  const module = kind === "containerd" ? "github.com/containerd/containerd" : "github.com/cri-o/cri-o";
  const lines = modules.split("\n").map((line) => line.split("\t"));
  for (const [, path = "", version = ""] of lines) {
    // Not its packages: containerd's api counts by itself.
    if (path.replace(/\/v\d+$/, "") !== module) continue;
    const exact = /^v(\d+\.\d+\.\d+)/.exec(version)?.[1];
    if (exact !== undefined && exact !== "0.0.0") return exact; // of a build without a tag
  }
  const path = lines.find(([word]) => word === "path")?.[1];
  if (kind !== "containerd" || !path?.startsWith(`${module}/`)) return undefined;
  return `${/^\/v(\d+)\//.exec(path.slice(module.length))?.[1] ?? "1"}.x`;
}

/** What Go wrote into a program about its modules; empty when it is none of Go's, or not a file of root's. */
function readGoModules(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return "";
  }
  try {
    const stats = fstatSync(fd);
    const isRoots = stats.isFile() && stats.uid === 0 && (stats.mode & OTHERS_WRITE) === 0;
    if (!isRoots || stats.size > PROGRAM_BYTES_MAX) return "";
    const at = findInFile(fd, GO_MAGIC);
    return at === undefined ? "" : decodeGoModules(readAt(fd, at, GO_INFO_BYTES_MAX));
  } finally {
    closeSync(fd);
  }
}

/** Behind the header stand two strings, each behind its length: the version of Go, and the modules in 16 bytes of marks. */
export function decodeGoModules(info: Buffer): string {
  if (info.length < GO_HEADER_BYTES || !info.subarray(0, GO_MAGIC.length).equals(GO_MAGIC)) return "";
  if (((info[GO_MAGIC.length + 1] ?? 0) & GO_INLINE_STRINGS) === 0) return "";
  const go = readString(info, GO_HEADER_BYTES);
  const modules = go && readString(info, go.end);
  return modules === undefined ? "" : modules.text.slice(16, -16);
}

function readString(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  let length = 0;
  for (let index = 0; index < 5; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    length += (byte & 0x7f) * 2 ** (7 * index);
    if (byte >= 0x80) continue;
    const start = at + index + 1;
    const end = start + length;
    return end > bytes.length ? undefined : { text: bytes.toString("latin1", start, end), end };
  }
  return undefined;
}

function findInFile(fd: number, wanted: Buffer): number | undefined {
  const overlap = wanted.length - 1;
  for (let offset = 0; ; offset += CHUNK_BYTES - overlap) {
    const chunk = readAt(fd, offset, CHUNK_BYTES);
    for (let found = chunk.indexOf(wanted); found >= 0; found = chunk.indexOf(wanted, found + 1)) {
      // The linker aligns it; the same bytes elsewhere are a text of the program.
      if ((offset + found) % GO_ALIGNMENT === 0) return offset + found;
    }
    if (chunk.length < CHUNK_BYTES) return undefined;
  }
}

function readAt(fd: number, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(fd, buffer, 0, length, offset));
}

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined; // it is not there
  }
}
