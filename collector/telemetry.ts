import { metrics } from "@opentelemetry/api";
import { DurationHistogram } from "./duration_histogram.ts";
import { FlushSpans } from "./flush_spans.ts";
import { BOUNDARIES, createHistograms, type HistogramKey, HISTOGRAMS } from "./histograms.ts";
import { type Observed, registerObservables } from "./observables.ts";
import type { PrometheusMetrics } from "./prometheus_metrics.ts";
import { SinkLedger } from "./sink_ledger.ts";
import type { FlushObserver } from "../sinks/flush_observer.ts";

export type { Observed } from "./observables.ts";

/** What the daemon's instruments are said to come from. */
const SCOPE = "penstock";

/**
 * The daemon's own metrics: counters and gauges over the plain numbers of the ledgers, histograms of durations.
 *
 * They are told twice: to Prometheus, and by instruments on the global meter. The latter do nothing unless Deno's
 * OpenTelemetry exporter is on (`OTEL_DENO=true`), which then sends the same metrics by OTLP, and a span for each flush.
 *
 * What writes them for Prometheus is loaded with the first scrape: a daemon that gets none is several megabytes smaller.
 * Until then everything is counted all the same, as plain numbers.
 *
 * It is made before what it observes, because that in turn is made with `flushes` and `blocked()`.
 */
export class Telemetry {
  /** What sinks failed at. */
  readonly failures = new SinkLedger();
  /** Is told what flushes do. */
  readonly flushes: FlushObserver = {
    permitGranted: (_sink, seconds) => this.#record("poolWait", seconds, ""),
    flushed: (sink, seconds, source, amount) => {
      this.#record("sinkFlush", seconds, sink);
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
  readonly #durations: Readonly<Record<HistogramKey, DurationHistogram>> = {
    blockDuration: new DurationHistogram(BOUNDARIES),
    poolWait: new DurationHistogram(BOUNDARIES),
    sinkFlush: new DurationHistogram(BOUNDARIES),
  };
  readonly #meter = metrics.getMeter(SCOPE);
  readonly #histograms = createHistograms(this.#meter);
  readonly #registration = registerObservables(this.#meter, () => this.#observed, this.failures);
  #prometheus: PrometheusMetrics | undefined;
  #isShutDown = false;
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
    this.#record("blockDuration", seconds, source);
  }

  /**
   * Collects every metric.
   *
   * @returns The metrics in Prometheus' text format 0.0.4.
   * @throws {AggregateError} If a metric could not be read.
   * @throws {Error} If it was shut down.
   */
  async prometheus(): Promise<string> {
    const { PrometheusMetrics } = await import("./prometheus_metrics.ts");
    if (this.#isShutDown) throw new Error("Cannot collect metrics after shutdown");
    this.#prometheus ??= new PrometheusMetrics({
      scope: SCOPE,
      observed: () => this.#observed,
      failures: this.failures,
      durations: this.#durations,
    });
    return await this.#prometheus.collect();
  }

  /** Lets go of everything observed. Nothing can be collected afterwards, so what is still recorded goes nowhere. */
  async shutdown(): Promise<void> {
    this.#isShutDown = true;
    this.#registration.unregister();
    this.#observed = undefined;
    await this.#prometheus?.shutdown();
  }

  #record(key: HistogramKey, seconds: number, value: string): void {
    this.#durations[key].record(seconds, value);
    const { label } = HISTOGRAMS[key];
    this.#histograms[key].record(seconds, label === undefined ? {} : { [label]: value });
  }
}
