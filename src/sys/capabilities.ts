/** A capability of capabilities(7). */
export interface Capability {
  readonly name: string;
  /** Its number in linux/capability.h. */
  readonly number: number;
  /** What a plugin cannot do without it. */
  readonly loss: string;
  /** Without it nothing is traced. */
  readonly essential: boolean;
}

/** All that a plugin needs, found by trying: README.md has the table. */
export const neededCapabilities: readonly Capability[] = [
  { name: "CAP_SYS_ADMIN", number: 21, essential: true, loss: "fanotify and mount namespaces are closed" },
  // Also for root's own: what a container may do is more than what is left of this program's rights.
  { name: "CAP_SYS_PTRACE", number: 19, essential: true, loss: "the roots of containers are closed" },
  { name: "CAP_SYS_CHROOT", number: 18, essential: false, loss: "mount namespaces cannot be joined" },
  {
    name: "CAP_DAC_READ_SEARCH",
    number: 2,
    essential: false,
    loss: "folders of an image that are closed to others cannot be looked into",
  },
];

/** Those as bits, as /proc/PID/status has them. */
export const NEEDED_CAPABILITIES = neededCapabilities.reduce((set, { number }) => set | bitOf(number), 0n);

/** What is needed and not in a set of bits. */
export function missingCapabilities(set: bigint): Capability[] {
  return neededCapabilities.filter(({ number }) => (set & bitOf(number)) === 0n);
}

function bitOf(number: number): bigint {
  return 1n << BigInt(number);
}
