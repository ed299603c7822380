import { closeSync, lstatSync, openSync, readlinkSync, readSync, type Stats } from "node:fs";

const LINKS_MAX = 40; // as the kernel has it
const HEAD_BYTES = 4096;
const ELF_INTERPRETER = 3; // PT_INTERP

/** A root file system at a folder of the host. All paths are absolute inside it, raw bytes as latin1 text. */
export class Rootfs {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** What lies at exactly this path, or undefined. A symbolic link is not followed. */
  stat(path: string): Stats | undefined {
    try {
      return lstatSync(this.#host(path));
    } catch {
      return undefined;
    }
  }

  /** The path without links and dots, as a process whose root this is would reach it; undefined when it is not there. */
  resolve(path: string, cwd = "/"): string | undefined {
    const todo = (path.startsWith("/") ? path : `${cwd}/${path}`).split("/").reverse();
    let done = "";
    for (let links = 0; todo.length > 0; ) {
      const name = todo.pop() ?? "";
      if (name === "" || name === ".") continue;
      if (name === "..") {
        done = done.slice(0, Math.max(0, done.lastIndexOf("/")));
        continue;
      }
      const next = `${done}/${name}`;
      const stat = this.stat(next);
      if (stat === undefined) return undefined;
      if (!stat.isSymbolicLink()) {
        done = next;
        continue;
      }
      if (++links > LINKS_MAX) return undefined;
      const target = readlinkSync(this.#host(next), { encoding: "buffer" }).toString("latin1");
      if (target.startsWith("/")) done = "";
      todo.push(...target.split("/").reverse());
    }
    return done || "/";
  }

  /**
   * The files that the kernel opens to start a program: the program, the interpreters of scripts, and the ELF
   * interpreter of the last one. Resolved paths, in the kernel's order; cut short where a file is missing.
   */
  programFiles(path: string, cwd: string): string[] {
    const files: string[] = [];
    // The kernel follows scripts whose interpreters are scripts to this depth.
    for (let depth = 0, next: string | undefined = path; depth < 6 && next !== undefined; depth++) {
      const file = this.resolve(next, cwd);
      if (file === undefined) break;
      files.push(file);
      const head = this.#head(file);
      next = scriptInterpreter(head) ?? elfInterpreter(head);
    }
    return files;
  }

  #head(path: string): Buffer {
    const fd = openSync(this.#host(path), "r");
    try {
      const buffer = Buffer.alloc(HEAD_BYTES);
      return buffer.subarray(0, readSync(fd, buffer, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(fd);
    }
  }

  #host(path: string): Buffer {
    return Buffer.concat([Buffer.from(this.folder), Buffer.from(path, "latin1")]);
  }
}

function scriptInterpreter(head: Buffer): string | undefined {
  return /^#![ \t]*([^ \t\n]+)/.exec(head.toString("latin1"))?.[1];
}

/** The path in the program header of type PT_INTERP, of a 64-bit little-endian file whose headers lie at its start. */
function elfInterpreter(head: Buffer): string | undefined {
  const isElf64 =
    head.length >= 64 && head.toString("latin1", 0, 4) === "\x7fELF" && head[4] === 2 && head[5] === 1;
  if (!isElf64) return undefined;
  const table = Number(head.readBigUInt64LE(0x20)); // e_phoff
  const entrySize = head.readUInt16LE(0x36); // e_phentsize
  const count = head.readUInt16LE(0x38); // e_phnum
  for (let index = 0; index < count; index++) {
    const at = table + index * entrySize;
    if (at + entrySize > head.length) return undefined;
    if (head.readUInt32LE(at) !== ELF_INTERPRETER) continue;
    const offset = Number(head.readBigUInt64LE(at + 8)); // p_offset
    const size = Number(head.readBigUInt64LE(at + 32)); // p_filesz, with the zero at the end
    return head.toString("latin1", offset, offset + size - 1);
  }
  return undefined;
}
