import { runPlugin } from "../../src/nri/plugin.ts";
import { findLaunch } from "../../src/nri/socket.ts";
import { recorder } from "./plugin-bench.ts";

// What a runtime starts in the test of that name: exits with 0 when the connection was of use and ended cleanly.
const { source, name, idx } = findLaunch({ env: process.env, argv0: "02-optimizer" });
const end = await runPlugin({ source, name, idx, handlers: recorder().handlers });
process.exitCode = end.kind === "closed" && end.configured ? 0 : 1;
