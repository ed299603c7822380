import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";

/** Where this system lets us make a cgroup of our own. */
const hierarchy = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].find((path) =>
  existsSync(`${path}/cgroup.procs`),
);

/** A cgroup that is removed with the test; no process may be in it then. */
export function ownCgroup(path: string): Disposable & { take(pid: number): void } {
  const folder = `${hierarchy}${path}`;
  mkdirSync(folder);
  return {
    take: (pid) => writeFileSync(`${folder}/cgroup.procs`, `${pid}`),
    [Symbol.dispose]: () => rmdirSync(folder),
  };
}
