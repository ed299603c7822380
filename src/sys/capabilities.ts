/** A capability of capabilities(7). */
export interface Capability {
  readonly name: string;
  /** Its number in linux/capability.h. */
  readonly number: number;
  /** What a plugin cannot do without it. */
  readonly loss: string;
}

/** All that a plugin needs; found by trying, see ARCHITECTURE.md. */
export const neededCapabilities: readonly Capability[] = [
  { name: "CAP_SYS_ADMIN", number: 21, loss: "fanotify and mount namespaces are closed" },
  { name: "CAP_SYS_PTRACE", number: 19, loss: "the roots of containers are closed" },
  { name: "CAP_SYS_CHROOT", number: 18, loss: "mount namespaces are closed" },
  {
    name: "CAP_DAC_READ_SEARCH",
    number: 2,
    loss: "folders of an image that are closed to others cannot be looked into",
  },
];

/** Those as bits, as /proc/PID/status has them. */
export const NEEDED_CAPABILITIES = neededCapabilities.reduce((set, { number }) => set | bitOf(number), 0n);

/** Whether a set of bits has a capability. */
export function hasCapability(set: bigint, { number }: Capability): boolean {
  return (set & bitOf(number)) !== 0n;
}

function bitOf(number: number): bigint {
  return 1n << BigInt(number);
}
