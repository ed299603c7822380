import { chmodSync, rmSync } from "node:fs";

/** Builds dist/optimizer: one executable with Bun, the program and the shim in it. */
const outfile = "dist/optimizer";
rmSync(outfile, { force: true }); // it may be running: a new file, not new bytes in the old one
const git = Bun.spawnSync(["git", "describe", "--always", "--dirty"]);
const commit = git.exitCode === 0 ? git.stdout.toString().trim() : "unknown commit";
const result = await Bun.build({
  entrypoints: ["src/main.ts", "src/tracing-main.ts"],
  minify: true,
  bytecode: true,
  format: "esm",
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
