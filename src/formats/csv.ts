/** One row of the companion table. */
export interface CsvFile {
  /** Latin1: one character a byte. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly elapsedUs: number;
}

/** How sizes and times are written: bytes and microseconds, or for people. */
export type CsvStyle = "exact" | "readable";

export const csvHeader = "path,size,elapsed\n";

/** A row, quoted by RFC 4180 where needed. Rows end in a newline alone, as the older tool's did. */
export function csvRow({ path, sizeBytes, elapsedUs }: CsvFile, style: CsvStyle): string {
  if (style === "exact") return `${quote(path)},${sizeBytes},${elapsedUs}\n`;
  return `${quote(path)},${formatBytes(sizeBytes)},${formatDuration(elapsedUs)}\n`;
}

function quote(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const byteUnits = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/** `512 B`, `2.5 KiB`, `1.0 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes / 1024;
  let unit = 0;
  // 1023.95 would be printed as 1024.0
  while (value >= 1023.95 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${byteUnits[unit]}`;
}

/** `87us`, `1.234ms`, `2.500s`, `3m05.250s`. ASCII, so that no reader needs to know an encoding. */
export function formatDuration(us: number): string {
  if (us < 1000) return `${us}us`;
  if (us < 1_000_000) return `${(us / 1000).toFixed(3)}ms`;
  const ms = Math.round(us / 1000);
  const minutes = Math.floor(ms / 60_000);
  const seconds = ((ms % 60_000) / 1000).toFixed(3);
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds.padStart(6, "0")}s`;
}
