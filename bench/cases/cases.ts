import type { BenchCase, HttpCase, WebSocketCase } from "./bench_case.ts";
import { otlpJson, otlpProtobuf } from "./otlp_request.ts";
import { recordLine } from "./record.ts";

const CONNECTIONS = 16;
const SPANS = 100;
const NDJSON = "application/x-ndjson";

/**
 * @param records How many records are in a request.
 * @returns The case with so many, and {@linkcode CONNECTIONS} connections.
 */
export function httpCase(records: number): HttpCase {
  return {
    name: `http-${records}`,
    title: `HTTP, ${records} ${records === 1 ? "record" : "records"} of 200 B a request`,
    transport: "http",
    path: "/v1/ingest/bench",
    contentType: NDJSON,
    connections: CONNECTIONS,
    body: new TextEncoder().encode(Array.from({ length: records }, (_, n) => recordLine(n)).join("")),
    records,
    peers: {
      // One JSON value after the other; it has no content type of its own for that.
      "fluent-bit": { path: "/bench", contentType: "application/json" },
      vector: { path: "/bench", contentType: NDJSON },
    },
  };
}

function otlpCase(
  name: string,
  title: string,
  contentType: string,
  body: Uint8Array<ArrayBuffer>,
  source: string = "bench",
): HttpCase {
  const peer = { path: "/v1/traces", contentType };
  return {
    name,
    title: `OTLP, ${SPANS} spans a request, ${title}`,
    transport: "http",
    path: `/sources/${source}/v1/traces`,
    contentType,
    connections: CONNECTIONS,
    body,
    records: SPANS,
    peers: { "fluent-bit": peer, otelcol: peer, ...(contentType.endsWith("protobuf") && { vector: peer }) },
  };
}

function webSocketCase(
  name: string,
  title: string,
  kind: "text" | "binary",
  body: Uint8Array<ArrayBuffer>,
): WebSocketCase {
  return {
    name,
    title: `WebSocket, ${title}`,
    transport: "websocket",
    path: "/v1/ingest/bench",
    kind,
    connections: CONNECTIONS,
    body,
    records: 1,
  };
}

/**
 * Makes what everything is measured with.
 *
 * @returns The cases, in the order of the report.
 */
export function allCases(): BenchCase[] {
  const protobuf = otlpProtobuf(SPANS);
  const frame = crypto.getRandomValues(new Uint8Array(20_000));
  return [
    ...[1, 10, 100, 1000].map(httpCase),
    webSocketCase("ws-200B", "text messages of 200 B", "text", new TextEncoder().encode(recordLine(0))),
    webSocketCase("ws-20kB", "binary messages of 20 kB", "binary", frame),
    otlpCase("otlp-json", "JSON", "application/json", otlpJson(protobuf)),
    otlpCase("otlp-protobuf", "Protobuf", "application/x-protobuf", protobuf),
    otlpCase("otlp-convert", "Protobuf kept as JSON", "application/x-protobuf", protobuf, "bench-json"),
  ];
}
