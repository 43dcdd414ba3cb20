// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLess } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { type EndlessBody, pushEndlessly } from "./endless_agent.ts";
import { assertNumbers, numbered, numbersIn, PLUG, plugStdout, untilSource } from "./numbered_records.ts";
import { type RawHeaders, RawHttp } from "./raw_http.ts";

const MIB = 2 ** 20;
const INGEST = "/v1/ingest/app";
const CHUNKED = { "Transfer-Encoding": "chunked" };

/** The same app behind both ports: sources for records, and one whose buffer is full. */
async function start(): Promise<{ daemon: DaemonProcess; urls: readonly [string, string] }> {
  const daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      limits: { body: "2MiB", record: "600KiB" },
      sources: {
        plug: { ...PLUG, sinks: ["out"] },
        full: { policy: "reject", sinks: ["out"], buffer: { records: 10, bytes: "1MiB" } },
        app: { policy: "reject", sinks: ["disk"] },
      },
      sinks: { out: { type: "stdout" }, disk: { type: "file", directory: "./data" } },
      shutdown: { deadline: 0 },
    },
  });
  try {
    await plugStdout(daemon);
    const response = await fetch(`${daemon.url}/v1/ingest/full`, { method: "POST", body: numbered(0, 10) });
    assertEquals([response.status, (await response.json()).accepted], [202, 10]);
    return { daemon, urls: [daemon.url, daemon.websocketUrl!.replace("ws:", "http:")] };
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

/** So that there is room for whatever comes next. */
async function untilEmpty(daemon: DaemonProcess): Promise<void> {
  await untilSource(daemon, "app", ({ buffer }) => buffer.records === 0);
}

interface Case {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: RawHeaders;
  /** The body in the pieces that it is sent in. */
  readonly body?: readonly Uint8Array<ArrayBuffer>[];
  readonly status: number;
  /** How many records are accepted, or the code of the error. */
  readonly answer: number | string;
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function ask(url: string, { method = "POST", path = INGEST, headers = {}, body = [] }: Case) {
  using http = await RawHttp.connect(url);
  const isChunked = "Transfer-Encoding" in headers;
  const length = body.reduce((sum, piece) => sum + piece.length, 0);
  await http.sendHead(method, path, { ...(isChunked ? {} : { "Content-Length": `${length}` }), ...headers });
  const answering = http.readResponse({ timeout: 60_000 });
  for (const piece of body) await (isChunked ? http.sendChunk(piece) : http.send(piece));
  if (isChunked) await http.endChunks();
  const { status, headers: told, complete, json } = await answering;
  assert(complete);
  return {
    status,
    type: told.get("content-type"),
    retryAfter: told.get("retry-after"),
    allow: told.get("allow"),
    body: json(),
  };
}

Deno.test("HTTP on the WebSocket port: every request gets the answer that it gets on the HTTP port", async () => {
  const { daemon, urls } = await start();
  await using _ = daemon;
  const large = numbered(0, 10_000); // 1 MB
  const pieces = Array.from({ length: 20 }, (_, i) => numbered(i * 100, (i + 1) * 100));
  const text = (value: string) => [new TextEncoder().encode(value)];
  const json = { "Content-Type": "application/json" };
  const cases: Record<string, Case> = {
    "one record": { body: [numbered(0, 1)], status: 202, answer: 1 },
    "1 MB": { body: [large], status: 202, answer: 10_000 },
    "gzip": {
      headers: { "Content-Encoding": "gzip" },
      body: [await gzip(large)],
      status: 202,
      answer: 10_000,
    },
    "a stream": { headers: CHUNKED, body: pieces, status: 202, answer: 2000 },
    "a JSON array": { headers: json, body: text('[{"n":0},\n{"n":1}]'), status: 202, answer: 2 },
    "no records": { body: [], status: 202, answer: 0 },
    "not JSON": { body: text('{"n":0}\n{"n":}\n'), status: 400, answer: "invalid_record" },
    "a bad name": { path: "/v1/ingest/.x", body: text("{}"), status: 400, answer: "invalid_source_name" },
    "an unknown source": { path: "/v1/ingest/x", body: text("{}"), status: 404, answer: "unknown_source" },
    "no route": { path: "/v2", body: text("{}"), status: 404, answer: "not_found" },
    "PUT": { method: "PUT", body: text("{}"), status: 405, answer: "method_not_allowed" },
    "a body that is too large": {
      headers: { "Content-Length": `${3 * MIB}` },
      status: 413,
      answer: "too_large",
    },
    "a record that is too large": { body: [numbered(0, 1, 700_000)], status: 413, answer: "too_large" },
    "gzip that is too large": {
      headers: { "Content-Encoding": "gzip" },
      body: [await gzip(new Uint8Array(3 * MIB).fill(0x20))],
      status: 413,
      answer: "too_large",
    },
    "a content type": {
      headers: { "Content-Type": "text/html" },
      body: text("{}"),
      status: 415,
      answer: "unsupported_media_type",
    },
    "a content coding": {
      headers: { "Content-Encoding": "compress" },
      body: text("{}"),
      status: 415,
      answer: "unsupported_media_type",
    },
    "no room": { path: "/v1/ingest/full", body: text("{}"), status: 503, answer: "overloaded" },
  };
  let accepted = 0;
  for (const [name, request] of Object.entries(cases)) {
    const here = await ask(urls[0], request);
    await untilEmpty(daemon);
    const there = await ask(urls[1], request);
    await untilEmpty(daemon);
    assertEquals(there, here, name);
    assertEquals(here.status, request.status, name);
    if (typeof request.answer === "string") {
      assertEquals(here.body.error.code, request.answer, name);
    } else {
      assertEquals(here.body, { accepted: request.answer, dropped: 0, evicted: 0 }, name);
      accepted += 2 * request.answer;
    }
  }
  const { ledger } = await untilSource(daemon, "app", () => true);
  assertEquals(ledger.delivered.records, accepted);
  const numbers = numbersIn(await daemon.recordsOf("app"));
  const both = [1, 10_000, 10_000, 2000, 2].flatMap((count) =>
    [[0, count], [0, count]] as [number, number][]
  );
  assertNumbers(numbers, ...both);
});

Deno.test("HTTP on the WebSocket port: an endless body that is refused is cut off within a few MiB", async () => {
  const { daemon, urls: [, url] } = await start();
  await using _ = daemon;
  const bodies: [EndlessBody, number][] = [
    [{ path: "/v1/ingest/unknown" }, 404],
    [{ path: "/v1/ingest/unknown", length: 2 ** 40 }, 404],
    [{ path: INGEST, length: 2 ** 40 }, 413],
    [{ path: INGEST, headers: { "Content-Type": "application/json" } }, 413],
    [{ path: INGEST, headers: { "Content-Type": "text/html" } }, 415],
    [{ path: INGEST, repeated: "x", start: '"' }, 413],
    [{ path: "/v1/ingest/full" }, 503],
  ];
  for (const [body, expected] of bodies) {
    const { response: { status }, bytes, cutOff } = await pushEndlessly(url, body);
    assertEquals([status, cutOff], [expected, true], JSON.stringify(body));
    assertLess(bytes, 16 * MIB, JSON.stringify(body));
  }
  const response = await fetch(url + INGEST, { method: "POST", body: "{}" });
  assertEquals([response.status, (await response.json()).accepted], [202, 1]);
});
