import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { loadShim } from "../../src/sys/shim.ts";

// What the tests of loadShim() start: says what is in TMPDIR afterwards, or the limit of open files.
const shim = loadShim();
console.log(process.argv[2] === "limit" ? shim.raiseOpenFileLimit() : JSON.stringify(readdirSync(tmpdir())));
