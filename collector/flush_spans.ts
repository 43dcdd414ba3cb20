import { SpanStatusCode, trace } from "@opentelemetry/api";
import type { Amount } from "./batch.ts";
import type { SinkError } from "../sinks/sink.ts";

/**
 * Makes a span of each flush. The spans go nowhere unless Deno's OpenTelemetry exporter is on.
 *
 * Each is the root of a trace of its own: a batch holds records of many requests, and the one whose admission happened to
 * start the flush has no more to do with it than the others.
 */
export class FlushSpans {
  readonly #tracer;

  /** @param scope What the spans are said to come from. */
  constructor(scope: string) {
    this.#tracer = trace.getTracer(scope);
  }

  /**
   * @param sink Name of the sink that took a batch.
   * @param seconds How long that took.
   * @param source Name of the source.
   * @param amount What the batch amounts to.
   */
  flushed(sink: string, seconds: number, source: string, { records, bytes }: Amount): void {
    const now = Date.now();
    this.#tracer.startSpan("flush", {
      root: true,
      startTime: now - seconds * 1000,
      attributes: {
        "penstock.sink": sink,
        "penstock.source": source,
        "penstock.records": records,
        "penstock.bytes": bytes,
      },
    }).end(now);
  }

  /**
   * @param sink Name of the sink that did not take a batch.
   * @param error Why.
   * @param source Name of the source.
   */
  failed(sink: string, error: SinkError, source: string): void {
    const attributes = { "penstock.sink": sink, "penstock.source": source, "error.type": error.kind };
    const span = this.#tracer.startSpan("flush", { root: true, attributes });
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    span.end();
  }
}
