// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import { fromBinary, toJson } from "@bufbuild/protobuf";
import { MAX_MESSAGE_DEPTH, REQUEST_SCHEMAS, REQUESTS } from "../../collector/otlp_schema.ts";
import { SIGNALS } from "../../collector/otlp_signal.ts";
import { OtlpWire } from "../../collector/otlp_wire.ts";
import { decodeRequest, encodeRequest, itemsOf, type Request } from "./otlp_decoder.ts";
import { FULL } from "./otlp_requests.ts";

const wire = new OtlpWire();

function bytes(...parts: (number | string | number[] | Uint8Array)[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    parts.flatMap((part) =>
      typeof part === "number"
        ? [part]
        : typeof part === "string"
        ? [...new TextEncoder().encode(part)]
        : [...part]
    ),
  );
}

/** A field that holds the parts behind its length. */
function field(number: number, ...parts: Parameters<typeof bytes>): Uint8Array<ArrayBuffer> {
  const content = bytes(...parts);
  const length = [];
  let rest = content.length;
  for (; rest > 127; rest >>>= 7) length.push(rest & 127 | 128);
  return bytes(number << 3 | 2, length, rest, content);
}

/** A request for traces that holds one span of these fields. */
const span = (...fields: Parameters<typeof bytes>) => field(1, field(2, field(2, ...fields)));
/** A request for metrics that holds one metric of these fields. */
const metric = (...fields: Parameters<typeof bytes>) => field(1, field(2, field(2, ...fields)));

function assertWeight(signal: "logs" | "metrics" | "traces", request: Uint8Array, weight: number): void {
  assertEquals(wire.weigh(request, REQUESTS[signal]), weight, `${wire.path} ${wire.reason}`);
  decodeRequest(signal, request);
  // Where a field that may be there once is there twice, protobufjs does not merge the two, as Protobuf demands.
  const merged = toJson(REQUEST_SCHEMAS[signal], fromBinary(REQUEST_SCHEMAS[signal], request));
  assertEquals(itemsOf(signal, merged).length, weight);
}

Deno.test("OtlpWire.weigh() counts log records, data points and spans", () => {
  for (const signal of SIGNALS) {
    const { request, weight } = FULL[signal];
    const encoded = encodeRequest(signal, request);
    assertWeight(signal, encoded, weight);
    assertEquals(itemsOf(signal, decodeRequest(signal, encoded)).length, weight);
    assertWeight(signal, new Uint8Array(0), 0);
    assertWeight(signal, bytes(10, 0), 0);
  }
});

Deno.test("OtlpWire.weigh() refuses a request that breaks off, wherever that is, unless decoders take it", () => {
  for (const signal of SIGNALS) {
    const whole = encodeRequest(signal, FULL[signal].request);
    let refused = 0;
    for (let length = 1; length < whole.length; length++) {
      const weight = wire.weigh(whole.subarray(0, length), REQUESTS[signal]);
      if (weight >= 0) assertWeight(signal, whole.slice(0, length), weight);
      else refused++;
    }
    assertGreater(refused, whole.length - 3); // all but those that end between two resources
  }
});

Deno.test("OtlpWire.weigh() counts what is left where fields exclude each other", () => {
  const point = field(1, bytes(49, [1, 0, 0, 0, 0, 0, 0, 0]));
  const gauge = (...points: Uint8Array[]) => field(5, ...points);
  const sum = (...points: Uint8Array[]) => field(7, ...points);
  assertWeight("metrics", metric(gauge(point, point), gauge(point)), 3); // the same field twice is merged
  assertWeight("metrics", metric(gauge(point, point), sum(point)), 1);
  assertWeight("metrics", metric(gauge(point, point), sum(point), gauge(point)), 1);
  assertWeight("metrics", metric(gauge(point), sum()), 0);
});

Deno.test("OtlpWire.weigh() passes over fields that it does not know, groups too", () => {
  const unknown = [
    bytes(0xf8, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), // field 31: a number of 64 bits
    bytes(0xf9, 0x01, [1, 2, 3, 4, 5, 6, 7, 8]),
    bytes(0xfd, 0x01, [1, 2, 3, 4]),
    bytes(0xfa, 0x01, 2, [255, 255]), // not UTF-8, but perhaps no text either
    bytes(0xfb, 0x01, 0x08, 5, 0x13, 0x14, 0xfc, 0x01), // a group with a group in it
    bytes(0xfa, 0xff, 0xff, 0xff, 0x0f, 0), // the largest field number
  ];
  assertWeight("traces", span(...unknown), 1);
  for (const part of unknown) assertWeight("traces", bytes(span(), part), 1);
});

Deno.test("OtlpWire.weigh() takes lists of numbers packed and not", () => {
  const eight = [1, 0, 0, 0, 0, 0, 0, 0];
  const histogram = (...fields: Uint8Array[]) => metric(field(9, field(1, ...fields)));
  assertWeight("metrics", histogram(bytes(0x31, eight, 0x31, eight, 0x39, eight)), 1);
  assertWeight("metrics", histogram(field(6, eight, eight), field(7, eight), field(6)), 1);
  const exponential = (...fields: Uint8Array[]) => metric(field(10, field(1, field(8, ...fields))));
  assertWeight("metrics", exponential(bytes(0x10, 5, 0x10, 0xff, 1)), 1);
  assertWeight("metrics", exponential(field(2, 5, 0xff, 1)), 1);
});

Deno.test("OtlpWire.weigh() takes ids of their length and none, and no others", () => {
  const id = (number: number, length: number) => field(number, new Uint8Array(length).fill(1));
  assertWeight("traces", span(id(1, 16), id(2, 8), id(4, 8)), 1);
  assertWeight("traces", span(id(1, 16), id(2, 8), field(13, id(1, 16), id(2, 8))), 1);
  assertWeight("traces", span(id(1, 0), id(2, 0), id(4, 0)), 1);
  assertWeight("traces", span(), 1);
  const at = "resourceSpans.scopeSpans.spans";
  const cases: [request: Uint8Array, path: string, reason: string][] = [
    [span(id(1, 15)), `${at}.traceId`, "15 bytes, must be 16, or none"],
    [span(id(1, 17)), `${at}.traceId`, "17 bytes, must be 16, or none"],
    [span(id(1, 8)), `${at}.traceId`, "8 bytes, must be 16, or none"],
    [span(id(2, 16)), `${at}.spanId`, "16 bytes, must be 8, or none"],
    [span(id(2, 1)), `${at}.spanId`, "1 bytes, must be 8, or none"],
    [span(id(4, 7)), `${at}.parentSpanId`, "7 bytes, must be 8, or none"],
    [span(field(13, id(1, 3))), `${at}.links.traceId`, "3 bytes, must be 16, or none"],
    [span(field(13, id(2, 3))), `${at}.links.spanId`, "3 bytes, must be 8, or none"],
  ];
  for (const [request, path, reason] of cases) {
    assertEquals([wire.weigh(request, REQUESTS.traces), wire.path, wire.reason], [-1, path, reason]);
  }
  const log = (part: Uint8Array) => field(1, field(2, field(2, part)));
  assertWeight("logs", log(id(9, 16)), 1);
  assertEquals(wire.weigh(log(id(9, 32)), REQUESTS.logs), -1);
  assertEquals(wire.weigh(log(id(10, 4)), REQUESTS.logs), -1);
  const exemplar = (part: Uint8Array) => metric(field(5, field(1, field(5, part))));
  assertWeight("metrics", exemplar(id(5, 16)), 1);
  assertEquals(wire.weigh(exemplar(id(5, 6)), REQUESTS.metrics), -1);
  assertEquals(wire.weigh(exemplar(id(4, 6)), REQUESTS.metrics), -1);
});

Deno.test("OtlpWire.weigh() says what is wrong, in which field and where", () => {
  const ff = (count: number) => new Array<number>(count).fill(0xff);
  const cases: [request: Uint8Array, offset: number, path: string, reason: string][] = [
    [bytes(0), 0, "", "field number 0"],
    [bytes(2, 1, 0), 0, "", "field number 0"],
    [bytes(8, 1), 0, "resourceSpans", "wire type 0 is wrong"],
    [bytes(11, 12), 0, "resourceSpans", "wire type 3 is wrong"],
    [bytes(10, 5, 0), 0, "resourceSpans", "5 bytes are more than there are"],
    [bytes(10), 1, "resourceSpans", "breaks off"],
    [bytes(10, ff(4), 0x1f), 5, "resourceSpans", "a tag or length of more than 32 bits"],
    [bytes(ff(5), 0), 4, "", "a tag or length of more than 32 bits"],
    [bytes(0xfe, 1), 0, "", "wire type 6 does not exist"],
    [bytes(0xff, 1), 0, "", "wire type 7 does not exist"],
    [bytes(0xfc, 1), 0, "", "the end of a group that was not begun"],
    [bytes(0xfb, 1, 0xf4, 1), 2, "", "the end of another group"],
    [bytes(0xfb, 1), 2, "", "a group without an end"],
    [bytes(0xfb, 1, 0), 2, "", "field number 0"],
    [bytes(0xf8, 1, ff(9), 2), 11, "", "a number of more than 64 bits"],
    [bytes(0xf8, 1, ff(11), 0), 11, "", "a number of more than 64 bits"],
    [bytes(0xf8, 1, ff(3)), 5, "", "breaks off"],
    [bytes(0xf9, 1, ff(7)), 2, "", "breaks off"],
    [bytes(0xfd, 1, ff(3)), 2, "", "breaks off"],
    [bytes(0xfa, 1, 3, 0), 0, "", "3 bytes are more than there are"],
    [span(field(5, [0xc3, 0x28])), 8, "resourceSpans.scopeSpans.spans.name", "not UTF-8"],
    [span(field(5, "a", [0xed, 0xa0, 0x80])), 8, "resourceSpans.scopeSpans.spans.name", "not UTF-8"],
    [span(bytes(0x28, 1)), 6, "resourceSpans.scopeSpans.spans.name", "wire type 0 is wrong"],
    [span(bytes(0x39, 1)), 7, "resourceSpans.scopeSpans.spans.startTimeUnixNano", "breaks off"],
    [span(field(7, 1)), 6, "resourceSpans.scopeSpans.spans.startTimeUnixNano", "wire type 2 is wrong"],
    [span(bytes(0x30, 0x80)), 8, "resourceSpans.scopeSpans.spans.kind", "breaks off"],
    [span(bytes(0x2a, 9)), 6, "resourceSpans.scopeSpans.spans.name", "9 bytes are more than there are"],
  ];
  for (const [request, offset, path, reason] of cases) {
    assertEquals(wire.weigh(request, REQUESTS.traces), -1, reason);
    assertEquals([wire.offset, wire.path, wire.reason], [offset, path, reason]);
  }
  const packed = metric(field(9, field(1, field(6, 1, 2))));
  assertEquals(wire.weigh(packed, REQUESTS.metrics), -1);
  assertEquals(wire.reason, "2 bytes are not whole numbers of 8 bytes");
});

/** A log record whose body is so many lists in each other. */
function nested(lists: number): Request {
  let body: Request = { stringValue: "x" };
  for (let i = 0; i < lists; i++) body = { arrayValue: { values: [body] } };
  return { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body }] }] }] };
}

Deno.test("OtlpWire.weigh() limits how deep messages and groups are nested", () => {
  // The request, its resource, scope, record and the innermost value are 5; each list and its values 2.
  const most = (MAX_MESSAGE_DEPTH - 5) >> 1;
  assertWeight("logs", encodeRequest("logs", nested(most)), 1);
  assertEquals(wire.weigh(encodeRequest("logs", nested(most + 1)), REQUESTS.logs), -1);
  assertEquals(wire.reason, `nested deeper than ${MAX_MESSAGE_DEPTH}`);
  const groups = (count: number) => bytes(new Array(count).fill(0x7b), new Array(count).fill(0x7c));
  assertWeight("logs", groups(MAX_MESSAGE_DEPTH - 1), 0);
  assertEquals(wire.weigh(groups(MAX_MESSAGE_DEPTH), REQUESTS.logs), -1);
  assertEquals(wire.weigh(groups(1_000_000), REQUESTS.logs), -1);
});

Deno.test("the independent decoder does refuse something", () => {
  assertThrows(() => decodeRequest("traces", bytes(10, 5, 0)));
});
