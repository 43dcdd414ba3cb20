import { metrics } from "@opentelemetry/api";
import { DurationHistogram } from "./duration_histogram.ts";
import { FlushSpans } from "./flush_spans.ts";
import { BOUNDARIES, type HistogramKey, HISTOGRAMS } from "./histograms.ts";
import { createHistograms, registerObservables } from "./instruments.ts";
import type { Observed } from "./metric_samples.ts";
import { prometheusText } from "./prometheus_text.ts";
import { SinkLedger } from "./sink_ledger.ts";
import type { FlushObserver } from "../sinks/flush_observer.ts";

export type { Observed } from "./metric_samples.ts";

/** What the daemon's instruments are said to come from. */
const SCOPE = "penstock";

/**
 * The daemon's own metrics: counters and gauges over the plain numbers of the ledgers, histograms of durations.
 *
 * They are told twice: to Prometheus, as text, and by instruments on the global meter. The latter do nothing unless Deno's
 * OpenTelemetry exporter is on (`OTEL_DENO=true`), which then sends the same metrics by OTLP, and a span for each flush.
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
   * @returns The metrics in Prometheus' text format 0.0.4; nothing before there is something to observe.
   * @throws {Error} If it was shut down, or a metric could not be read.
   */
  prometheus(): string {
    if (this.#isShutDown) throw new Error("Cannot collect metrics after shutdown");
    if (this.#observed === undefined) return "";
    return prometheusText({
      observed: this.#observed,
      failures: this.failures,
      durations: this.#durations,
    });
  }

  /** Lets go of everything observed. Nothing can be collected afterwards, so what is still recorded goes nowhere. */
  shutdown(): void {
    this.#isShutDown = true;
    this.#registration.unregister();
    this.#observed = undefined;
  }

  #record(key: HistogramKey, seconds: number, value: string): void {
    this.#durations[key].record(seconds, value);
    const { label } = HISTOGRAMS[key];
    this.#histograms[key].record(seconds, label === undefined ? {} : { [label]: value });
  }
}
