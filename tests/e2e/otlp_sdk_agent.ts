/**
 * A program that is instrumented with the OpenTelemetry SDK and exports by OTLP/HTTP. As a process of its own, because
 * the SDK keeps connections and timers.
 *
 * Usage: `otlp_sdk_agent.ts '{"url":…,"signal":…,"encoding":"http"|"proto","count":…}'`; prints what it exported, what
 * came of it and what the SDK logged, as JSON.
 */
import {
  diag,
  DiagLogLevel,
  type HrTime,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { OTLPLogExporter as LogJson } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as LogProtobuf } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPMetricExporter as MetricJson } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as MetricProtobuf } from "@opentelemetry/exporter-metrics-otlp-proto";
import { OTLPTraceExporter as TraceJson } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as TraceProtobuf } from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, LoggerProvider, type ReadableLogRecord } from "@opentelemetry/sdk-logs";
import {
  AggregationType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type ResourceMetrics,
} from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, type ReadableSpan, TracerProvider } from "@opentelemetry/sdk-trace";
import type { Signal } from "../../collector/otlp_signal.ts";
import type { Item } from "./otlp_items.ts";

/** What the program shall export. */
export interface AgentOptions {
  readonly url: string;
  readonly signal: Signal;
  readonly encoding: "http" | "proto";
  /** How many log records, spans or series of each metric. */
  readonly count: number;
  /** How many go in one request; a metric reader always sends all in one. */
  readonly batch: number;
  readonly compression?: "gzip";
}

/** What it printed. */
export interface AgentReport {
  readonly items: Item[];
  /** Of each export: 0 for success, 1 for failure, and how long it took in milliseconds. */
  readonly exports: { readonly code: number; readonly ms: number; readonly items: number }[];
  readonly logged: string[];
}

const options: AgentOptions = JSON.parse(Deno.args[0]!);
const { signal, encoding, count, batch, compression } = options;
const config = {
  url: options.url,
  timeoutMillis: 30_000,
  ...(compression && { compression: compression as never }),
};
const report: AgentReport = { items: [], exports: [], logged: [] };

const log = (level: string) => (...parts: unknown[]) =>
  report.logged.push(`${level} ${parts.map(String).join(" ")}`);
diag.setLogger({
  error: log("error"),
  warn: log("warn"),
  info: log("info"),
  debug: () => {},
  verbose: () => {},
}, DiagLogLevel.INFO);

/** Notes what an exporter is given, and what comes of it. */
function watched<
  Batch,
  Exporter extends { export(batch: Batch, done: (result: { code: number }) => void): void },
>(
  exporter: Exporter,
  itemsOf: (batch: Batch) => Item[],
): Exporter {
  const original = exporter.export.bind(exporter);
  exporter.export = (batch, done) => {
    const items = itemsOf(batch);
    report.items.push(...items);
    const start = performance.now();
    original(batch, (result) => {
      report.exports.push({
        code: result.code,
        ms: Math.round(performance.now() - start),
        items: items.length,
      });
      done(result);
    });
  };
  return exporter;
}

function nanos([seconds, rest]: HrTime): string {
  return String(BigInt(seconds) * 1_000_000_000n + BigInt(rest));
}

function inOrder(attributes: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => a < b ? -1 : 1));
}

function spanItem(span: ReadableSpan): Item {
  const { traceId, spanId } = span.spanContext();
  return {
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId ?? "",
    name: span.name,
    kind: span.kind + 1,
    start: nanos(span.startTime),
    end: nanos(span.endTime),
    attributes: inOrder(span.attributes),
    events: span.events.map(({ name, time, attributes }) => ({
      name,
      time: nanos(time),
      attributes: inOrder(attributes ?? {}),
    })),
    links: span.links.map(({ context }) => [context.traceId, context.spanId]),
    status: span.status.code,
  };
}

function logItem(record: ReadableLogRecord): Item {
  return {
    time: nanos(record.hrTime),
    observed: nanos(record.hrTimeObserved),
    severity: record.severityNumber,
    severityText: record.severityText,
    body: record.body ?? null,
    attributes: inOrder(record.attributes),
    traceId: record.spanContext?.traceId ?? "",
    spanId: record.spanContext?.spanId ?? "",
  };
}

function metricItems({ scopeMetrics }: ResourceMetrics): Item[] {
  return scopeMetrics.flatMap(({ metrics }) =>
    metrics.flatMap(({ descriptor: { name }, dataPoints }) =>
      dataPoints.map(({ startTime, endTime, attributes, value }) => {
        const point = {
          name,
          start: nanos(startTime),
          time: nanos(endTime),
          attributes: inOrder(attributes),
        };
        if (typeof value === "number") return { ...point, value };
        const { count, sum, min, max } = value;
        const shared = { ...point, count, sum, min, max };
        return "buckets" in value
          ? { ...shared, buckets: value.buckets.counts, bounds: value.buckets.boundaries }
          : { ...shared, buckets: value.positive.bucketCounts, scale: value.scale };
      })
    )
  );
}

async function exportSpans(): Promise<void> {
  const exporter = watched<ReadableSpan[], TraceJson | TraceProtobuf>(
    encoding === "http" ? new TraceJson(config) : new TraceProtobuf(config),
    (spans) => spans.map(spanItem),
  );
  const processor = new BatchSpanProcessor(
    { exporter, maxQueueSize: count, maxExportBatchSize: batch } as never,
  );
  const provider = new TracerProvider({ spanProcessors: [processor] });
  const tracer = provider.getTracer("agent", "1.2.3");
  let parent = tracer.startSpan("root", { kind: SpanKind.SERVER }, ROOT_CONTEXT);
  for (let n = 1; n < count; n++) {
    const span = tracer.startSpan(`GET /${n} ü`, {
      kind: n % 5,
      attributes: {
        n,
        ratio: n + 0.5,
        text: "grüße 🚀",
        flag: n % 2 === 0,
        list: ["a", "b"],
        large: -(2 ** 53 - n),
      },
      links: [{ context: parent.spanContext() }],
    }, trace.setSpan(ROOT_CONTEXT, parent));
    span.addEvent("event", { n });
    if (n % 7 === 0) span.setStatus({ code: SpanStatusCode.ERROR, message: "no" });
    if (n % 10 === 0) {
      parent.end();
      parent = span;
    } else span.end();
  }
  parent.end();
  await provider.forceFlush();
  await provider.shutdown();
}

async function exportLogs(): Promise<void> {
  const exporter = watched<ReadableLogRecord[], LogJson | LogProtobuf>(
    encoding === "http" ? new LogJson(config) : new LogProtobuf(config),
    (records) => records.map(logItem),
  );
  const processor = new BatchLogRecordProcessor({ exporter, maxQueueSize: count, maxExportBatchSize: batch });
  const provider = new LoggerProvider({ processors: [processor] });
  const logger = provider.getLogger("agent");
  const spanContext = {
    traceId: "0af7651916cd43dd8448eb211c80319c",
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
  };
  for (let n = 0; n < count; n++) {
    logger.emit({
      timestamp: 1_768_464_000_000 + n,
      severityNumber: 1 + n % 24,
      severityText: "LEVEL",
      body: n % 3 === 0 ? { n, nested: { list: [1, "zwei", null] } } : `message ${n} ✓`,
      attributes: { n, ratio: n / 8, text: 'quote " and \\ and \n' },
      ...(n % 2 === 0 && { context: trace.setSpanContext(ROOT_CONTEXT, spanContext) }),
    });
  }
  await provider.forceFlush();
  await provider.shutdown();
}

async function exportMetrics(): Promise<void> {
  const exporter = watched<ResourceMetrics, MetricJson | MetricProtobuf>(
    encoding === "http" ? new MetricJson(config) : new MetricProtobuf(config),
    metricItems,
  );
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const aggregation = { type: AggregationType.EXPONENTIAL_HISTOGRAM } as const;
  const provider = new MeterProvider({
    readers: [reader],
    views: [{ instrumentName: "sizes", aggregation }],
  });
  const meter = provider.getMeter("agent");
  const counter = meter.createCounter("requests");
  const gauge = meter.createGauge("temperature");
  const durations = meter.createHistogram("durations", {
    advice: { explicitBucketBoundaries: [1, 10, 100] },
  });
  const sizes = meter.createHistogram("sizes");
  for (let n = 0; n < count; n++) {
    const attributes = { n, path: `/ä/${n}` };
    counter.add(2 ** 40 + n, attributes);
    gauge.record(-n - 0.25, attributes);
    durations.record(n, attributes);
    sizes.record(1 + n, attributes);
    sizes.record(2 + 3 * n, attributes);
  }
  await provider.forceFlush();
  await provider.shutdown();
}

const EXPORT = { logs: exportLogs, metrics: exportMetrics, traces: exportSpans };

if (import.meta.main) {
  await EXPORT[signal]();
  const text = new TextEncoder().encode(JSON.stringify(report));
  for (let sent = 0; sent < text.length;) sent += await Deno.stdout.write(text.subarray(sent));
  Deno.exit(0);
}
