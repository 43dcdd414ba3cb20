// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes } from "@std/assert";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { HttpSink } from "../../sinks/http.ts";
import { SinkError } from "../../sinks/sink.ts";
import { batchOf, binaryBatch, jsonBatch } from "./batches.ts";
import { HttpPeer, sinkTo } from "./http_peer.ts";

const context = { source: "web.01", signal: new AbortController().signal };
const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("HttpSink.write() sends JSON records in one request as NDJSON, with their bytes untouched", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const batch = jsonBatch(['{"a": 1.0}', '"é"', "1e400"]);
  await sink.write(batch, context);
  assertEquals(peer.requests.length, 1);
  const { path, method, headers, body } = peer.requests[0]!;
  assertEquals([path, method], ["/v1/ingest/web.01", "POST"]);
  assertEquals(body, batch.data.slice());
  const told = [
    "content-type",
    "content-length",
    "content-encoding",
    "user-agent",
    "accept",
    "accept-encoding",
  ];
  assertEquals(told.map((name) => headers.get(name)), [
    "application/x-ndjson",
    "22",
    null,
    "penstock",
    "application/json",
    "identity",
  ]);
});

Deno.test("HttpSink.write() sends no more than maxBytes in a request, unless one record is larger", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer, { maxBytes: 10 });
  const lines = ["1234", "5678", "9", '"a record of its own"', "0", "1", "2", "3", "4", "567"];
  await sink.write(jsonBatch(lines), context);
  assertEquals(peer.requests.map(({ text }) => text), [
    "1234\n5678\n",
    "9\n",
    '"a record of its own"\n',
    "0\n1\n2\n3\n4\n",
    "567\n",
  ]);
});

Deno.test("HttpSink.write() sends each frame in a request of its own", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  await sink.write(binaryBatch([bytes(1, 10, 2), bytes(0), bytes(10)]), context);
  assertEquals(peer.requests.map(({ body }) => [...body]), [[1, 10, 2], [0], [10]]);
  assertEquals(peer.paths, Array(3).fill("/v1/ingest/web.01"));
  assertEquals(peer.requests[0]!.headers.get("content-type"), "application/octet-stream");
});

Deno.test("HttpSink.write() sends each OTLP message to the route of its signal", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  for (const signal of ["logs", "metrics", "traces"] as const) {
    await sink.write(batchOf(`otlp-${signal}`, [bytes(1), bytes(2, 3)]), context);
  }
  assertEquals(peer.requests.map(({ path, body }) => [path, ...body]), [
    ["/sources/web.01/v1/logs", 1],
    ["/sources/web.01/v1/logs", 2, 3],
    ["/sources/web.01/v1/metrics", 1],
    ["/sources/web.01/v1/metrics", 2, 3],
    ["/sources/web.01/v1/traces", 1],
    ["/sources/web.01/v1/traces", 2, 3],
  ]);
  const { headers } = peer.requests[0]!;
  assertEquals(
    [headers.get("content-type"), headers.get("accept")],
    ["application/x-protobuf", "application/x-protobuf"],
  );
});

/** An OTLP request in JSON with so many spans. */
function spans(count: number): string {
  return JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: Array(count).fill({ name: "a" }) }] }] });
}

Deno.test("HttpSink.write() tells OTLP/JSON from other JSON by its weight, and its signal by its first key", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const logs = ' "resourceLogs" : [] }';
  const metrics =
    '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{}]}}]}]}]}';
  const records: [line: string, weight: number, path: string][] = [
    [spans(5), 5, "/sources/web.01/v1/traces"],
    [`{${logs}`, 3, "/sources/web.01/v1/logs"],
    ['{"x":1}', 1, "/v1/ingest/web.01"],
    [spans(5), 1, "/v1/ingest/web.01"], // a line of somebody's own
    ['{"resourceSpans":"a street"}', 1, "/v1/ingest/web.01"],
    [spans(1), 1, "/sources/web.01/v1/traces"],
    ['{"other":0,"resourceLogs":[]}', 7, "/v1/ingest/web.01"],
    [metrics, 1, "/sources/web.01/v1/metrics"],
    ["[]", 1, "/v1/ingest/web.01"],
  ];
  const batch = jsonBatch(records.map(([line]) => line));
  let weight = 0;
  const weightEnds = Uint32Array.from(records, ([, more]) => weight += more);
  await sink.write({ ...batch, weightEnds }, context);
  const sent = peer.requests.flatMap(({ path, text, headers }) => {
    const type = path.includes("/sources/") ? "application/json" : "application/x-ndjson";
    assertEquals(headers.get("content-type"), type);
    return text.trimEnd().split("\n").map((line) => [line, path]);
  });
  assertEquals(sent, records.map(([line, , path]) => [line, path]));
  assertEquals(peer.requests.length, 7);
  // Where nothing came by the routes of OTLP, there are no weights at all.
  await sink.write(jsonBatch([spans(1)]), context);
  assertEquals(peer.paths.at(-1), "/v1/ingest/web.01");
});

Deno.test("HttpSink.write() sends OTLP/JSON as NDJSON where there is no URL for OTLP, and refuses what has no place", async () => {
  await using peer = new HttpPeer();
  await using plain = await sinkTo(peer, { otlpUrl: undefined });
  const request = { ...jsonBatch(['{"resourceSpans":[]}']), weightEnds: Uint32Array.of(5) };
  await plain.write(request, context);
  assertEquals(peer.paths, ["/v1/ingest/web.01"]);
  await using otlp = await sinkTo(peer, { url: undefined, otlpUrl: `http://${peer.host}/v1/{signal}` });
  await otlp.write(request, context);
  assertEquals(peer.paths.slice(1), ["/v1/traces"]);
  for (
    const [sink, batch, message] of [
      [plain, batchOf("otlp-logs", [bytes(1)]), "Cannot send OTLP messages: the sink has no 'otlpUrl'"],
      [otlp, jsonBatch(["1"]), "Cannot send JSON records: the sink has no 'url'"],
      [otlp, binaryBatch([bytes(1)]), "Cannot send frames: the sink has no 'url'"],
    ] as const
  ) {
    const error = await assertRejects(() => sink.write(batch, context), SinkError, message);
    assertEquals([error.kind, error.retryable], ["no_url", false]);
  }
  assertEquals(peer.requests.length, 2);
});

Deno.test("HttpSink.write() puts the source into the URL wherever it is named there", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer, { url: `http://${peer.host}/{source}/in?from={source}&key=a` });
  await sink.write(jsonBatch(["1"]), context);
  assertEquals(peer.paths, ["/web.01/in?from=web.01&key=a"]);
});

Deno.test("HttpSink.write() sends the headers that it was given", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer, {
    headers: { Authorization: "Bearer abc", "User-Agent": "me", "X-Scope": "a, b" },
  });
  await sink.write(jsonBatch(["1"]), context);
  const { headers } = peer.requests[0]!;
  assertEquals(
    ["authorization", "user-agent", "x-scope"].map((name) => headers.get(name)),
    ["Bearer abc", "me", "a, b"],
  );
});

for (const [compression, decode] of [["gzip", gunzipSync], ["zstd", zstdDecompressSync]] as const) {
  Deno.test(`HttpSink.write() compresses with ${compression} what is worth it`, async () => {
    await using peer = new HttpPeer();
    await using sink = await sinkTo(peer, { compression });
    const text = jsonBatch(Array.from({ length: 1000 }, (_, i) => `{"n":${i}}`));
    await sink.write(text, context);
    await sink.write(jsonBatch(["1"]), context);
    const noise = crypto.getRandomValues(new Uint8Array(10_000));
    await sink.write(binaryBatch([noise]), context);
    assertEquals(peer.requests.map(({ headers }) => headers.get("content-encoding")), [
      compression,
      null,
      null,
    ]);
    const [first, second, third] = peer.requests;
    assertEquals(new Uint8Array(decode(first!.body)), text.data);
    assertLess(first!.body.length, text.data.length / 2);
    assertEquals([second!.text, third!.body], ["1\n", noise]);
    const sent = [...sink.figures()].find(({ name }) => name === "sent_bytes")!.value;
    assertEquals(sent, first!.body.length + 2 + 10_000);
  });
}

Deno.test("HttpSink.write() uses one connection again for what comes one after the other, and close() ends it", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  for (let i = 0; i < 20; i++) {
    peer.answer = () => Response.json({ accepted: 1, dropped: 0, evicted: 0 }, { status: 202 });
    if (i % 3 === 1) peer.answer = () => Response.json({ error: { message: "x" } }, { status: 503 });
    await sink.write(jsonBatch([`${i}`]), context).catch((error) => assert(error instanceof SinkError));
  }
  assertEquals([peer.requests.length, peer.connections.size], [20, 1]);
  await sink.close();
  const error = await assertRejects(
    () => sink.write(jsonBatch(["1"]), context),
    SinkError,
    "the sink is closed",
  );
  assertEquals([error.kind, error.retryable, peer.requests.length], ["closed", false, 20]);
});

Deno.test("HttpSink.write() sends what the batch held when it was called, whatever becomes of its memory once the request is under way", async () => {
  await using peer = new HttpPeer();
  await using sink = await sinkTo(peer);
  const batch = binaryBatch([new Uint8Array(5_000_000).fill(1)]);
  const abort = new AbortController();
  const writing = sink.write(batch, { source: "a", signal: abort.signal });
  await new Promise((resolve) => setTimeout(resolve)); // the request is under way
  batch.data.fill(2);
  await writing;
  assertEquals(peer.requests[0]!.body.every((byte) => byte === 1), true);
});

Deno.test("HttpSink.open() names a file of certificates that it cannot read or use", async () => {
  const open = (caFile: string) => new HttpSink({ url: "https://localhost/", caFile }).open();
  await assertRejects(
    () => open("/nowhere/ca.pem"),
    Error,
    "Cannot read the certificates in '/nowhere/ca.pem'",
  );
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "no certificate");
    const error = await assertRejects(() => open(file), Error);
    assertStringIncludes(
      error.message,
      `Cannot use the certificates in '${file}': there is none in PEM form`,
    );
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("HttpSink.write() before open() is a defect, and says so", async () => {
  const sink = new HttpSink({ url: "http://127.0.0.1:9/" });
  const error = await assertRejects(
    () => sink.write(jsonBatch(["1"]), context),
    SinkError,
    "the sink is not open",
  );
  assertEquals([error.kind, error.retryable], ["unknown", false]);
});

Deno.test("HttpSink.sync() and close() of a sink that never sent do nothing", async () => {
  const sink = new HttpSink({ url: "http://127.0.0.1:9/" });
  await sink.open();
  await sink.sync();
  await sink.close();
  await sink.close();
  assertEquals([...sink.figures()].map(({ value }) => value), [0, 0, 0, 0, 0]);
});
