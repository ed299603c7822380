import { describe, expect, test } from "bun:test";
import { doctor } from "../../scripts/kernels/cases/doctor.ts";
import { features } from "../../scripts/kernels/cases/features.ts";
import { trace } from "../../scripts/kernels/cases/trace.ts";
import { KERNELS, type Kernel } from "../../scripts/kernels/kernel.ts";
import { parseConsole } from "../../scripts/kernels/machine.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");
const line = (name: string, stdout: string) =>
  JSON.stringify({ case: name, exitCode: 3, stdout: base64(stdout), stderr: base64("why\n") });

function kernelOf(name: string): Kernel {
  const kernel = KERNELS.find((each) => each.name === name);
  if (kernel === undefined) throw new Error(`no kernel ${name}`);
  return kernel;
}

describe("parseConsole()", () => {
  test("finds the release and the cases' lines between those of the kernel", () => {
    const console = `SeaBIOS\r\nkernel 6.1.0-50-cloud-amd64\r\n\r\n${line("trace", "päth\n")}\r\n[ 7.1] reboot\r\n`;
    const { release, outputs, tail } = parseConsole(console);
    expect(release).toBe("6.1.0-50-cloud-amd64");
    expect(outputs).toEqual(new Map([["trace", { exitCode: 3, stdout: "päth\n", stderr: "why\n" }]]));
    expect(tail).toContain("[ 7.1] reboot");
    expect(tail).not.toContain("päth");
  });

  test("has no output of a case whose line was cut, and nothing of a guest that did not start", () => {
    const { outputs, tail } = parseConsole(
      `${line("trace", "x").slice(0, 40)}\r\nKernel panic\r\n`,
      "qemu: no\n",
    );
    expect(outputs.size).toBe(0);
    expect(tail).toContain("Kernel panic");
    expect(tail).toContain("qemu: no");
    expect(parseConsole("").release).toBeUndefined();
  });
});

describe("a case's check", () => {
  const output = { exitCode: 0, stderr: "" };

  test("names each file that a list lacks or has besides, and its holes", () => {
    const files = [{ path: "/start.sh" }, { path: "/etc/none" }];
    const stdout = JSON.stringify({
      complete: false,
      trouble: ["queue overflow"],
      replacedListed: null,
      files,
    });
    const problems = trace.check({ ...output, stdout }, kernelOf("6.1"));
    expect(problems).toEqual([
      "not complete: queue overflow",
      expect.stringMatching(/^missing: \/bin\/busybox, /),
      "surplus: /etc/none",
    ]);
    expect(trace.check({ exitCode: 1, stdout: "", stderr: "EPERM\n" }, undefined)).toEqual([
      "exit code 1: EPERM",
    ]);
  });

  test("compares what a kernel can do with the table", () => {
    const stdout = JSON.stringify(kernelOf("6.12").features);
    expect(features.check({ ...output, stdout }, kernelOf("6.12"))).toEqual([]);
    expect(features.check({ ...output, stdout }, kernelOf("6.1"))).toEqual([
      "uniqueMountIds is true, expected false",
      "eventErrors is true, expected false",
    ]);
  });

  test("says which finding of the doctor is wrong, or missing", () => {
    const findings = [
      { check: "ignore marks", level: "good", text: "a file that was seen costs nothing any more" },
    ];
    const problems = doctor.check({ ...output, stdout: JSON.stringify({ findings }) }, kernelOf("5.10.218"));
    expect(problems[0]).toBe('nothing is said of "kernel"');
    expect(problems).toContainEqual(expect.stringMatching(/^"ignore marks" is good, "a file that was seen/));
    expect(doctor.check({ ...output, stdout: "", stderr: "crash" }, kernelOf("6.1"))).toEqual([
      "no findings: crash",
    ]);
  });
});
