import { type Histogram, type Meter, ValueType } from "@opentelemetry/api";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  type MetricData,
} from "@opentelemetry/sdk-metrics";

/**
 * Upper bounds of the buckets of every histogram, in seconds: from a write that stays in the page cache to the longest
 * that a producer is usually left waiting.
 */
const BOUNDARIES = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The histograms, by what they are called here. */
export const HISTOGRAMS = {
  blockDuration: {
    name: "penstock_block_duration_seconds",
    description: "How long producers waited for room in the buffer, whatever came of it.",
    label: "source",
  },
  poolWait: {
    name: "penstock_pool_wait_seconds",
    description: "How long permits were waited for, 0 where they were granted at once.",
    label: undefined,
  },
  sinkFlush: {
    name: "penstock_sink_flush_seconds",
    description: "How long a sink took to take a batch, failed attempts left out.",
    label: "sink",
  },
} as const;

/** What a histogram is called here. */
export type HistogramKey = keyof typeof HISTOGRAMS;

/**
 * Makes the histograms on a meter. They are recorded once per flush or blocked batch, never per record.
 *
 * @param meter Where they are made.
 * @returns The histograms.
 */
export function createHistograms(meter: Meter): Readonly<Record<HistogramKey, Histogram>> {
  const create = (key: HistogramKey) => {
    const { name, description } = HISTOGRAMS[key];
    return meter.createHistogram(name, {
      description,
      advice: { explicitBucketBoundaries: [...BOUNDARIES] },
    });
  };
  return {
    blockDuration: create("blockDuration"),
    poolWait: create("poolWait"),
    sinkFlush: create("sinkFlush"),
  };
}

/**
 * Adds the series that a histogram has recorded nothing in. The SDK leaves those out, and of a series that first appears
 * with a count no query sees the increase.
 *
 * @param metrics What was collected.
 * @param key The histogram.
 * @param values What its label is known to be; of a histogram without one, any single value.
 * @returns The metrics with an empty series for each value that has none.
 */
export function withEmptySeries(
  metrics: readonly MetricData[],
  key: HistogramKey,
  values: Iterable<string>,
): MetricData[] {
  const { name, description, label } = HISTOGRAMS[key];
  const collected = metrics.find((metric): metric is HistogramMetricData =>
    metric.descriptor.name === name && metric.dataPointType === DataPointType.HISTOGRAM
  );
  const valueOf = (attributes: Readonly<Record<string, unknown>>) => label && attributes[label];
  const recorded = new Set(collected?.dataPoints.map(({ attributes }) => valueOf(attributes)));
  const added = [...values]
    .map((value): Record<string, string> => label === undefined ? {} : { [label]: value })
    .filter((attributes) => !recorded.has(valueOf(attributes)));
  if (added.length === 0) return [...metrics];
  const filled: HistogramMetricData = {
    // An instrument that was never recorded is not among the metrics at all.
    descriptor: collected?.descriptor ?? { name, description, unit: "", valueType: ValueType.DOUBLE },
    dataPointType: DataPointType.HISTOGRAM,
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
    dataPoints: [...collected?.dataPoints ?? [], ...added.map(emptyPoint)],
  };
  return [...metrics.filter((metric) => metric !== collected), filled];
}

function emptyPoint(attributes: Record<string, string>): HistogramMetricData["dataPoints"][number] {
  return {
    attributes,
    startTime: [0, 0],
    endTime: [0, 0],
    value: {
      count: 0,
      sum: 0,
      buckets: { boundaries: BOUNDARIES, counts: new Array(BOUNDARIES.length + 1).fill(0) },
    },
  };
}
