import { expect, test } from "bun:test";
import type { Finding } from "../../src/doctor/finding.ts";
import { formatReport, reportJson } from "../../src/doctor/report.ts";

const findings: Finding[] = [
  { check: "root", level: "good", text: "uid 0" },
  {
    check: "mount ids",
    level: "warning",
    text: "Linux 5.15.0 uses them again (6.8 does not): a late event may reach another container's list",
  },
  {
    check: "folder",
    level: "wrong",
    text: "/opt/nri/plugins/a\x1b[2Jb\n is a link but not named NN-name: the runtime does not start with it",
    mend: {
      advice: "it leads to /x, which stays",
      commands: ["rm '/opt/nri/plugins/one name that is rather long, longer than all of the line'"],
    },
  },
];

test("formatReport() fits a terminal, but for commands, which stay whole", () => {
  expect(formatReport(findings, { width: 80, colours: false })).toBe(`good   root          uid 0
warn   mount ids     Linux 5.15.0 uses them again (6.8 does not): a late event
                     may reach another container's list
WRONG  folder        /opt/nri/plugins/a\\x1b[2Jb\\n is a link but not named
                     NN-name: the runtime does not start with it
                     it leads to /x, which stays
    rm '/opt/nri/plugins/one name that is rather long, longer than all of the line'

1 thing is wrong, 1 warning. What is indented mends it, from top to bottom.
`);
});

test("formatReport() colours the first word", () => {
  const text = formatReport(findings.slice(0, 1), { width: 80, colours: true });
  expect(text).toStartWith("\x1b[32mgood \x1b[0m  root");
});

test("reportJson() has all of it", () => {
  expect(reportJson(findings.slice(1))).toEqual({
    version: 1,
    healthy: false,
    findings: [
      { check: "mount ids", level: "warning", text: findings[1]?.text ?? "", advice: null, commands: [] },
      {
        check: "folder",
        level: "wrong",
        text: findings[2]?.text ?? "",
        advice: "it leads to /x, which stays",
        commands: [...(findings[2]?.mend?.commands ?? [])],
      },
    ],
  });
});
