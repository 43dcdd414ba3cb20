import { ValueType } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import {
  AggregationTemporality,
  DataPointType,
  type HistogramMetricData,
  MeterProvider,
  MetricReader,
} from "@opentelemetry/sdk-metrics";
import type { DurationHistogram } from "./duration_histogram.ts";
import { BOUNDARIES, type HistogramKey, HISTOGRAMS } from "./histograms.ts";
import { type Observed, registerObservables } from "./observables.ts";
import type { SinkLedger } from "./sink_ledger.ts";

/** Options of {@linkcode PrometheusMetrics}. */
export interface PrometheusMetricsOptions {
  /** What the instruments are said to come from. */
  readonly scope: string;
  /** Says what to read; nothing where there is nothing. */
  readonly observed: () => Observed | undefined;
  /** What sinks failed at. */
  readonly failures: SinkLedger;
  /** How long what took, since the start of the daemon. */
  readonly durations: Readonly<Record<HistogramKey, DurationHistogram>>;
}

/** Writes every metric for Prometheus, from counters, gauges and durations that were counted elsewhere. */
export class PrometheusMetrics {
  readonly #reader = new PullReader();
  readonly #provider = new MeterProvider({ readers: [this.#reader] });
  readonly #registration;
  readonly #observed: () => Observed | undefined;
  readonly #durations: PrometheusMetricsOptions["durations"];
  // No prefix, no time stamps, no labels from the resource, no `target_info`, no `otel_scope_*`: a scraper adds its own.
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

  /** @param options What to write. */
  constructor({ scope, observed, failures, durations }: PrometheusMetricsOptions) {
    this.#observed = observed;
    this.#durations = durations;
    this.#registration = registerObservables(this.#provider.getMeter(scope), observed, failures);
  }

  /**
   * Collects every metric.
   *
   * @returns The metrics in Prometheus' text format 0.0.4.
   * @throws {AggregateError} If a metric could not be read.
   */
  async collect(): Promise<string> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors, "Cannot collect every metric");
    const [scope] = resourceMetrics.scopeMetrics;
    const observed = this.#observed();
    if (scope === undefined || observed === undefined) return "";
    const { registry, sinks } = observed;
    // Only one policy makes producers wait; for the sources of the others the series would only be clutter.
    const blocking = [...registry.all].filter(({ policy }) => policy.name === "block");
    const histograms = [
      this.#histogram("blockDuration", blocking.map(({ name }) => name)),
      this.#histogram("poolWait", [""]),
      this.#histogram("sinkFlush", sinks.map(({ name }) => name)),
    ].filter(({ dataPoints }) => dataPoints.length > 0);
    return this.#serializer.serialize({
      ...resourceMetrics,
      scopeMetrics: [{ ...scope, metrics: [...scope.metrics, ...histograms] }],
    });
  }

  /** Ends collecting. */
  async shutdown(): Promise<void> {
    this.#registration.unregister();
    await this.#provider.shutdown();
  }

  /**
   * Makes the SDK's form of a histogram, with an empty series for each value in which nothing was recorded: of a series that
   * first appears with a count no query sees the increase.
   */
  #histogram(key: HistogramKey, values: readonly string[]): HistogramMetricData {
    const { name, description, label } = HISTOGRAMS[key];
    const { series } = this.#durations[key];
    return {
      descriptor: { name, description, unit: "", valueType: ValueType.DOUBLE },
      dataPointType: DataPointType.HISTOGRAM,
      aggregationTemporality: AggregationTemporality.CUMULATIVE,
      dataPoints: [...new Set([...series.keys(), ...values])].map((value) => {
        const { count, sum, counts } = series.get(value) ?? this.#durations[key].empty();
        return {
          attributes: label === undefined ? {} : { [label]: value },
          startTime: [0, 0],
          endTime: [0, 0],
          value: { count, sum, buckets: { boundaries: [...BOUNDARIES], counts } },
        };
      }),
    };
  }
}

/** Collects when it is asked to, and never by itself. */
class PullReader extends MetricReader {
  constructor() {
    // The SDK's own limit is 2000 series a metric; beyond it sums up. Ours is bounded by `limits.sources` already, and a
    // source that is missing in the metrics would be a source without an account.
    super({ cardinalitySelector: () => Infinity });
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}
