// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { frameChunk, type RawHeaders, RawHttp, type RawResponse } from "./raw_http.ts";

const encoder = new TextEncoder();

/** The answer to bad input. */
export interface BadInputAnswer {
  readonly status: number;
  /** The code of the error; none where the server refuses what is not HTTP, without a body. */
  readonly code?: string;
  /** Everything else in the error but its message, exactly. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Headers that the answer must have, among others. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Something that no agent should send, and the answer. */
export interface BadInput {
  readonly name: string;
  /** Bytes to be sent as they are, in place of everything below. */
  readonly raw?: string | Uint8Array;
  /** @default {"POST"} */
  readonly method?: string;
  /** @default {"/v1/ingest/in"} */
  readonly path?: string;
  /** Without those that tell the body's length. */
  readonly headers?: RawHeaders;
  readonly body?: string | Uint8Array;
  /** Whether the body is sent without a length. */
  readonly chunked?: boolean;
  /** Whether the agent ends its half of the connection after what it sent. */
  readonly fin?: boolean;
  /** What comes back; `hang-up` for the end of the connection and no answer. */
  readonly answer: BadInputAnswer | "hang-up";
}

/**
 * Sends bad input on a connection of its own, and checks the answer.
 *
 * @param url The HTTP listener.
 * @param input What is sent, and what must come back.
 */
export async function checkBadInput(url: string, input: BadInput): Promise<void> {
  using http = await RawHttp.connect(url);
  const sending = send(http, input);
  sending.catch(() => {}); // the server may hang up on what it refuses
  if (input.answer === "hang-up") {
    await http.readToEnd();
    return;
  }
  const response = await http.readResponse({ head: input.method === "HEAD" });
  if (input.method !== "HEAD") check(response, input.answer);
  assertEquals(response.status, input.answer.status);
}

async function send(http: RawHttp, input: BadInput): Promise<void> {
  if (input.raw !== undefined) await http.send(input.raw);
  else await sendRequest(http, input);
  if (input.fin) await http.conn.closeWrite();
}

async function sendRequest(http: RawHttp, input: BadInput): Promise<void> {
  const { method = "POST", path = "/v1/ingest/in", headers = [], body = "", chunked = false } = input;
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const length: [string, string] = chunked
    ? ["Transfer-Encoding", "chunked"]
    : ["Content-Length", `${bytes.length}`];
  await http.sendHead(method, path, [
    ...(Array.isArray(headers) ? headers : Object.entries(headers)),
    length,
  ]);
  if (!chunked) return await http.send(bytes);
  const size = 16 * 1024;
  for (let at = 0; at < bytes.length; at += size) await http.send(frameChunk(bytes.subarray(at, at + size)));
  await http.endChunks();
}

function check(response: RawResponse, { status, code, details = {}, headers = {} }: BadInputAnswer): void {
  const told = `${response.status} ${response.text().slice(0, 300)}`;
  assertEquals(response.status, status, told);
  assert(response.complete, `answer breaks off: ${told}`);
  for (const [name, value] of Object.entries(headers)) assertEquals(response.headers.get(name), value, name);
  if (code === undefined) {
    assertEquals(response.text(), "");
    return;
  }
  assertEquals(response.headers.get("content-type"), "application/json");
  const { error: { message, ...rest }, ...others } = response.json();
  assertEquals(others, {});
  assertEquals(rest, { code, ...details }, told);
  assertGreater(message.length, 10);
  if (status === 503) assertEquals(response.headers.get("retry-after"), "1");
}
