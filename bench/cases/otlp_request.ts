import { create, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../../collector/otlp/otlp_pb.ts";
import { encodeOtlpJson } from "../../collector/otlp_json_encoding.ts";

function text(key: string, value: string) {
  return { key, value: { value: { case: "stringValue" as const, value } } };
}

function int(key: string, value: number) {
  return { key, value: { value: { case: "intValue" as const, value: BigInt(value) } } };
}

/**
 * Makes a request with spans as those of an HTTP server: eight attributes each, an event in every tenth.
 *
 * @param count How many spans.
 * @returns The request in Protobuf.
 */
export function otlpProtobuf(count: number): Uint8Array<ArrayBuffer> {
  const start = 1_768_464_000_000_000_000n;
  const spans = Array.from({ length: count }, (_, n) => ({
    traceId: crypto.getRandomValues(new Uint8Array(16)),
    spanId: crypto.getRandomValues(new Uint8Array(8)),
    parentSpanId: crypto.getRandomValues(new Uint8Array(8)),
    name: `GET /api/v1/items/{id}`,
    kind: 2,
    startTimeUnixNano: start + BigInt(n * 1_000),
    endTimeUnixNano: start + BigInt(n * 1_000 + 730),
    flags: 257,
    attributes: [
      text("http.request.method", "GET"),
      text("url.path", `/api/v1/items/${n}`),
      text("url.scheme", "https"),
      text("server.address", "shop.example.com"),
      text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
      int("http.response.status_code", 200),
      int("server.port", 443),
      text("client.address", "203.0.113.7"),
    ],
    events: n % 10 === 0 ? [{ timeUnixNano: start, name: "cache.miss", attributes: [int("n", n)] }] : [],
  }));
  const resource = { attributes: [text("service.name", "shop"), text("host.name", "web01")] };
  const message = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "http" }, spans }] }] };
  return toBinary(ExportTraceServiceRequestSchema, create(ExportTraceServiceRequestSchema, message));
}

/**
 * @param protobuf A request in Protobuf.
 * @returns The same in JSON.
 */
export function otlpJson(protobuf: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const json = encodeOtlpJson("traces", protobuf);
  if (!(json instanceof Uint8Array)) throw new TypeError(`The request cannot be converted: ${json}`);
  return json;
}
