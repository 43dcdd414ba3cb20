import { type Attributes, metrics } from "@opentelemetry/api";
import { FlushSpans } from "./flush_spans.ts";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { createHistograms, type HistogramKey, withEmptySeries } from "./histograms.ts";
import { type Observed, registerObservables } from "./observables.ts";
import { SinkLedger } from "./sink_ledger.ts";
import type { FlushObserver } from "../sinks/flush_observer.ts";

export type { Observed } from "./observables.ts";

/** What the daemon's instruments are said to come from. */
const SCOPE = "penstock";

/**
 * The daemon's own metrics: counters and gauges over the plain numbers of the ledgers, histograms of durations.
 *
 * Every instrument exists twice: on a meter of our own, for Prometheus, and on the global one. The latter does nothing
 * unless Deno's OpenTelemetry exporter is on (`OTEL_DENO=true`), which then sends the same metrics by OTLP, and a span for
 * each flush.
 *
 * It is made before what it observes, because that in turn is made with `flushes` and `blocked()`.
 */
export class Telemetry {
  /** What sinks failed at. */
  readonly failures = new SinkLedger();
  /** Is told what flushes do. */
  readonly flushes: FlushObserver = {
    permitGranted: (_sink, seconds) => this.#record("poolWait", seconds, {}),
    flushed: (sink, seconds, source, amount) => {
      this.#record("sinkFlush", seconds, { sink });
      this.#spans.flushed(sink, seconds, source, amount);
    },
    failed: (sink, error, source) => {
      this.failures.failed(sink, error);
      this.#spans.failed(sink, error, source);
    },
    retrying: (sink) => this.failures.retrying(sink),
    // Told in records, by the ledgers, and by the breakers themselves.
    givenUp: () => {},
    breakerChanged: () => {},
  };
  readonly #spans = new FlushSpans(SCOPE);
  readonly #reader = new PullReader();
  readonly #provider = new MeterProvider({ readers: [this.#reader] });
  readonly #meters = [this.#provider.getMeter(SCOPE), metrics.getMeter(SCOPE)];
  readonly #histograms = this.#meters.map(createHistograms);
  readonly #registrations = this.#meters.map((meter) =>
    registerObservables(meter, () => this.#observed, this.failures)
  );
  // No prefix, no time stamps, no labels from the resource, no `target_info`, no `otel_scope_*`: a scraper adds its own.
  readonly #serializer = new PrometheusSerializer(undefined, false, undefined, true, true);
  #observed: Observed | undefined;

  /**
   * Observes the parts of the daemon from now on.
   *
   * @param observed What to observe.
   */
  observe(observed: Observed): void {
    this.#observed = observed;
  }

  /**
   * Records that a producer was blocked.
   *
   * @param source Name of the source.
   * @param seconds For how long, whatever came of it.
   */
  blocked(source: string, seconds: number): void {
    this.#record("blockDuration", seconds, { source });
  }

  /**
   * Collects every metric.
   *
   * @returns The metrics in Prometheus' text format 0.0.4.
   * @throws {AggregateError} If a metric could not be read.
   * @throws {Error} If it was shut down.
   */
  async prometheus(): Promise<string> {
    const { resourceMetrics, errors } = await this.#reader.collect();
    if (errors.length > 0) throw new AggregateError(errors, "Cannot collect every metric");
    const [scope] = resourceMetrics.scopeMetrics;
    if (scope === undefined || this.#observed === undefined) return "";
    const { registry, sinks } = this.#observed;
    // Only one policy makes producers wait; for the sources of the others the series would only be clutter.
    const blocking = [...registry.all].filter(({ policy }) => policy.name === "block");
    let all = withEmptySeries(scope.metrics, "blockDuration", blocking.map(({ name }) => name));
    all = withEmptySeries(all, "poolWait", [""]);
    all = withEmptySeries(all, "sinkFlush", sinks.map(({ name }) => name));
    return this.#serializer.serialize({ ...resourceMetrics, scopeMetrics: [{ ...scope, metrics: all }] });
  }

  /** Lets go of everything observed. Nothing can be collected afterwards; what is still recorded goes nowhere. */
  async shutdown(): Promise<void> {
    for (const registration of this.#registrations) registration.unregister();
    this.#observed = undefined;
    await this.#provider.shutdown();
  }

  #record(key: HistogramKey, seconds: number, labels: Attributes): void {
    for (const histograms of this.#histograms) histograms[key].record(seconds, labels);
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
