// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertMatch } from "@std/assert";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { SIGNALS } from "../../collector/otlp_signal.ts";
import { takeAll, TestIngest } from "./http_ingest.ts";
import { decodeRequest, encodeRequest } from "./otlp_decoder.ts";
import {
  assertStatus,
  type Body,
  JSON_TYPE,
  messageOf,
  post,
  PROTOBUF_TYPE,
  sendSpans,
  spans,
  TYPES,
} from "./otlp_posts.ts";
import { FULL, toJson } from "./otlp_requests.ts";
import { assertBalanced } from "./sources.ts";

for (const signal of SIGNALS) {
  Deno.test(`POST /v1/${signal} answers 200 with an empty message in the encoding of the request`, async () => {
    const { request, weight } = FULL[signal];
    const json = JSON.stringify(toJson(request));
    const cases: [body: Body, type: string, answer: string, format: string, kept: string | Uint8Array][] = [
      [json, JSON_TYPE, "{}", "json", `${json}\n`],
      [json, "Application/JSON; charset=utf-8", "{}", "json", `${json}\n`],
      [encodeRequest(signal, request), PROTOBUF_TYPE, "", `otlp-${signal}`, encodeRequest(signal, request)],
    ];
    for (const [body, type, text, format, kept] of cases) {
      const ingest = new TestIngest();
      const answer = await post(ingest, `/v1/${signal}`, body, { "Content-Type": type });
      assertEquals([answer.status, new TextDecoder().decode(answer.bytes)], [200, text]);
      assertEquals(answer.headers.get("content-type"), type.split(";")[0]!.toLowerCase());
      const source = ingest.source(`otlp-${signal}`);
      assertEquals(source.buffer.records, weight);
      assertBalanced(source);
      const batch = source.take({ records: 1e6, bytes: 1e6 })!;
      assertEquals([batch.format, batch.ends.length], [format as typeof batch.format, 1]);
      assertEquals(typeof kept === "string" ? new TextDecoder().decode(batch.data) : batch.data, kept);
      source.commit();
      assertEquals(ingest.budget.used, 0);
    }
  });
}

Deno.test("POST /sources/{source}/v1/{signal} goes into that source, whatever else it carries", async () => {
  const ingest = new TestIngest({ rules: { "team-*": {}, "otlp-logs": {} } });
  for (const signal of SIGNALS) {
    const body = encodeRequest(signal, FULL[signal].request);
    const path = `/sources/team-a/v1/${signal}`;
    assertEquals((await post(ingest, path, body, { "Content-Type": PROTOBUF_TYPE })).status, 200);
  }
  await ingest.post("team-a", '{"a":1}\n{"a":2}\n');
  const source = ingest.source("team-a");
  const weights = SIGNALS.map((signal) => FULL[signal].weight);
  assertEquals(source.buffer.records, weights.reduce((sum, weight) => sum + weight, 2));
  const formats: string[] = [];
  for (;;) {
    const batch = source.take({ records: 1e6, bytes: 1e6 });
    if (batch === undefined) break;
    formats.push(batch.format);
    source.commit();
  }
  assertEquals(formats, [...SIGNALS.map((signal) => `otlp-${signal}`), "json"]);
  assertBalanced(source);
});

Deno.test("POST /v1/{signal} takes content codings off, and limits the size without them", async () => {
  const codings = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync, zstd: zstdCompressSync };
  for (const type of TYPES) {
    for (const [coding, compress] of Object.entries(codings)) {
      const ingest = new TestIngest({ body: 20_000 });
      const headers = { "Content-Type": type, "Content-Encoding": coding };
      const encode = (count: number) => new Uint8Array(compress(spans(count, type)));
      assertEquals((await post(ingest, "/v1/traces", encode(500), headers)).status, 200);
      assertEquals(ingest.source("otlp-traces").buffer.records, 500);
      const bomb = encode(20_000);
      assert(bomb.length < 1e6);
      const small = new TestIngest({ body: Math.max(bomb.length, 20_000) });
      assertStatus(await post(small, "/v1/traces", bomb, headers), 413, 8);
      assertEquals(small.source("otlp-traces").buffer.records, 0);
    }
    const ingest = new TestIngest({ body: 1_000 });
    assertStatus(await sendSpans(ingest, 1_000, type), 413, 8);
    // A record has a limit, which is not that of a request.
    assertEquals((await sendSpans(new TestIngest({ record: 10 }), 100, type)).status, 200);
  }
});

Deno.test("POST /v1/{signal} takes a body without a length", async () => {
  for (const type of TYPES) {
    const ingest = new TestIngest();
    const stream = new Blob([spans(10, type)]).stream();
    assertEquals((await post(ingest, "/v1/traces", stream, { "Content-Type": type })).status, 200);
    assertEquals(ingest.source("otlp-traces").buffer.records, 10);
  }
});

Deno.test("POST /v1/{signal} keeps a large request as it came", async () => {
  for (const type of TYPES) {
    const ingest = new TestIngest({ rules: { "*": { buffer: { records: 1e6, bytes: 1e7 } } } });
    const body = spans(20_000, type);
    assert(body.length > 100_000);
    assertEquals((await sendSpans(ingest, 20_000, type)).status, 200);
    const batch = ingest.source("otlp-traces").take({ records: 1, bytes: 1 })!;
    assertEquals([...batch.weightEnds!], [20_000]);
    assertEquals(batch.data.subarray(0, body.length), body);
    ingest.source("otlp-traces").commit();
    assertEquals(ingest.budget.used, 0);
  }
});

Deno.test("POST /v1/{signal} succeeds for a request that carries nothing, and keeps nothing", async () => {
  const ingest = new TestIngest();
  for (const body of ["{}", '{"resourceSpans":[]}', '{"resourceSpans":[{"resource":{"attributes":[]}}]}']) {
    const answer = await post(ingest, "/v1/traces", body, { "Content-Type": JSON_TYPE });
    assertEquals([answer.status, messageOf(answer)], [200, {}]);
  }
  for (const body of [new Uint8Array(0), Uint8Array.of(10, 0)]) {
    const answer = await post(ingest, "/v1/traces", body, { "Content-Type": PROTOBUF_TYPE });
    assertEquals([answer.status, answer.bytes.length], [200, 0]);
  }
  const unknown = await post(ingest, "/v1/traces", '{"records":[{"a":1}]}', { "Content-Type": JSON_TYPE });
  assertEquals([unknown.status, messageOf(unknown)], [200, {}]);
  const source = ingest.source("otlp-traces");
  assertEquals([source.buffer.records, source.snapshot().received], [0, { records: 0, bytes: 0 }]);
  assertEquals([...source.ledger.oversights], [["empty", 6]]);
});

Deno.test("POST /v1/{signal} answers 400 to records under a name that they do not have there, and counts them where others are beside them", async () => {
  const ingest = new TestIngest();
  const headers = { "Content-Type": JSON_TYPE };
  for (const signal of SIGNALS) {
    for (const other of SIGNALS) {
      const text = JSON.stringify(toJson(FULL[other].request));
      const snake = text.replace(/[a-z][A-Z]/g, ([small, capital]) => `${small}_${capital!.toLowerCase()}`);
      for (const body of other === signal ? [snake] : [text, snake]) {
        const { violations, message } = assertStatus(
          await post(ingest, `/v1/${signal}`, body, headers),
          400,
          3,
        );
        assertMatch(violations[0].field, /^resource_?[A-Za-z]+$/);
        const right = other === signal ? "in lowerCamelCase" : `what /v1/${other} takes`;
        assert(message.includes(`'${violations[0].field}'`) && message.includes(right), message);
      }
    }
    const source = ingest.source(`otlp-${signal}`);
    assertEquals([...source.ledger.refusals], [["invalid_record", 5]]);
    assertEquals([source.buffer.records, source.ledger.oversights.size], [0, 0]);
    const { request, weight } = FULL[signal];
    const both = JSON.stringify({ ...toJson(request), resource_spans: [{}], resource_logs: [{}] });
    assertEquals((await post(ingest, `/v1/${signal}`, both, headers)).status, 200);
    assertEquals([source.buffer.records, [...source.ledger.oversights]], [weight, [["misnamed", 1]]]);
  }
});

Deno.test("POST /v1/{signal} answers 400 with a BadRequest that names the field", async () => {
  const ingest = new TestIngest();
  const name = "resourceSpans.scopeSpans.spans.name";
  const json = '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":1}]}]}]}';
  const protobuf = Uint8Array.of(10, 6, 18, 4, 18, 2, 0x28, 1);
  const cases: [body: Body, type: string, field: string, message: RegExp][] = [
    [json, JSON_TYPE, name, /byte 51: .*not a string/],
    ["{", JSON_TYPE, "", /byte 1: unexpected end/],
    ["", JSON_TYPE, "", /no JSON value/],
    [protobuf, PROTOBUF_TYPE, name, /byte 6: .*wire type 0 is wrong/],
    [Uint8Array.of(0), PROTOBUF_TYPE, "", /field number 0/],
  ];
  for (const [body, type, field, message] of cases) {
    const answer = await post(ingest, "/v1/traces", body, { "Content-Type": type });
    const { violations, message: told } = assertStatus(answer, 400, 3);
    assertMatch(told, message);
    assertEquals(violations.length, 1);
    assertEquals([violations[0].field, violations[0].description], [field, told]);
  }
  const coded = { "Content-Type": PROTOBUF_TYPE, "Content-Encoding": "gzip" };
  assertStatus(await post(ingest, "/v1/traces", Uint8Array.of(1, 2, 3), coded), 400, 3);
  const { received, buffered } = ingest.source("otlp-traces").snapshot();
  assertEquals([received, buffered], [{ records: 0, bytes: 0 }, { records: 0, bytes: 0 }]);
  assertEquals(ingest.source("otlp-traces").ledger.refusals.get("invalid_record"), 6);
});

Deno.test("POST /v1/{signal} tells what it does not understand, in the encoding of the request", async () => {
  const ingest = new TestIngest({ rules: { "otlp-*": {}, "a*": {} }, sources: 2 });
  for (const type of TYPES) {
    const headers = { "Content-Type": type };
    const body = spans(1, type);
    for (const method of ["GET", "PUT", "DELETE"]) {
      const answer = await post(ingest, "/v1/traces", body, headers, method);
      assertStatus(answer, 405, 12);
      assertEquals(answer.headers.get("allow"), "POST");
    }
    const coding = await post(ingest, "/v1/traces", body, { ...headers, "Content-Encoding": "snappy" });
    assertStatus(coding, 415, 3);
    assertEquals(coding.headers.get("accept-encoding"), "gzip, deflate, br, zstd");
    assertStatus(await post(ingest, "/sources/other/v1/logs", body, headers), 404, 5);
    assertStatus(await post(ingest, "/sources/-/v1/logs", body, headers), 400, 3);
    ingest.source("a1");
    assertStatus(await post(ingest, "/sources/a2/v1/logs", body, headers), 429, 8);
  }
  for (const type of ["text/plain", "application/x-ndjson", "application/protobuf", ""]) {
    const answer = await post(ingest, "/v1/traces", "{}", { "Content-Type": type });
    assertMatch(assertStatus(answer, 415, 3).message, /application\/x-protobuf, application\/json/);
    assertEquals(answer.headers.get("content-type"), JSON_TYPE);
  }
  const untyped = await post(ingest, "/v1/traces", new Uint8Array(2), {});
  assertMatch(assertStatus(untyped, 415, 3).message, /^no content type is told: set the header Content-Type/);
  // Of every request with a wrong type or coding, and of none with a wrong method.
  assertEquals([...ingest.source("otlp-traces").ledger.refusals], [["unsupported_media_type", 2 + 4 + 1]]);
});

Deno.test("POST /v1/{signal} into a source with encoding json keeps Protobuf as OTLP/JSON", async () => {
  for (const signal of SIGNALS) {
    const ingest = new TestIngest({ rules: { "*": { encoding: "json" } } });
    const { request, weight } = FULL[signal];
    const protobuf = encodeRequest(signal, request);
    const json = JSON.stringify(toJson(request));
    assertEquals(
      (await post(ingest, `/v1/${signal}`, protobuf, { "Content-Type": PROTOBUF_TYPE })).status,
      200,
    );
    assertEquals((await post(ingest, `/v1/${signal}`, json, { "Content-Type": JSON_TYPE })).status, 200);
    const source = ingest.source(`otlp-${signal}`);
    assertEquals(source.buffer.records, 2 * weight);
    const [converted, sent] = takeAll(source).trimEnd().split("\n");
    assertEquals(sent, json);
    const decoded = decodeRequest(signal, protobuf);
    const ids = [...converted!.matchAll(/"traceId":"(\w+)"/g)].map(([, id]) => id);
    if (signal !== "metrics") assertEquals(new Set(ids), new Set(["f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"]));
    assertEquals(Object.keys(JSON.parse(converted!)), Object.keys(decoded));
  }
});

Deno.test("POST /v1/{signal} answers 500 to a defect, and tells of it", async () => {
  const ingest = new TestIngest();
  const defect = new Error("defect");
  ingest.source("otlp-traces").offer = () => {
    throw defect;
  };
  for (const type of TYPES) {
    const answer = await sendSpans(ingest, 1, type);
    assertStatus(answer, 500, 13);
  }
  assertEquals(ingest.defects, [defect, defect]);
});

Deno.test("POST to a path that is no route is told those of OTLP", async () => {
  const ingest = new TestIngest();
  for (const path of ["/", "/v1/profiles", "/v1/traces/", "//v1/traces"]) {
    const answer = await post(ingest, path, spans(1, PROTOBUF_TYPE), { "Content-Type": PROTOBUF_TYPE });
    const { error } = JSON.parse(new TextDecoder().decode(answer.bytes));
    assertEquals([answer.status, error.code], [404, "not_found"]);
    assertMatch(error.message, /OTLP to \/v1\/logs, \/v1\/metrics, \/v1\/traces and \/sources\//);
  }
});
