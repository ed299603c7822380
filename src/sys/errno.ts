import { constants } from "node:os";

/** Of two names for one number the usual one. */
const aliases = new Set(["EWOULDBLOCK", "ENOTSUP"]);
const names = new Map(
  Object.entries(constants.errno).flatMap(([name, value]) => (aliases.has(name) ? [] : [[value, name]])),
);

/** What to do about an error of the system, where that is known: of the calls that tracing makes. */
const tracingCures: Record<string, string> = {
  EPERM: "run as root: this needs CAP_SYS_ADMIN",
  EMFILE: "raise the limit of open files (ulimit -n), or fs.fanotify.max_user_groups",
  ENFILE: "raise fs.file-max",
  ENOSYS: "this kernel has no fanotify: Linux 5.10 with CONFIG_FANOTIFY is needed",
  EOPNOTSUPP: "this kernel or file system is too old for it: Linux 5.10 is needed",
};

/** The same for files, where EPERM and ENOSYS are a file system's own. */
const fileCures: Record<string, string> = {
  EMFILE: "raise the limit of open files (ulimit -n)",
  ENFILE: "raise fs.file-max",
};

/** The name of an errno value: `ENOENT` for 2, `errno 4711` for one this system does not know. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** A system call that failed: `Cannot mark the root of process 812: EPERM (run as root …)`. */
export class SyscallError extends Error {
  override readonly name = "SyscallError";

  /** @param act what could not be done, as it reads after "Cannot"; @param code the errno's name */
  constructor(
    act: string,
    readonly code: string,
    options?: ErrorOptions,
    cures = tracingCures,
  ) {
    const cure = cures[code];
    super(`Cannot ${act}: ${code}${cure === undefined ? "" : ` (${cure})`}`, options);
  }

  /** From a shim function's return value, which is negative. */
  static fromReturn(act: string, returned: number): SyscallError {
    return new SyscallError(act, errnoName(-returned));
  }

  /** From what a function of `node:fs` threw. */
  static from(act: string, reason: unknown): SyscallError {
    return new SyscallError(act, errorCode(reason) ?? String(reason), { cause: reason }, fileCures);
  }
}

/** The text of anything thrown. */
export function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/** The errno name that an error of `node:fs` carries, or undefined for any other value. */
export function errorCode(reason: unknown): string | undefined {
  return reason instanceof Error && "code" in reason && typeof reason.code === "string"
    ? reason.code
    : undefined;
}
