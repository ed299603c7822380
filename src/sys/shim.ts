import { CString, dlopen, type FFIFunction, type Pointer, ptr } from "bun:ffi";
import { closeSync, readFileSync, writeSync } from "node:fs";
import libraryPath from "../../dist/shim.so" with { type: "file" };
import { SyscallError } from "./errno.ts";

/** Must equal OPT_ABI_VERSION of native/shim.h. */
const ABI_VERSION = 9;

const MFD_CLOEXEC = 1;

/** `native/shim.h` as FFI sees it. The order of arguments is the header's. */
const symbols = {
  opt_abi_version: { args: [], returns: "i32" },
  opt_raise_nofile: { args: [], returns: "i32" },
  opt_set_cloexec: { args: ["i32"], returns: "i32" },
  opt_lock: { args: ["i32"], returns: "i32" },
  opt_peer_pid: { args: ["i32"], returns: "i32" },
  opt_link_file: { args: ["i32", "ptr"], returns: "i32" },
  opt_get_xattr: { args: ["ptr", "ptr", "ptr", "u32"], returns: "i32" },
  opt_send_datagram: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  opt_exec_held: { args: ["ptr", "ptr", "u32", "ptr", "i32", "ptr"], returns: "i32" },
  opt_start: { args: ["u32", "ptr", "ptr"], returns: "i32" },
  opt_mark: { args: ["ptr", "u64", "i32", "u32"], returns: "i32" },
  opt_unmark: { args: ["ptr", "u64", "u64", "i32", "u32"], returns: "i32" },
  opt_barrier: { args: ["ptr", "u64"], returns: "i32" },
  opt_forget: { args: ["ptr", "u32"], returns: "i32" },
  opt_queue_peak: { args: ["ptr", "u32"], returns: "i32" },
  opt_repeats: { args: ["ptr"], returns: "i32" },
  opt_stop: { args: ["ptr"], returns: "i32" },
  opt_probe_ignore_marks: { args: [], returns: "i32" },
  opt_become_least: { args: ["u64", "ptr", "u64", "ptr"], returns: "i32" },
} as const satisfies Record<string, FFIFunction>;

/** What a mark covers: the root mount, or every mount of the root's super block. */
export type MarkScope = "mount" | "filesystem";

/** A fanotify group with its drain thread. Its answers come through the stream; see native/shim.h. */
export interface NativeTracer {
  /** Reading end of the stream of records. Owned by the caller, and open until it closes it. */
  readonly streamFd: number;
  /** Throws SyscallError when the mark cannot even be tried. */
  mark(token: number, pid: number, scope: MarkScope): void;
  /** Throws SyscallError when it cannot even be tried. */
  unmark(token: number, mountId: number, pid: number, scope: MarkScope): void;
  /** Throws SyscallError when the thread cannot be told. */
  barrier(token: number): void;
  forget(ignoring: boolean): void;
  /** The most events seen waiting in the kernel's queue since the last reset. */
  queuePeak(options?: { readonly reset: boolean }): number;
  /** Repeated events that never reached the stream. */
  repeats(): number;
  /** Ends the thread; blocks for some milliseconds. Every call afterwards throws. */
  stop(): void;
}

/** A command to become. */
export interface ExecHeldOptions {
  readonly command: readonly string[];
  /** The root file system to run in, under a throw-away overlay; the host's own without it. */
  readonly rootfs?: string | undefined;
  /** Whether it inherits our environment, or has nothing but `variables`. */
  readonly environment: "inherited" | "clean";
  /** `NAME=VALUE`, or `NAME` for the value that it has here; of several for one name the last counts. */
  readonly variables: readonly string[];
  readonly wordFd: number;
}

/** A system call that failed, and what it was to do. */
export interface FailedStep {
  readonly step: string;
  readonly error: SyscallError;
}

/** The loaded shim. */
export interface Shim {
  /** Raises the soft limit of open files to the hard one and returns it. */
  raiseOpenFileLimit(): number;
  /** Keeps children from inheriting `fd`. */
  setCloseOnExec(fd: number): void;
  /** Locks an open file until it is closed, unless another process has; returns whether it could. Does not wait. */
  lock(fd: number): boolean;
  /** The process at the other end of a unix socket; 0 when it lies outside of this pid namespace. */
  peerPid(fd: number): number;
  /** Gives an open file a name, also one that was made without; `path` as `node:fs` takes it. Throws SyscallError. */
  linkFile(fd: number, path: string): void;
  /** An extended attribute of the file itself, or undefined. Paths and values are latin1. */
  readXattr(path: string, name: string): string | undefined;
  /** Sends a datagram to a unix socket without ever waiting. Returns whether it was taken. */
  sendDatagram(path: string, bytes: Uint8Array): boolean;
  /**
   * Becomes a command that waits for a byte on `wordFd`; see native/shim.h. Returns only when that
   * fails, with what went wrong.
   */
  execHeld(options: ExecHeldOptions): FailedStep;
  /**
   * Starts this program anew, as the same process with the same descriptors, with lower priorities and no more
   * capabilities than `needed` (bits, as in /proc/PID/status). Returns undefined where that was done already, else
   * what went wrong: then the program goes on as it is. `commandLine` is latin1. SIGUSR1 and SIGHUP, which must have
   * handlers, do not end it meanwhile: those that come, and the numbers in `heard`, reach the handlers of the new start.
   */
  becomeLeast(
    needed: bigint,
    commandLine: readonly string[],
    heard: readonly number[],
  ): FailedStep | undefined;
  /**
   * Whether the kernel drops the opens of a file that a tracer has seen, asked by trying it; undefined when that
   * cannot be tried.
   */
  probeIgnoreMarks(): boolean | undefined;
  /** Throws SyscallError, EPERM without CAP_SYS_ADMIN. `boundedQueue` is for tests of overflow. */
  start(options?: { readonly boundedQueue?: boolean }): NativeTracer;
}

const scopeNumber = { mount: 0, filesystem: 1 } as const satisfies Record<MarkScope, number>;
const BOUNDED_QUEUE = 1;

/**
 * Loads the shim out of this executable through a memfd: Bun's own way copies it to a predictable
 * name in a folder that everybody can write to, and fails where that is mounted noexec.
 * Not in a module's scope, so that `--help` and unit tests need no library.
 */
export function loadShim(): Shim {
  const fd = copyToMemory(readFileSync(libraryPath));
  const { symbols: native } = dlopen(`/proc/self/fd/${fd}`, symbols);
  closeSync(fd);
  const version = native.opt_abi_version();
  if (version !== ABI_VERSION) {
    throw new Error(
      `Cannot use the native shim: its ABI is ${version}, wanted ${ABI_VERSION}; build again with "make optimizer"`,
    );
  }
  return {
    raiseOpenFileLimit: () => check("raise the limit of open files", native.opt_raise_nofile()),
    setCloseOnExec: (fd) => void check(`set FD_CLOEXEC on descriptor ${fd}`, native.opt_set_cloexec(fd)),
    lock: (fd) => native.opt_lock(fd) === 0,
    peerPid: (fd) => check(`tell the process behind socket ${fd}`, native.opt_peer_pid(fd)),
    linkFile: (fd, path) =>
      void check(`link a file as ${path}`, native.opt_link_file(fd, Buffer.from(`${path}\0`))),
    readXattr(path, name) {
      const value = Buffer.alloc(256);
      const length = native.opt_get_xattr(cString(path), cString(name), value, value.byteLength);
      return length < 0 ? undefined : value.toString("latin1", 0, length);
    },
    sendDatagram: (path, bytes) => native.opt_send_datagram(cString(path), bytes, bytes.byteLength) === 0,
    execHeld({ command, rootfs, environment, variables, wordFd }) {
      const words = command.map((word) => Buffer.from(`${word}\0`));
      const settings = variables.map((each) => Buffer.from(`${each}\0`));
      const root = rootfs === undefined ? null : Buffer.from(`${rootfs}\0`);
      const clean = environment === "clean" ? 1 : 0;
      const stepOut = new BigUint64Array(1);
      return failedStep(
        native.opt_exec_held(root, vectorOf(words), clean, vectorOf(settings), wordFd, stepOut),
        stepOut,
      );
    },
    becomeLeast(needed, commandLine, heard) {
      const words = commandLine.map(cString);
      const stepOut = new BigUint64Array(1);
      const signals = heard.reduce((bits, number) => bits | (1n << BigInt(number - 1)), 0n);
      const returned = native.opt_become_least(needed, vectorOf(words), signals, stepOut);
      return returned < 0 ? failedStep(returned, stepOut) : undefined;
    },
    probeIgnoreMarks() {
      const returned = native.opt_probe_ignore_marks();
      return returned < 0 ? undefined : returned === 1;
    },
    start({ boundedQueue = false } = {}) {
      const tracerOut = new BigUint64Array(1);
      const streamOut = new Int32Array(1);
      check(
        "start tracing with fanotify",
        native.opt_start(boundedQueue ? BOUNDED_QUEUE : 0, ptr(tracerOut), ptr(streamOut)),
      );
      let pointer: Pointer | undefined = Number(tracerOut[0]) as Pointer;
      // The shim frees the tracer when it stops. A late call must be an error here, not a crash there.
      const live = (): Pointer => {
        if (pointer === undefined) throw new Error("Cannot use the tracer: it was stopped");
        return pointer;
      };
      return {
        streamFd: streamOut[0] ?? -1,
        mark: (token, pid, scope) =>
          void check(`mark process ${pid}`, native.opt_mark(live(), token, pid, scopeNumber[scope])),
        unmark: (token, mountId, pid, scope) =>
          void check(
            `unmark process ${pid}`,
            native.opt_unmark(live(), token, mountId, pid, scopeNumber[scope]),
          ),
        barrier: (token) => void check("ask for all events", native.opt_barrier(live(), token)),
        forget: (ignoring) => void native.opt_forget(live(), ignoring ? 1 : 0),
        queuePeak: ({ reset } = { reset: false }) => native.opt_queue_peak(live(), reset ? 1 : 0),
        repeats: () => native.opt_repeats(live()),
        stop() {
          native.opt_stop(live());
          pointer = undefined;
        },
      };
    },
  };
}

function cString(text: string): Uint8Array {
  return Buffer.from(`${text}\0`, "latin1");
}

/** What execve() takes for arguments. The words have to outlive it, and the pointers, too. */
function vectorOf(words: readonly Uint8Array[]): BigUint64Array {
  return new BigUint64Array([...words.map((word) => BigInt(ptr(word))), 0n]);
}

function failedStep(returned: number, stepOut: BigUint64Array): FailedStep {
  const step = new CString(Number(stepOut[0]) as Pointer).toString();
  return { step, error: SyscallError.fromReturn(step, returned) };
}

function check(act: string, returned: number): number {
  if (returned < 0) throw SyscallError.fromReturn(act, returned);
  return returned;
}

function copyToMemory(library: Uint8Array): number {
  const { symbols: libc } = dlopen("libc.so.6", {
    memfd_create: { args: ["ptr", "u32"], returns: "i32" },
  });
  const fd = libc.memfd_create(ptr(Buffer.from("optimizer-shim\0")), MFD_CLOEXEC);
  if (fd < 0) throw new Error("Cannot load the native shim: memfd_create failed");
  for (let written = 0; written < library.byteLength; ) {
    written += writeSync(fd, library, written);
  }
  return fd;
}
