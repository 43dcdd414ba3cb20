import protobuf from "protobufjs";
import type { Signal } from "../../collector/otlp_signal.ts";

/** An OTLP request as a plain object. */
// deno-lint-ignore no-explicit-any -- each test knows what it sent
export type Request = any;

/** The answers by the names that they have for each signal; the collector has one for all. */
const ANSWERS = `
  syntax = "proto3";
  package answers;
  message logs { Partial partial_success = 1; message Partial { int64 rejected_log_records = 1; string error_message = 2; } }
  message metrics { Partial partial_success = 1; message Partial { int64 rejected_data_points = 1; string error_message = 2; } }
  message traces { Partial partial_success = 1; message Partial { int64 rejected_spans = 1; string error_message = 2; } }
`;

// The schema is the collector's, which real SDKs hold to account elsewhere; the code that decodes by it is not.
const schema = await Deno.readTextFile(new URL("../../collector/otlp/otlp.proto", import.meta.url));
const { root } = protobuf.parse(schema);
protobuf.parse(ANSWERS, root);

const REQUEST: Readonly<Record<Signal, protobuf.Type>> = {
  logs: root.lookupType("otlp.ExportLogsServiceRequest"),
  metrics: root.lookupType("otlp.ExportMetricsServiceRequest"),
  traces: root.lookupType("otlp.ExportTraceServiceRequest"),
};

/** What decoded 64-bit integers and bytes become: what OTLP/JSON has for them, except that ids are arrays of bytes. */
const PLAIN = { longs: String, enums: Number, bytes: Array };

/**
 * Decodes a request, by other means than the collector's.
 *
 * @throws {Error} If it is not one.
 */
export function decodeRequest(signal: Signal, bytes: Uint8Array): Request {
  return REQUEST[signal].toObject(REQUEST[signal].decode(bytes), PLAIN);
}

/** Encodes a request, by other means than the collector's; ids are bytes. */
export function encodeRequest(signal: Signal, request: Request): Uint8Array<ArrayBuffer> {
  return new Uint8Array(REQUEST[signal].encode(REQUEST[signal].fromObject(request)).finish());
}

/** Decodes an answer to a request that was accepted. */
export function decodeResponse(signal: Signal, bytes: Uint8Array): Request {
  const response = root.lookupType(`answers.${signal}`);
  return response.toObject(response.decode(bytes), PLAIN);
}

/** The log records, data points or spans of a decoded request. */
export function itemsOf(signal: Signal, request: Request): Request[] {
  const list = (value: Request) => value ?? [];
  switch (signal) {
    case "logs":
      return list(request.resourceLogs).flatMap((r: Request) =>
        list(r.scopeLogs).flatMap((s: Request) => list(s.logRecords))
      );
    case "traces":
      return list(request.resourceSpans).flatMap((r: Request) =>
        list(r.scopeSpans).flatMap((s: Request) => list(s.spans))
      );
    case "metrics":
      return list(request.resourceMetrics).flatMap((r: Request) =>
        list(r.scopeMetrics).flatMap((s: Request) => list(s.metrics).flatMap(pointsOf))
      );
  }
}

function pointsOf(metric: Request): Request[] {
  const { gauge, sum, histogram, exponentialHistogram, summary } = metric;
  return (gauge ?? sum ?? histogram ?? exponentialHistogram ?? summary)?.dataPoints ?? [];
}

/** The messages of an `.otlp` file: each stands behind its length, 4 bytes, big-endian. */
export function messagesOf(file: Uint8Array): Uint8Array[] {
  const messages: Uint8Array[] = [];
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at < file.length;) {
    const length = view.getUint32(at);
    if (at + 4 + length > file.length) throw new Error(`torn message at ${at}`);
    messages.push(file.slice(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return messages;
}
