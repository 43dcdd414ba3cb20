import { fromBinary, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { REQUEST_SCHEMAS, REQUESTS, type Signal } from "./otlp_schema.ts";
import { OtlpTranscoder } from "./otlp_transcoder.ts";

/** The fields that are hexadecimal in OTLP's JSON, where Protobuf's own mapping has base64. */
const IDS: ReadonlySet<string> = new Set(["traceId", "spanId", "parentSpanId"]);

// Shared by all requests: writing is synchronous, and each call starts anew.
const transcoder = new OtlpTranscoder();

/**
 * The largest request that is converted by way of objects: 8 MiB would hold everybody up for seconds, and take a hundred
 * times as much memory. No encoder is known to write a field twice.
 */
const LARGEST_BY_OBJECTS = 64 * 1024;

/**
 * Encodes an OTLP request in Protobuf as OTLP/JSON: 64-bit integers as strings, enums as integers, ids in hexadecimal
 * digits. Fields that have their default value are left out, and so are fields that OTLP 1.11 does not know.
 *
 * @param signal What the request carries.
 * @param request The request; it must be valid.
 * @returns JSON on one line, line feed included; nothing where a field comes again in a request of more than 64 KiB.
 */
export function encodeOtlpJson(signal: Signal, request: Uint8Array): Uint8Array<ArrayBuffer> | undefined {
  const json = transcoder.toJson(request, REQUESTS[signal]);
  if (json !== undefined) return json;
  if (request.length > LARGEST_BY_OBJECTS) return undefined;
  return new TextEncoder().encode(`${decodeToJson(signal, request)}\n`);
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
