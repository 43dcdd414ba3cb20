// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual, assertMatch } from "@std/assert";
import { gzipSync } from "node:zlib";
import { CONVERSION_GROWTH } from "../../collector/config_rules.ts";
import { JsonWriter } from "../../collector/json_writer.ts";
import { encodeOtlpJson, otlpConversion } from "../../collector/otlp_json_encoding.ts";
import { SIGNALS } from "../../collector/otlp_signal.ts";
import type { Source } from "../../collector/source.ts";
import { waitFor } from "../wait_for.ts";
import { takeAll, TestIngest } from "./http_ingest.ts";
import { encodeRequest } from "./otlp_decoder.ts";
import { assertStatus, JSON_TYPE, post, PROTOBUF_TYPE, sendSpans, spans } from "./otlp_posts.ts";
import { FULL } from "./otlp_requests.ts";
import { assertBalanced } from "./sources.ts";

const HEADERS = { "Content-Type": PROTOBUF_TYPE };
const MIB = 2 ** 20;

/** Logs whose one body becomes six times as long in JSON: all of it needs escapes. */
function escapes(length: number): Uint8Array<ArrayBuffer> {
  const body = { stringValue: "\u0001".repeat(length) };
  return encodeRequest("logs", { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body }] }] }] });
}

/** Tells the most that is ever reserved on the account of a source, at any moment. */
function watchPeak(source: Source): () => number {
  const { memory } = source;
  let peak = 0;
  for (const method of ["tryReserve", "charge"] as const) {
    const original = memory[method].bind(memory);
    memory[method] = (bytes: number) => {
      const outcome = original(bytes);
      peak = Math.max(peak, memory.used);
      return outcome as boolean;
    };
  }
  return () => peak;
}

function ingestOf(
  options: { memory?: number; policy?: "reject" | "block"; blockTimeout?: number } = {},
): TestIngest {
  const { memory = 256 * MIB, policy = "reject", blockTimeout = 30_000 } = options;
  const buffer = { records: 1_000_000, bytes: 100 * MIB };
  return new TestIngest({
    memory,
    body: 8 * MIB,
    rules: { "*": { encoding: "json", policy, blockTimeout, buffer } },
  });
}

Deno.test("JsonWriter tells how much memory it holds before it holds it, both blocks while it grows", () => {
  const booked: number[] = [];
  const writer = new JsonWriter(100, (bytes) => (booked.push(bytes), true));
  for (let n = 0; n < 150; n++) writer.character(0x61);
  assertEquals(writer.finish()!.length, 150);
  // 100; 100 and 200; 200; 200 and 150; 150.
  assertEquals(booked, [100, 300, 200, 350, 150]);
});

Deno.test("JsonWriter that is refused memory gives back all that it has, and writes nothing more", () => {
  for (const refused of [100, 300, 350]) {
    const booked: number[] = [];
    const writer = new JsonWriter(100, (bytes) => bytes !== refused && (booked.push(bytes), true));
    const text = new Uint8Array(75).fill(0x22);
    for (let n = 0; n < 148; n++) writer.character(0x61);
    if (refused !== 350) {
      assert(writer.exhausted);
      writer.text(text, 0, text.length);
      writer.ascii("abc");
      writer.quoted("abc");
      writer.name(text);
    } else writer.ascii("ab");
    assertEquals([writer.finish(), writer.exhausted], [undefined, true]);
    if (refused !== 100) assertEquals(booked.at(-1), 0);
  }
});

Deno.test("encodeOtlpJson() books all memory, also where the library converts, and nothing but its result at the end", () => {
  const twice = Uint8Array.of(10, 14, 18, 12, 18, 10, 42, 3, 10, 1, 0x61, 42, 3, 10, 1, 0x62); // body, body
  const cases = [
    ...SIGNALS.map((signal) => ({ signal, request: encodeRequest(signal, FULL[signal].request), least: 3 })),
    { signal: "logs", request: escapes(100_000), least: 12 },
    { signal: "logs", request: twice, least: 100 },
  ] as const;
  for (const { signal, request, least } of cases) {
    const booked: number[] = [];
    const json = encodeOtlpJson(signal, request, (bytes) => (booked.push(bytes), true));
    assert(json instanceof Uint8Array);
    assertEquals([booked.at(-1), json.buffer.byteLength], [json.length, json.length]);
    const peak = Math.max(...booked);
    assertGreaterOrEqual(peak, least * request.length * 0.99);
    // Whichever is refused of those times that it takes more, it ends there.
    for (const [index, bytes] of booked.entries()) {
      if (index > 0 && bytes <= booked[index - 1]!) continue;
      let asked = 0;
      assert(encodeOtlpJson(signal, request, () => asked++ !== index) === "overloaded", `${bytes}`);
    }
  }
  // Too large to be converted where a field comes again: all of it is given back.
  const long = encodeRequest("logs", { resourceLogs: [{ schemaUrl: "x".repeat(70_000) }] });
  const apart = Uint8Array.of(...long, ...twice);
  const booked: number[] = [];
  assertEquals(encodeOtlpJson("logs", apart, (bytes) => (booked.push(bytes), true)), "repeated");
  assertEquals(booked.at(-1), 0);
  for (const signal of SIGNALS) assertEquals(otlpConversion(signal).growth, CONVERSION_GROWTH);
});

Deno.test("POST /v1/{signal} into a source with encoding json books the conversion, and gives it back", async () => {
  const plain = spans(20_000, PROTOBUF_TYPE);
  for (
    const { body, headers, most } of [
      { body: plain, headers: {}, most: 8 },
      { body: spans(100, PROTOBUF_TYPE), headers: {}, most: 8 },
      { body: new Uint8Array(gzipSync(plain)), headers: { "Content-Encoding": "gzip" }, most: 30 },
      { body: new Blob([plain]).stream(), headers: {}, most: 9 },
    ]
  ) {
    const ingest = ingestOf();
    const source = ingest.source("otlp-traces");
    const peak = watchPeak(source);
    const { status } = await post(ingest, "/v1/traces", body, { ...HEADERS, ...headers });
    assertEquals(status, 200);
    const length = body instanceof Uint8Array && !("Content-Encoding" in headers)
      ? body.length
      : plain.length;
    // The body, the memory that was written to, and that of the result, which is made of it.
    assertGreaterOrEqual(peak(), length * (1 + 3 + 1));
    assertLessOrEqual(peak(), length * most + 4 * 1024);
    const { bytes } = source.buffer;
    assertLessOrEqual(source.memory.used, 1.25 * bytes + 64 * 1024);
    takeAll(source);
    assertEquals(ingest.budget.used, 0);
  }
});

Deno.test("POST /v1/{signal} into a source with encoding json answers 503 where there is no memory to convert, and keeps nothing", async () => {
  const cases = [
    // Not even for what it mostly takes, so that it is not read; and not for what this one turns out to take.
    { body: spans(20_000, PROTOBUF_TYPE), memory: MIB, path: "/v1/traces", name: "otlp-traces" },
    { body: escapes(MIB), memory: 12 * MIB, path: "/v1/logs", name: "otlp-logs" },
  ];
  for (const { body, memory, path, name } of cases) {
    const ingest = ingestOf({ memory });
    assertMatch(assertStatus(await post(ingest, path, body, HEADERS), 503, 14).message, /no memory is left/);
    const source = ingest.source(name);
    assertEquals([...source.ledger.refusals], [["overloaded", 1]]);
    assertEquals([source.buffer.records, ingest.budget.used], [0, 0]);
    assertBalanced(source);
  }
  const enough = ingestOf({ memory: 20 * MIB });
  assertEquals((await post(enough, "/v1/logs", escapes(MIB), HEADERS)).status, 200);
});

Deno.test("POST /v1/{signal} into a source with encoding json waits under block for the memory that converting takes", async () => {
  const ingest = ingestOf({ memory: 4 * MIB, policy: "block" });
  const other = ingest.budget.account();
  assert(other.tryReserve(3 * MIB));
  const body = spans(20_000, PROTOBUF_TYPE);
  assert(body.length < MIB / 2 && body.length * 7 > MIB);
  let answered = false;
  const answer = post(ingest, "/v1/traces", body, HEADERS).finally(() => answered = true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals([answered, ingest.source("otlp-traces").memory.used], [false, 0]); // it holds nothing while it waits
  other.release(3 * MIB);
  assertEquals((await answer).status, 200);
  await waitFor(() => ingest.source("otlp-traces").buffer.records === 20_000, { what: "the request" });
});

Deno.test("POST /v1/{signal} that waits under block keeps booked what is left of JSON that was mostly white space", async () => {
  const ingest = new TestIngest({
    memory: 8 * MIB,
    body: 8 * MIB,
    rules: { "*": { policy: "block", blockTimeout: 30_000, buffer: { records: 1, bytes: MIB } } },
  });
  const source = ingest.source("otlp-traces");
  await sendSpans(ingest, 1, JSON_TYPE);
  const before = source.memory.used;
  const name = "n".repeat(100 * 1024);
  const text = `{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"${name}"}]}]}]}${"\n".repeat(8)}`;
  const body = text.replace("{", `{${" \n".repeat(100 * 1024)}`);
  const waiting = post(ingest, "/v1/traces", body, { "Content-Type": JSON_TYPE });
  await waitFor(() => source.buffer.producersWaiting === 1, { what: "a producer that waits" });
  const booked = source.memory.used - before;
  assertGreaterOrEqual(booked, name.length);
  assertLessOrEqual(booked, name.length + 4 * 1024); // the white space is given back before it waits
  takeAll(source);
  assertEquals((await waiting).status, 200);
  takeAll(source);
  assertEquals(ingest.budget.used, 0);
});
