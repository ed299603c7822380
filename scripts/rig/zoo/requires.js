// Requires what is built in, the packages that Debian's node lies on, and the modules beside this file.

const { builtinModules } = require("node:module");
const { readdirSync, readFileSync } = require("node:fs");
const { join } = require("node:path");

process.removeAllListeners("warning");
let count = 0;
for (const name of builtinModules) {
  require(name);
  count++;
}
for (const name of ["acorn", "acorn-walk", "acorn-node", "busboy", "cjs-module-lexer", "undici", "xtend"]) {
  require(join("/usr/share/nodejs", name));
  count++;
}
for (const name of readdirSync(join(__dirname, "lib")).sort()) {
  count += require(`./lib/${name}`).count;
}
JSON.parse(readFileSync(join(__dirname, "package.json"), "utf8"));
console.log(`${count} modules required`);
process.exitCode = count > 100 ? 0 : 1;
