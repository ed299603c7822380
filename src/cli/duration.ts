import { UsageError } from "./usage.ts";

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
/** What setTimeout() takes. */
const DURATION_MS_MAX = 2 ** 31 - 1;

/** Reads `30s`, `500ms`, `2m`, `1.5h`, or a bare number of seconds, as milliseconds. Throws UsageError. */
export function parseDuration(flag: string, text: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text) ?? [];
  const ms = Number(number) * (unitMs[unit] ?? Number.NaN);
  if (!(ms > 0 && ms <= DURATION_MS_MAX)) {
    throw new UsageError(`${flag} must be a duration such as 30s, 500ms or 2m, not "${text}"`);
  }
  return ms;
}
