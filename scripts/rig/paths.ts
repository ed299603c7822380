import { join } from "node:path";

/** The checkout. */
export const ROOT = join(import.meta.dir, "..", "..");

/** What the rig fetches and makes; git ignores it, and it may be removed at any time while no test runs. */
export const CACHE = join(ROOT, ".cache", "rig");
