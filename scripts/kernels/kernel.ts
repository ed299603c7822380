import type { Recipe } from "../rig/package-set.ts";

/** What a kernel offers to a tracer, where kernels differ. */
export interface Features {
  /** FAN_MARK_EVICTABLE: the kernel drops later opens of a file that was seen. Linux 5.19. */
  readonly ignoreMarks: boolean;
  /** STATX_MNT_ID_UNIQUE: no mount gets the id of an earlier one. Linux 6.8. */
  readonly uniqueMountIds: boolean;
  /** FAN_REPORT_FD_ERROR: an event whose file cannot be opened says why. Linux 6.13. */
  readonly eventErrors: boolean;
  /** fs.fanotify.max_user_groups can be read and set. Linux 5.13. */
  readonly groupLimit: boolean;
}

/** A kernel of Debian to boot, and what is known of it. */
export interface Kernel {
  readonly name: string;
  readonly recipe: Recipe;
  readonly features: Features;
}

/** In newer suites several packages make a kernel. */
const KERNEL_PACKAGES = { prefix: "linux-" };
const NEWEST = { packages: ["linux-image-cloud-amd64"], dependencies: KERNEL_PACKAGES };

/**
 * Which kernels are booted, oldest first. A version's number does not tell what a kernel can do, since features reach
 * stable kernels, too; so the case "features" asks each kernel whether this table is right.
 */
export const KERNELS: readonly Kernel[] = [
  {
    // The last one of Debian 11 before Linux 5.10.220 took over much of 6.x.
    name: "5.10.218",
    recipe: {
      suite: "bullseye",
      packages: ["linux-image-5.10.0-30-cloud-amd64"],
      dependencies: KERNEL_PACKAGES,
    },
    features: { ignoreMarks: false, uniqueMountIds: false, eventErrors: false, groupLimit: false },
  },
  {
    // 5.10.220 and later have the ignore marks of 5.19 and the limit of 5.13: they came with the NFS server of 6.x.
    name: "5.10",
    recipe: { suite: "bullseye", ...NEWEST },
    features: { ignoreMarks: true, uniqueMountIds: false, eventErrors: false, groupLimit: true },
  },
  {
    // Newer than 5.19, older than 6.8 and 6.13.
    name: "6.1",
    recipe: { suite: "bookworm", ...NEWEST },
    features: { ignoreMarks: true, uniqueMountIds: false, eventErrors: false, groupLimit: true },
  },
  {
    // The stable 6.12 has the event errors of 6.13.
    name: "6.12",
    recipe: { suite: "trixie", ...NEWEST },
    features: { ignoreMarks: true, uniqueMountIds: true, eventErrors: true, groupLimit: true },
  },
  {
    name: "newest",
    recipe: { suite: "sid", ...NEWEST },
    features: { ignoreMarks: true, uniqueMountIds: true, eventErrors: true, groupLimit: true },
  },
];
