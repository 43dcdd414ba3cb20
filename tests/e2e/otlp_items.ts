import type { Signal } from "../../collector/otlp_signal.ts";
import { decodeRequest, itemsOf, messagesOf, type Request } from "../collector/otlp_decoder.ts";

/** A log record, data point or span in the one form in which what was sent is compared with what arrived. */
export type Item = Readonly<Record<string, unknown>>;

/** What an OTLP request carries, decoded from Protobuf or JSON. */
export function itemsIn(signal: Signal, request: Request): Item[] {
  if (signal !== "metrics") return itemsOf(signal, request).map(signal === "logs" ? logItem : spanItem);
  const items: Item[] = [];
  for (const { scopeMetrics = [] } of request.resourceMetrics ?? []) {
    for (const { metrics = [] } of scopeMetrics) {
      for (const { name, gauge, sum, histogram, exponentialHistogram } of metrics) {
        const data = gauge ?? sum ?? histogram ?? exponentialHistogram;
        for (const point of data.dataPoints) items.push({ name, ...pointItem(point) });
      }
    }
  }
  return items;
}

/** What the requests carry that are the lines of NDJSON. */
export function itemsInLines(signal: Signal, lines: Uint8Array): Item[] {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(lines);
  return text.split("\n").filter((line) => line !== "").flatMap((line) => itemsIn(signal, JSON.parse(line)));
}

/** What the requests carry that are the messages of `.otlp` files. */
export function itemsInMessages(signal: Signal, file: Uint8Array): Item[] {
  return messagesOf(file).flatMap((message) => itemsIn(signal, decodeRequest(signal, message)));
}

/** Items in an order of their own, as text that can be compared. */
export function sorted(items: readonly Item[]): string[] {
  return items.map((item) => JSON.stringify(item)).sort();
}

function logItem(log: Request): Item {
  return {
    time: String(log.timeUnixNano),
    observed: String(log.observedTimeUnixNano),
    severity: log.severityNumber,
    severityText: log.severityText,
    body: valueOf(log.body),
    attributes: attributesOf(log.attributes),
    traceId: hex(log.traceId),
    spanId: hex(log.spanId),
  };
}

function spanItem(span: Request): Item {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    name: span.name,
    kind: span.kind,
    start: String(span.startTimeUnixNano),
    end: String(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    events: (span.events ?? []).map((event: Request) => ({
      name: event.name,
      time: String(event.timeUnixNano),
      attributes: attributesOf(event.attributes),
    })),
    links: (span.links ?? []).map(({ traceId, spanId }: Request) => [hex(traceId), hex(spanId)]),
    status: span.status?.code ?? 0,
  };
}

function pointItem(point: Request): Item {
  const { positive } = point;
  return {
    start: String(point.startTimeUnixNano),
    time: String(point.timeUnixNano),
    attributes: attributesOf(point.attributes),
    value: point.asDouble ?? (point.asInt === undefined ? undefined : integer(point.asInt)),
    count: point.count === undefined ? undefined : Number(point.count),
    sum: point.sum,
    min: point.min,
    max: point.max,
    buckets: (point.bucketCounts ?? positive?.bucketCounts)?.map(Number),
    bounds: point.explicitBounds,
    scale: positive === undefined || positive === null ? undefined : point.scale ?? 0,
  };
}

/** Attributes as an object whose names are in order. */
export function attributesOf(attributes: Request): Record<string, unknown> {
  const entries: [string, unknown][] = (attributes ?? []).map((
    { key, value }: Request,
  ) => [key, valueOf(value)]);
  return Object.fromEntries(entries.sort(([a], [b]) => a < b ? -1 : 1));
}

function valueOf(value: Request): unknown {
  if (value === undefined || value === null) return null;
  const { stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue } = value;
  if (intValue !== undefined) return integer(intValue);
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(valueOf);
  if (kvlistValue !== undefined) return attributesOf(kvlistValue.values);
  return stringValue ?? boolValue ?? doubleValue ?? null;
}

/** Of integers that a number would round, the digits. */
function integer(value: Request): unknown {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** Ids are bytes in Protobuf and digits in JSON. */
function hex(id: Request): string {
  return typeof id === "string" ? id.toLowerCase() : new Uint8Array(id ?? []).toHex();
}
