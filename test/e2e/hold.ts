import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { Containerd } from "../../scripts/rig/containerd.ts";
import { Images } from "../../scripts/rig/images.ts";
import { fetchPackages } from "../../scripts/rig/packages.ts";
import { currentRun } from "../../scripts/rig/sandbox.ts";

// A test that never ends: starts a containerd with a running container, says in which pid namespaces, and stays.
const packages = await fetchPackages(console.error);
const images = new Images(join(currentRun().folder, "images"), packages);
const containerd = await Containerd.start({ version: "2.1", packages });
const { id: image } = await containerd.importImage(await images.busybox());
const container = await containerd.runContainer({ image, command: ["sleep", "1000"] });
console.log(JSON.stringify(["self", container.pid].map((pid) => readlinkSync(`/proc/${pid}/ns/pid`))));
await new Promise(() => setInterval(() => {}, 1000));
