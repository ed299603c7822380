/** One line with a value. */
export interface ParsedSample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What stands in a text. */
export interface ParsedMetrics {
  readonly types: ReadonlyMap<string, string>;
  readonly help: ReadonlyMap<string, string>;
  readonly samples: readonly ParsedSample[];
}

const metricName = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const help = new RegExp(`^# HELP (${metricName}) ((?:[^\\\\\\n]|\\\\[\\\\n])*)$`);
const type = new RegExp(`^# TYPE (${metricName}) (counter|gauge|histogram|summary|untyped)$`);
const sample = new RegExp(`^(${metricName})(?:\\{([^\n]*)\\})? ([^ ]+)$`);
const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/;
const number = /^(?:NaN|[+-]Inf|[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)$/;

/**
 * Reads Prometheus' text exposition format by its rules, and stricter: HELP and TYPE once before the samples of each
 * metric, which stand together; no sample twice, no timestamp. Throws what is wrong.
 */
export function parsePrometheus(text: string): ParsedMetrics {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const types = new Map<string, string>();
  const helps = new Map<string, string>();
  const samples: ParsedSample[] = [];
  const seen = new Set<string>();
  let current = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const [, helpName, helpText] = help.exec(line) ?? [];
    const [, typeName, typeText] = type.exec(line) ?? [];
    if (helpName !== undefined && helpText !== undefined) {
      if (helps.has(helpName)) throw new Error(`two HELP lines of ${helpName}`);
      helps.set(helpName, helpText);
      current = helpName;
    } else if (typeName !== undefined && typeText !== undefined) {
      if (typeName !== current || types.has(typeName)) throw new Error(`out of place: ${line}`);
      types.set(typeName, typeText);
    } else {
      const read = parseSample(line);
      if (read.name !== current || !types.has(current)) throw new Error(`out of place: ${line}`);
      const key = JSON.stringify([read.name, Object.entries(read.labels).toSorted()]);
      if (seen.has(key)) throw new Error(`twice: ${line}`);
      seen.add(key);
      samples.push(read);
    }
  }
  return { types, help: helps, samples };
}

function parseSample(line: string): ParsedSample {
  const [, name, inner, value] = sample.exec(line) ?? [];
  if (name === undefined || value === undefined || !number.test(value)) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = inner ?? ""; rest !== ""; ) {
    const [all, key, text] = label.exec(rest) ?? [];
    if (all === undefined || key === undefined || text === undefined) throw new Error(`no label: ${rest}`);
    if (Object.hasOwn(labels, key)) throw new Error(`a label twice: ${line}`);
    labels[key] = text.replace(/\\(.)/g, (_, each: string) => (each === "n" ? "\n" : each));
    rest = rest.slice(all.length);
  }
  return { name, labels, value: Number(value.replace("Inf", "Infinity")) };
}
