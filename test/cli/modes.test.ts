import { describe, expect } from "bun:test";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { heldContainer } from "../helpers/held-container.ts";
import { fakeContainer } from "../helpers/nri-messages.ts";
import { preLaunch } from "../helpers/program.ts";
import { rootTest } from "../helpers/root.ts";
import { type TemporaryFolder, temporaryFolder } from "../helpers/temporary-folder.ts";
import { waitFor } from "../helpers/wait-for.ts";

/** The policy of SECURITY.md. */
const modes = {
  "lists/": 0o755,
  "lists/org/": 0o755,
  "lists/org/app:1": 0o644,
  "lists/org/app:1.csv": 0o644,
  "lists/org/app:1.json": 0o644,
  "lists/LOCK": 0o600,
  log: 0o640,
  "status.json": 0o644,
  "optimizer.prom": 0o644,
} as const;

/** The mode of each file and folder. A file on its way into its place has another name for a moment. */
function modesIn(folder: TemporaryFolder): Record<string, number> {
  const entries = readdirSync(folder.path, { recursive: true, withFileTypes: true });
  const paths = entries.map(({ parentPath, name }) => `${parentPath}/${name}`.slice(folder.path.length + 1));
  return Object.fromEntries(
    paths.flatMap((path) => {
      const stats = statSync(folder.at(path), { throwIfNoEntry: false });
      if (stats === undefined || /^\.optimizer-[0-9a-f]{16}$/.test(path)) return [];
      const name = path.replace(/\.optimizer-[0-9a-f]{8}\.lock$/, "LOCK");
      return [[stats.isDirectory() ? `${name}/` : name, stats.mode & 0o7777]];
    }),
  );
}

describe("the files of a plugin have the modes that SECURITY.md names", () => {
  for (const umask of ["077", "000"]) {
    for (const merge of [false, true]) {
      rootTest(`with the umask ${umask}${merge ? ", where runs are merged" : ""}`, async () => {
        using folder = temporaryFolder();
        await using container = await heldContainer({ root: { kind: "overlay", layers: [{ "/a": "a" }] } });
        await using plugin = await preLaunch({ before: ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"] });
        await plugin.runtime.handshake(
          [
            `persist_dir = ${JSON.stringify(folder.at("lists"))}`,
            `log_file = ${JSON.stringify(folder.at("log"))}`,
            `status_file = ${JSON.stringify(folder.at("status.json"))}`,
            `metrics_file = ${JSON.stringify(folder.at("optimizer.prom"))}`,
            `merge = ${merge}`,
          ].join("\n"),
        );
        const image = { "io.kubernetes.cri.image-name": "docker.io/org/app:1" };
        const its = fakeContainer("c1", { pid: container.pid, annotations: image });
        await plugin.runtime.event("StartContainer", its);
        await container.tell("open", "/a");
        await container.end();
        await plugin.runtime.event("StopContainer", its);
        await waitFor("all files", () => {
          process.kill(plugin.pid, "SIGUSR1");
          const there = modesIn(folder);
          return Object.keys(modes).every((name) => name in there);
        });
        // While a merge goes on, there is more for a moment.
        await waitFor(
          "nothing else",
          () => Object.keys(modesIn(folder)).length === Object.keys(modes).length,
        );
        expect(modesIn(folder)).toEqual(modes);
        plugin.runtime.close();
        expect(await plugin.exited).toBe(0);
      });
    }
  }

  rootTest("and a persist_dir that somebody has closed stays closed", async () => {
    using folder = temporaryFolder();
    mkdirSync(folder.at("lists"), { mode: 0o750 });
    await using plugin = await preLaunch();
    await plugin.runtime.handshake(`persist_dir = ${JSON.stringify(folder.at("lists"))}\n`);
    await waitFor("the plugin's lock", () => readdirSync(folder.at("lists")).length > 0);
    plugin.runtime.close();
    expect(await plugin.exited).toBe(0);
    expect(existsSync(folder.at("lists"))).toBe(true);
    expect(statSync(folder.at("lists")).mode & 0o7777).toBe(0o750);
  });
});
