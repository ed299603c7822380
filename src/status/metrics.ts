import type { Metric, Sample } from "../formats/prometheus.ts";
import { version } from "../version.ts";
import type { TracingCounts } from "./counters.ts";
import type { Status } from "./status.ts";

/** The figures as Prometheus wants them: base units, and a name that tells the unit. Names are a contract. */
export function metricsOf(status: Status): Metric[] {
  const { startedAt, memoryBytes, connection, answers, tracing, log } = status;
  const { runtime, connected, connections } = connection;
  const runtimeLabels = { runtime: runtime.name, runtime_version: runtime.version };
  const answered = Object.entries(answers);
  return [
    gauge("build_info", "Which program and runtime; the value is 1.", [
      { value: 1, labels: { version, ...runtimeLabels } },
    ]),
    gauge(
      "process_start_time_seconds",
      "When the plugin began, since the epoch.",
      startedAt.getTime() / 1000,
    ),
    gauge("process_resident_memory_bytes", "Resident memory.", memoryBytes),
    gauge(
      "connected",
      "Whether a runtime has configured the plugin and the connection is open.",
      connected ? 1 : 0,
    ),
    counter("connections_total", "Connections that a runtime has configured.", connections),
    counter(
      "answers_total",
      "Answers to the runtime.",
      answered.map(([event, { count }]) => ({ value: count, labels: { event } })),
    ),
    counter(
      "slow_answers_total",
      "Answers that took longer than 100 ms.",
      answered.map(([event, { slow }]) => ({ value: slow, labels: { event } })),
    ),
    gauge(
      "worst_answer_seconds",
      "The slowest answer since the plugin began.",
      answered.map(([event, { worstMs }]) => ({ value: worstMs / 1000, labels: { event } })),
    ),
    ...(tracing === undefined ? [] : tracingMetrics(tracing)),
    counter("log_lines_lost_total", "Lines of the log that could not be written.", log.lost),
    counter("log_lines_held_back_total", "Lines of the log that were summed up.", log.heldBack),
  ];
}

function tracingMetrics(counts: TracingCounts): Metric[] {
  return [
    counter("containers_started_total", "Containers whose start the runtime told.", counts.started),
    counter("containers_traced_total", "Containers that were traced.", counts.traced),
    counter("containers_joined_total", "Those of them that ran already.", counts.joined),
    counter(
      "containers_unfiltered_total",
      "Those of them whose list has files made at run time too, which could not be told from the image's.",
      counts.unfiltered,
    ),
    counter(
      "containers_not_traced_total",
      "Containers that were not: not selected, a list is kept, or it failed.",
      by("reason", counts.notTraced),
    ),
    gauge("traces_running", "Traces that are under way.", counts.running),
    counter("traces_ended_total", "Traces that have ended.", by("reason", counts.ended)),
    counter(
      "traces_incomplete_total",
      "Traces that ended with a list that may have holes, unless a newer container's took its place.",
      counts.incomplete,
    ),
    counter("files_listed_total", "Files that were listed.", counts.files),
    counter("files_listed_bytes_total", "Their sizes.", counts.bytes),
    counter("events_total", "Events of opened files that reached a trace.", counts.events),
    counter("events_repeated_total", "Events dropped as repeated.", counts.repeats),
    counter("events_lost_total", "Events that the kernel could not deliver.", counts.lost),
    counter("queue_overflows_total", "Times that the kernel's queue was full.", counts.overflows),
    gauge("queue_peak_events", "The most events that waited in the kernel's queue.", counts.queuePeak),
    counter("merges_total", "Merges of runs into a list.", by("outcome", counts.merges)),
  ];
}

function counter(name: string, help: string, values: number | readonly Sample[]): Metric {
  return { name: `optimizer_${name}`, type: "counter", help, samples: samplesOf(values) };
}

function gauge(name: string, help: string, values: number | readonly Sample[]): Metric {
  return { name: `optimizer_${name}`, type: "gauge", help, samples: samplesOf(values) };
}

function samplesOf(values: number | readonly Sample[]): readonly Sample[] {
  return typeof values === "number" ? [{ value: values }] : values;
}

function by(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([key, value]) => ({
    value,
    labels: { [label]: key.replaceAll(" ", "_") },
  }));
}
