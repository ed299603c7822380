import { paint, shown, type Terminal, wrap } from "../sys/terminal.ts";
import { type Finding, isHealthy, type Mend } from "./finding.ts";

const levelWords = { good: "good", warning: "warn", wrong: "WRONG" } as const;
const colours = { good: "green", warning: "yellow", wrong: "red" } as const;
const LEVEL_WIDTH = 5;
const CHECK_WIDTH = 12;
const INDENT = LEVEL_WIDTH + CHECK_WIDTH + 4;
/** Commands stand out by their own indentation, and are never broken: they can be copied. */
const COMMAND_INDENT = "    ";

/** The report for people: a line for each finding, and below it how it is mended. */
export function formatReport(findings: readonly Finding[], terminal: Terminal): string {
  return `${findings.map((each) => formatFinding(each, terminal)).join("")}${verdict(findings)}\n`;
}

function formatFinding({ check, level, text, mend }: Finding, terminal: Terminal): string {
  const head = `${levelWords[level].padEnd(LEVEL_WIDTH)}  ${check.padEnd(CHECK_WIDTH)}  `;
  const painted = paint(head.slice(0, LEVEL_WIDTH), colours[level], terminal) + head.slice(LEVEL_WIDTH);
  const lines = [`${painted}${paragraph(text, terminal)}`];
  if (mend?.advice !== undefined) lines.push(" ".repeat(INDENT) + paragraph(mend.advice, terminal));
  for (const command of mend?.commands ?? []) lines.push(COMMAND_INDENT + printed(command, terminal));
  return `${lines.join("\n")}\n`;
}

function paragraph(text: string, terminal: Terminal): string {
  const clean = printed(text, terminal);
  if (terminal.width === undefined) return clean;
  return wrap(clean, terminal.width - INDENT).join(`\n${" ".repeat(INDENT)}`);
}

/** Names of files come from the host; the report is text for one line each. */
function printed(text: string, terminal: Terminal): string {
  const oneLine = text.replace(/[\r\n]/g, (end) => JSON.stringify(end).slice(1, -1));
  return shown(Buffer.from(oneLine).toString("latin1"), terminal);
}

function verdict(findings: readonly Finding[]): string {
  const wrong = findings.filter(({ level }) => level === "wrong").length;
  const warnings = findings.filter(({ level }) => level === "warning").length;
  const also = warnings === 0 ? "" : `, ${warnings} ${warnings === 1 ? "warning" : "warnings"}`;
  if (wrong === 0) return `\nAll that is needed is there${also}.`;
  const are = wrong === 1 ? "1 thing is" : `${wrong} things are`;
  return `\n${are} wrong${also}. What is indented mends it, from top to bottom.`;
}

/** The same for programs; field names are a contract. */
export function reportJson(findings: readonly Finding[]) {
  return {
    version: 1,
    healthy: isHealthy(findings),
    findings: findings.map(({ check, level, text, mend }) => ({ check, level, text, ...mendJson(mend) })),
  };
}

function mendJson(mend: Mend | undefined) {
  return { advice: mend?.advice ?? null, commands: mend?.commands ?? [] };
}
