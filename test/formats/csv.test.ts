import { describe, expect, test } from "bun:test";
import { csvHeader, csvRow, formatBytes, formatDuration } from "../../src/formats/csv.ts";

describe("csvRow()", () => {
  for (const [path, quoted] of [
    ["/etc/passwd", "/etc/passwd"],
    ["/with blank", "/with blank"],
    ["/a,b", '"/a,b"'],
    ['/a"b', '"/a""b"'],
    ["/a\nb", '"/a\nb"'],
    ["/a\rb", '"/a\rb"'],
    ['/",\n"', '"/"",\n"""'],
    ["/\xff\xfe", "/\xff\xfe"],
    ["/'", "/'"],
  ] as const) {
    test(`writes the path ${JSON.stringify(path)} as ${JSON.stringify(quoted)}`, () => {
      expect(csvRow({ path, sizeBytes: 1024, elapsedUs: 1500 }, "exact")).toBe(`${quoted},1024,1500\n`);
      expect(csvRow({ path, sizeBytes: 1024, elapsedUs: 1500 }, "readable")).toBe(
        `${quoted},1.0 KiB,1.500ms\n`,
      );
    });
  }

  test("has a column for each of the header's", () => {
    expect(csvHeader).toBe("path,size,elapsed\n");
  });
});

describe("formatBytes()", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [1, "1 B"],
    [1023, "1023 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 * 1023.94, "1023.9 KiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [1024 ** 2, "1.0 MiB"],
    [2.5 * 1024 ** 3, "2.5 GiB"],
    [1024 ** 4, "1.0 TiB"],
    [1024 ** 5, "1.0 PiB"],
    [2 ** 63, "8.0 EiB"],
    [2 ** 72, "4096.0 EiB"],
  ] as const) {
    test(`writes ${bytes} as ${text}`, () => {
      expect(formatBytes(bytes)).toBe(text);
    });
  }
});

describe("formatDuration()", () => {
  for (const [us, text] of [
    [0, "0us"],
    [87, "87us"],
    [999, "999us"],
    [1000, "1.000ms"],
    [1234, "1.234ms"],
    [999_999, "999.999ms"],
    [1_000_000, "1.000s"],
    [2_500_000, "2.500s"],
    [59_999_499, "59.999s"],
    [59_999_500, "1m00.000s"],
    [60_000_000, "1m00.000s"],
    [185_250_000, "3m05.250s"],
    [3_600_000_000, "60m00.000s"],
  ] as const) {
    test(`writes ${us} us as ${text}`, () => {
      expect(formatDuration(us)).toBe(text);
    });
  }
});
