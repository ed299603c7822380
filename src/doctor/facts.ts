import type { Answer } from "../status/ask.ts";
import type { ReadStatus } from "../status/read-status.ts";
import type { MarkStep } from "../trace/records.ts";

/** What a trial of tracing has shown. */
export type Trial =
  /** `code` is the errno's name, where it is one. */
  | { readonly kind: "failed"; readonly message: string; readonly code?: string | undefined }
  | { readonly kind: "not marked"; readonly step: MarkStep; readonly code: string }
  | {
      readonly kind: "traced";
      /** Files that were seen being opened. */
      readonly opens: number;
      readonly unlimitedQueue: boolean;
      /** Whether the kernel dropped what was seen before; undefined when nothing tells. */
      readonly ignoring: boolean | undefined;
      /** Mount ids that are never used twice. */
      readonly uniqueMountIds: boolean;
      /** The kernel says why an event's file could not be opened. */
      readonly eventErrors: boolean;
    };

/** Limits of a process. */
export interface OpenFiles {
  readonly soft: number;
  readonly hard: number;
}

/** This host, and this process on it. */
export interface HostFacts {
  readonly uid: number;
  /** Effective ones, as /proc/self/status has them. */
  readonly capabilities: bigint;
  /** Whether root here is root of the machine. */
  readonly userNamespace: "initial" | "own";
  /** Whether the processes of the machine can be seen. */
  readonly pidNamespace: "initial" | "own";
  readonly kernel: string;
  readonly trial: Trial;
  readonly openFiles: OpenFiles;
  /** fs.fanotify.max_user_groups; undefined before Linux 5.13, where it is 128. */
  readonly maxUserGroups: number | undefined;
}

/** A text file that was looked for. */
export interface TextFile {
  readonly path: string;
  /** Undefined when it could not be read. */
  readonly text: string | undefined;
  /** Why not: `ENOENT`. */
  readonly error?: string | undefined;
  readonly changedAtMs?: number | undefined;
}

export type RuntimeKind = "containerd" | "cri-o";

/** A container runtime. */
export interface RuntimeFacts {
  readonly kind: RuntimeKind;
  readonly program: string;
  /** `1.7.24`, or `2.x` where no more can be told; undefined where nothing can. */
  readonly version: string | undefined;
  /** Undefined when it does not run. */
  readonly process?: RuntimeProcess | undefined;
  /** `elsewhere`: it sees other files than we do, and its configuration is none that we could read. */
  readonly vantage: "here" | "elsewhere";
  /** In the order in which it reads them: a later one wins. The first one is the one that it is started with. */
  readonly config: readonly TextFile[];
}

export interface RuntimeProcess {
  readonly pid: number;
  readonly startedAtMs: number;
  /** The systemd unit that runs it: `containerd.service`. */
  readonly unit: string | undefined;
  readonly openFiles: OpenFiles | undefined;
  /** What its command line says of NRI. */
  readonly nriFlag?: boolean | undefined;
}

/** An entry of the folder of plugins, by lstat. */
export interface PluginEntry {
  readonly name: string;
  readonly kind: "file" | "link" | "directory" | "other";
  /** Any execute bit; a link always has them. */
  readonly executable: boolean;
  /** Of a link: where it leads; `undefined` when that is nowhere. */
  readonly target?: string | undefined;
  /** How it compares with the program that runs now; `unknown` when that is not built. */
  readonly same: "same" | "other" | "unknown";
  readonly changedAtMs: number;
}

/** A process of this program that is a plugin. */
export interface PluginProcess {
  readonly pid: number;
  /** Its runtime, when that has started it. */
  readonly parent: number;
  readonly launch: "pre-launched" | "external";
  /** Its executable was replaced or removed since. */
  readonly replaced: boolean;
  /** Undefined when the process is gone. */
  readonly rights?: ProcessRights | undefined;
  /** What it says of itself; undefined when it has no socket to be asked at. */
  readonly answer?: Answer | undefined;
}

/** What a process may do. */
export interface ProcessRights {
  /** Permitted ones, as /proc/PID/status has them. */
  readonly capabilities: bigint;
  readonly noNewPrivileges: boolean;
  /** Its system calls are filtered. */
  readonly filtered: boolean;
  /** The systemd unit that runs it. */
  readonly unit: string | undefined;
}

/** The folder of the results, by trying. */
export interface PersistDirFacts {
  readonly path: string;
  /** The folder itself, or the nearest one above it that is there. */
  readonly existing: string;
  readonly fsType: string;
  readonly freeBytes: number;
  /** Of `existing`. */
  readonly uid: number;
  /** Permission bits of `existing`. */
  readonly mode: number;
  /** Errno's name of what failed. */
  readonly writeError?: string | undefined;
  readonly linkError?: string | undefined;
}

/** All that is looked at. */
export interface Facts {
  readonly host: HostFacts;
  readonly runtimes: readonly RuntimeReport[];
  /** Docker's own containerd was found, and left out. */
  readonly docker: boolean;
  /** Folder of the results of the configuration in effect. */
  readonly persistDir: PersistDirFacts;
  /** The configuration of the plugin itself. */
  readonly config: TextFile;
  /** That file was named by the user: it has to be there. */
  readonly configWanted: boolean;
  readonly external: readonly PluginProcess[];
  /** Processes with other mounts that call themselves the plugin: a pod's, or anybody's. */
  readonly elsewhere: readonly number[];
  /** Where plugins are asked. */
  readonly runDir: string;
  /** Why nobody there is asked. */
  readonly runDirProblem: string | undefined;
  /** The unit of the external plugin, where it is installed. */
  readonly service?: TextFile | undefined;
  /** This program as a file to install, when it is built. */
  readonly program: string | undefined;
  readonly systemd: boolean;
  /** From the flags or the configuration: whether older lists are replaced, which a merged one is, too. */
  readonly overwrite: boolean;
}

/** A runtime with what its configuration leads to. */
export interface RuntimeReport {
  readonly runtime: RuntimeFacts;
  /** Undefined when its folder is not there, or not to be known. */
  readonly plugins: readonly PluginEntry[] | undefined;
  readonly children: readonly PluginProcess[];
  /** Of a plugin that is connected to it. */
  readonly connected: ReadStatus | undefined;
}
