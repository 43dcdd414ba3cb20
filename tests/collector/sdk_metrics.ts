import type { Histogram } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import type { HistogramKey } from "../../collector/histograms.ts";
import { createHistograms, registerObservables } from "../../collector/instruments.ts";
import type { Observed } from "../../collector/metric_samples.ts";
import type { SinkLedger } from "../../collector/sink_ledger.ts";

/** Collects when it is asked to, and never by itself. */
class PullReader extends MetricReader {
  constructor() {
    super({ cardinalitySelector: () => Infinity });
  }

  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }

  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

/** The daemon's instruments on a meter of OpenTelemetry's SDK, whose serialiser writes them for Prometheus. */
export class SdkMetrics {
  readonly histograms: Readonly<Record<HistogramKey, Histogram>>;
  readonly #reader = new PullReader();
  readonly #provider = new MeterProvider({ readers: [this.#reader] });
  // No prefix, no time stamps, no labels from the resource, no `target_info`, no `otel_scope_*`.
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, true, true);

  /**
   * @param observed What the counters and gauges are read from.
   * @param failures What sinks failed at.
   */
  constructor(observed: Observed, failures: SinkLedger) {
    const meter = this.#provider.getMeter("penstock");
    registerObservables(meter, () => observed, failures);
    this.histograms = createHistograms(meter);
  }

  /** Every metric that something was recorded in, in Prometheus' text format. */
  async text(): Promise<string> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors);
    return this.#serializer.serialize(resourceMetrics);
  }

  /** Ends collecting. */
  async shutdown(): Promise<void> {
    await this.#provider.shutdown();
  }
}
