import type { DurationHistogram } from "./duration_histogram.ts";
import { BOUNDARIES, type HistogramKey, HISTOGRAMS } from "./histograms.ts";
import { ALL_FAMILIES, type MetricFamily } from "./metric_families.ts";
import { type Labels, type Observed, readSamples } from "./metric_samples.ts";
import type { SinkLedger } from "./sink_ledger.ts";

/** Options of {@linkcode prometheusText}. */
export interface PrometheusTextOptions {
  /** What the counters and gauges are read from. */
  readonly observed: Observed;
  /** What sinks failed at. */
  readonly failures: SinkLedger;
  /** How long what took, since the start of the daemon. */
  readonly durations: Readonly<Record<HistogramKey, DurationHistogram>>;
}

/**
 * Writes every metric in Prometheus' text format 0.0.4, all of them as they are at this moment.
 *
 * There are no time stamps and no labels of the daemon as a whole: a scraper adds its own.
 *
 * @param options What to write.
 * @returns The text.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export function prometheusText({ observed, failures, durations }: PrometheusTextOptions): string {
  const samples = new Map<MetricFamily, string>(ALL_FAMILIES.map((family) => [family, ""]));
  readSamples(observed, failures, (family, value, labels) => {
    samples.set(family, samples.get(family)! + line(family.name, labelsText(labels), value));
  });
  let text = "";
  for (const [{ name, type, description }, lines] of samples) text += block(name, type, description, lines);
  // Only one policy makes producers wait; for the sources of the others the series would only be clutter.
  const blocking = [...observed.registry.all].filter(({ policy }) => policy.name === "block");
  const known: Readonly<Record<HistogramKey, readonly string[]>> = {
    blockDuration: blocking.map(({ name }) => name),
    poolWait: [""],
    sinkFlush: observed.sinks.map(({ name }) => name),
  };
  for (const key of Object.keys(HISTOGRAMS) as HistogramKey[]) {
    const { name, description } = HISTOGRAMS[key];
    text += block(name, "histogram", description, histogramLines(key, durations[key], known[key]));
  }
  return text;
}

/** A metric with its samples; nothing where it has none. */
function block(name: string, type: string, description: string, lines: string): string {
  return lines === "" ? "" : `# HELP ${name} ${description}\n# TYPE ${name} ${type}\n${lines}`;
}

/**
 * The samples of a histogram, with an empty series for each known value in which nothing was recorded: of a series that
 * first appears with a count no query sees the increase.
 */
function histogramLines(key: HistogramKey, durations: DurationHistogram, known: readonly string[]): string {
  const { name, label } = HISTOGRAMS[key];
  let lines = "";
  for (const value of new Set([...durations.series.keys(), ...known])) {
    const { count, sum, counts } = durations.series.get(value) ?? durations.empty();
    const labels = label === undefined ? "" : labelsText({ [label]: value });
    lines += line(`${name}_count`, labels, count) + line(`${name}_sum`, labels, sum);
    const before = labels === "" ? "" : `${labels},`;
    let upToBound = 0;
    for (const [i, inBucket] of counts.entries()) {
      upToBound += inBucket;
      lines += line(`${name}_bucket`, `${before}le="${BOUNDARIES[i] ?? "+Inf"}"`, upToBound);
    }
  }
  return lines;
}

function line(name: string, labels: string, value: number): string {
  const text = value === Infinity ? "+Inf" : String(value);
  return labels === "" ? `${name} ${text}\n` : `${name}{${labels}} ${text}\n`;
}

/** Labels as they stand between braces. */
function labelsText(labels: Labels): string {
  let text = "";
  for (const name in labels) text += `${text === "" ? "" : ","}${name}="${escapeValue(labels[name]!)}"`;
  return text;
}

const TO_ESCAPE = /[\\"\n]/;

/** What would end a label's value, or its line, is written as an escape. */
function escapeValue(value: string): string {
  if (!TO_ESCAPE.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
