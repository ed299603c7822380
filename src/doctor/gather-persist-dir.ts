import {
  accessSync,
  constants,
  existsSync,
  linkSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errorCode } from "../sys/errno.ts";
import type { PersistDirFacts } from "./facts.ts";

/** Magic numbers of linux/magic.h and of file systems elsewhere, by the names that people know. */
const fsTypes: Readonly<Record<number, string>> = {
  61267: "ext4",
  1481003842: "xfs",
  2435016766: "btrfs",
  16914836: "tmpfs",
  2240043254: "ramfs",
  2035054128: "overlayfs",
  26985: "nfs",
  1702057286: "fuse",
  801189825: "zfs",
  19780: "vfat",
  4076150800: "f2fs",
  3380511080: "bcachefs",
  2866260714: "bcachefs",
  4283649346: "cifs",
  1937076805: "squashfs",
  3774210530: "erofs",
};

/** Looks at the folder of the results and, where it exists, tries what a result needs there: a file and a link. */
export function tryPersistDir(path: string): PersistDirFacts {
  let existing = path;
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing);
  const { type, bavail, bsize } = statfsSync(existing);
  const { uid, mode } = statSync(existing);
  return {
    path,
    existing,
    uid,
    mode: mode & 0o7777,
    fsType: fsTypes[type] ?? `0x${type.toString(16)}`,
    freeBytes: bavail * bsize,
    ...(existing === path ? tryFiles(path) : tryAccess(existing)),
  };
}

/** Temporary names of results begin so: nobody takes them for one. */
function tryFiles(folder: string): Pick<PersistDirFacts, "writeError" | "linkError"> {
  const [file, link] = ["a", "b"].map((end) => join(folder, `.optimizer-doctor-${process.pid}.${end}`)) as [
    string,
    string,
  ];
  try {
    writeFileSync(file, "", { flag: "wx", mode: 0o600 });
  } catch (error) {
    return { writeError: errorCode(error) ?? String(error) };
  }
  try {
    linkSync(file, link);
    unlinkSync(link);
    return {};
  } catch (error) {
    return { linkError: errorCode(error) ?? String(error) };
  } finally {
    unlinkSync(file);
  }
}

function tryAccess(folder: string): Pick<PersistDirFacts, "writeError"> {
  try {
    accessSync(`${folder}/.`, constants.W_OK | constants.X_OK); // the dot: ENOTDIR for a file
    return {};
  } catch (error) {
    return { writeError: errorCode(error) ?? String(error) };
  }
}
