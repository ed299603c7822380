import { UsageError } from "./usage.ts";

const unitBytes: Readonly<Record<string, number>> = {
  "": 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
};

/** Reads `1048576`, `512K`, `20M`, `20MiB`, `1.5G` as bytes; a unit is a power of 1024. Throws UsageError. */
export function parseSize(flag: string, text: string): number {
  const [, number, unit = ""] = /^(\d{1,15}(?:\.\d+)?) ?([KMG])?(?:i?B)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(number) * (unitBytes[unit.toLowerCase()] ?? Number.NaN));
  if (!(bytes > 0))
    throw new UsageError(`${flag} must be a size such as 1048576, 512K or 20M, not "${text}"`);
  return bytes;
}
