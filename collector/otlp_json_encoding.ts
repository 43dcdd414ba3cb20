import { fromBinary, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import type { Batch } from "./batch.ts";
import type { Framing } from "./framing.ts";
import type { Conversion, WorkingMemory } from "./ingest_request.ts";
import { REQUEST_SCHEMAS, REQUESTS } from "./otlp_schema.ts";
import type { Signal } from "./otlp_signal.ts";
import { LIKELY_GROWTH, OtlpTranscoder } from "./otlp_transcoder.ts";
import { invalidRecord } from "./record_locator.ts";

/** The fields that are hexadecimal in OTLP's JSON, where Protobuf's own mapping has base64. */
const IDS: ReadonlySet<string> = new Set(["traceId", "spanId", "parentSpanId"]);

// Shared by all requests: writing is synchronous, and each call starts anew.
const transcoder = new OtlpTranscoder();

/**
 * The largest request that is converted by way of objects: 8 MiB would hold everybody up for seconds, and take so many
 * times as much memory. No encoder is known to write a field twice.
 */
const LARGEST_BY_OBJECTS = 64 * 1024;

/** How many times as much memory as the request that takes, objects, strings and all. */
const GROWTH_BY_OBJECTS = 100;

/** What JSON mostly takes while it is written, as a multiple of the request: in memory that is a guess, and then in its own. */
const GROWTH = 2 * LIKELY_GROWTH;

/**
 * Says how requests in Protobuf that were found valid become OTLP/JSON.
 *
 * @param signal What the requests carry.
 * @returns The conversion; it fails where a field comes again in a request of more than 64 KiB.
 */
export function otlpConversion(signal: Signal): Conversion {
  return CONVERSIONS[signal];
}

const CONVERSIONS: Readonly<Record<Signal, Conversion>> = {
  logs: { growth: GROWTH, convert: (batch, memory) => convert("logs", batch, memory) },
  metrics: { growth: GROWTH, convert: (batch, memory) => convert("metrics", batch, memory) },
  traces: { growth: GROWTH, convert: (batch, memory) => convert("traces", batch, memory) },
};

function convert(signal: Signal, batch: Batch, memory: WorkingMemory): Framing | "overloaded" {
  const data = encodeOtlpJson(signal, batch.data, (bytes) => memory.tryResize(bytes));
  if (data === "overloaded") return data;
  if (data === "repeated") {
    return invalidRecord(
      1,
      0,
      "a field comes again, and the request is too large to be converted to JSON then",
    );
  }
  return { ok: true, batch: { ...batch, format: "json", data, ends: Uint32Array.of(data.length) } };
}

/**
 * Encodes an OTLP request in Protobuf as OTLP/JSON: 64-bit integers as strings, enums as integers, ids in hexadecimal
 * digits. Fields that have their default value are left out, and so are fields that OTLP 1.11 does not know.
 *
 * @param signal What the request carries.
 * @param request The request; it must be valid.
 * @param book Is told how many bytes of memory that takes, each time before it changes, and says whether there are as many.
 * @returns JSON on one line, line feed included; or why there is none: a field comes again in a request of more than 64
 * KiB, or there is no memory.
 */
export function encodeOtlpJson(
  signal: Signal,
  request: Uint8Array,
  book: (bytes: number) => boolean = () => true,
): Uint8Array<ArrayBuffer> | "repeated" | "overloaded" {
  const json = transcoder.toJson(request, REQUESTS[signal], book);
  if (json !== "repeated" || request.length > LARGEST_BY_OBJECTS) return json;
  if (!book(GROWTH_BY_OBJECTS * request.length)) return "overloaded";
  const text = new TextEncoder().encode(`${decodeToJson(signal, request)}\n`);
  book(text.length);
  return text;
}

/**
 * The same by way of objects, which takes 20 times as long: for requests in which a field comes again.
 *
 * @param signal What the request carries.
 * @param request The request; it must be valid.
 * @returns JSON on one line, without a line feed.
 */
export function decodeToJson(signal: Signal, request: Uint8Array): string {
  const message = fromBinary(REQUEST_SCHEMAS[signal], request, { readUnknownFields: false });
  const value = toJson(REQUEST_SCHEMAS[signal], message, { enumAsInteger: true });
  writeIdsInHex(value);
  return JSON.stringify(value);
}

/** Attributes cannot be mistaken for ids: their names are values in OTLP, and not names in the JSON. */
function writeIdsInHex(value: JsonValue): void {
  if (Array.isArray(value)) {
    for (const item of value) writeIdsInHex(item);
  } else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries<JsonValue>(value as JsonObject)) {
      if (typeof inner === "object") writeIdsInHex(inner);
      else if (IDS.has(name)) (value as JsonObject)[name] = Uint8Array.fromBase64(inner as string).toHex();
    }
  }
}
