/** One value of a metric. */
export interface Sample {
  readonly value: number;
  /** Names must be those of the format; values may be any text. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** A metric with its values. A counter's name ends in `_total`, and every name in its unit before that. */
export interface Metric {
  readonly name: string;
  readonly type: "counter" | "gauge";
  /** One sentence. */
  readonly help: string;
  readonly samples: readonly Sample[];
}

/** The metrics in Prometheus' text exposition format, version 0.0.4, as node-exporter's textfile collector reads it. */
export function prometheusText(metrics: readonly Metric[]): string {
  return metrics.map(metricText).join("");
}

function metricText({ name, type, help, samples }: Metric): string {
  const head = `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`;
  return (
    head + samples.map((sample) => `${name}${labelsText(sample.labels)} ${number(sample.value)}\n`).join("")
  );
}

function labelsText(labels: Sample["labels"] = {}): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}

/** As Go's ParseFloat() takes it. */
function number(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
