import { chmodSync, rmSync } from "node:fs";
import { resolve } from "node:path";

/**
 * Builds dist/optimizer: one executable with Bun, the program and the shim in it. Another shim goes into another
 * executable: `scripts/build.ts dist/optimizer-inject dist/shim-inject.so`.
 */
const [outfile = "dist/optimizer", shim = "dist/shim.so"] = process.argv.slice(2);
rmSync(outfile, { force: true }); // it may be running: a new file, not new bytes in the old one
const git = Bun.spawnSync(["git", "describe", "--always", "--dirty"]);
const commit = git.exitCode === 0 ? git.stdout.toString().trim() : "unknown commit";
const result = await Bun.build({
  entrypoints: ["src/main.ts", "src/tracing-main.ts"],
  minify: true,
  bytecode: true,
  format: "esm",
  plugins: [
    {
      name: "shim",
      setup: (build) => void build.onResolve({ filter: /\/shim\.so$/ }, () => ({ path: resolve(shim) })),
    },
  ],
  define: {
    BUILD_COMMIT: JSON.stringify(commit),
    // Else it is that of whoever builds, a test run for example.
    "process.env.NODE_ENV": '"production"',
  },
  compile: {
    outfile,
    // A root daemon must not take settings from the folder it happens to be started in.
    autoloadDotenv: false,
    autoloadBunfig: false,
  },
});
for (const log of result.logs) console.error(String(log));
if (!result.success) process.exit(1);
chmodSync(outfile, 0o755);
