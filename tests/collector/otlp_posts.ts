// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { fromBinary } from "@bufbuild/protobuf";
import { BadRequestSchema, RpcStatusSchema } from "../../collector/otlp/otlp_pb.ts";
import type { TestIngest } from "./http_ingest.ts";
import { decodeResponse, encodeRequest, type Request as Otlp } from "./otlp_decoder.ts";

export const JSON_TYPE = "application/json";
export const PROTOBUF_TYPE = "application/x-protobuf";
export const TYPES = [JSON_TYPE, PROTOBUF_TYPE] as const;
/** A stream has no length, and every other body does. */
export type Body = string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>>;

/** An answer that was read to its end. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** Sends a request. */
export async function post(
  ingest: TestIngest,
  path: string,
  body: Body,
  headers: Record<string, string>,
  method = "POST",
): Promise<Answer> {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const length: Record<string, string> = bytes instanceof Uint8Array
    ? { "Content-Length": `${bytes.length}` }
    : {};
  const request = new Request(`http://localhost${path}`, {
    method,
    headers: { ...length, ...headers },
    ...(method !== "GET" && { body: bytes }),
  });
  const response = await ingest.ingest.fetch(request);
  return { status: response.status, headers: response.headers, bytes: await response.bytes() };
}

/** A request with so many spans, in an encoding. */
export function spans(count: number, type: string): Uint8Array<ArrayBuffer> {
  const request = {
    resourceSpans: [{
      scopeSpans: [{ spans: Array.from({ length: count }, (_, n) => ({ name: `s${n}` })) }],
    }],
  };
  return type === JSON_TYPE
    ? new TextEncoder().encode(JSON.stringify(request))
    : encodeRequest("traces", request);
}

/** Sends a request with so many spans. */
export function sendSpans(
  ingest: TestIngest,
  count: number,
  type: string,
  path = "/v1/traces",
): Promise<Answer> {
  return post(ingest, path, spans(count, type), { "Content-Type": type });
}

/** The answer's message, by its content type. */
export function messageOf(answer: Answer): Otlp {
  const type = answer.headers.get("content-type");
  if (type === JSON_TYPE) return JSON.parse(new TextDecoder().decode(answer.bytes));
  assertEquals(type, PROTOBUF_TYPE);
  return decodeResponse("traces", answer.bytes);
}

/** Asserts that an answer is a `google.rpc.Status`, and returns its message and the violations that it names. */
export function assertStatus(
  answer: Answer,
  status: number,
  code: number,
): { message: string; violations: Otlp[] } {
  const type = answer.headers.get("content-type");
  let found: { code: number; message: string; violations: Otlp[] };
  if (type === JSON_TYPE) {
    const { code, message, details = [] } = JSON.parse(new TextDecoder().decode(answer.bytes));
    for (const detail of details) assertEquals(detail["@type"], "type.googleapis.com/google.rpc.BadRequest");
    found = { code, message, violations: details.flatMap((detail: Otlp) => detail.fieldViolations) };
  } else {
    assertEquals(type, PROTOBUF_TYPE);
    const { code, message, details } = fromBinary(RpcStatusSchema, answer.bytes);
    const violations = details.flatMap(({ typeUrl, value }) => {
      assertEquals(typeUrl, "type.googleapis.com/google.rpc.BadRequest");
      return fromBinary(BadRequestSchema, value).fieldViolations;
    });
    found = { code, message, violations };
  }
  assertEquals([answer.status, found.code], [status, code], found.message);
  assertEquals(answer.headers.get("retry-after"), status === 503 ? "1" : null);
  assert(found.message.length > 0);
  return found;
}
