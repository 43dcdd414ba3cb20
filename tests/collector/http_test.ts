// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { type Answer, takeAll, TestIngest } from "./http_ingest.ts";

function assertAccepted(
  answer: Answer,
  accepted: number,
  { dropped = 0, evicted = 0, status = 202 } = {},
): void {
  assertEquals([answer.status, answer.body], [status, { accepted, dropped, evicted }]);
  assertEquals(answer.headers.get("content-type"), "application/json");
}

function assertRefused(
  answer: Answer,
  status: number,
  code: string,
  details: Record<string, unknown> = {},
): void {
  const { message, ...error } = answer.body.error;
  assertEquals([answer.status, error], [status, { code, ...details }], message);
  assertEquals(answer.headers.get("retry-after"), status === 503 ? "1" : null);
}

Deno.test("HttpIngest makes records of a body as its content type says", async () => {
  const ndjson = '{"a": 1}\n\n 2 \r\n[3]';
  const lines = '{"a": 1}\n2\n[3]\n';
  const cases: [type: string | undefined, body: string, records: number, kept: string][] = [
    [undefined, ndjson, 3, lines],
    ["", ndjson, 3, lines],
    ["application/x-ndjson", ndjson, 3, lines],
    ["application/ndjson", ndjson, 3, lines],
    ["application/jsonl", ndjson, 3, lines],
    ['APPLICATION/JSONL; Charset="UTF-8"', ndjson, 3, lines],
    ["application/x-ndjson;charset=utf-8", ndjson, 3, lines],
    ["application/json", '[{"a": 1},2,[3]]', 3, lines],
    ["application/json", '{"a": 1}2 [[3]]', 3, lines],
    ["application/json; charset=utf-8", '{\n  "a": 1\n}', 1, '{"a":1}\n'],
    ["Application/JSON", "[]", 0, ""],
    ["text/plain", 'one "1"\r\n\ntwo', 2, '{"message":"one \\"1\\""}\n{"message":"two"}\n'],
    ["Text/Plain ; charset=utf-8", "é", 1, '{"message":"é"}\n'],
    ["application/octet-stream", "\0\n{]", 1, "\0\n{]"],
    ["image/jpeg", "\n\n", 1, "\n\n"],
    ["video/mp4; codecs=x", "frame", 1, "frame"],
    ["AUDIO/ogg", "frame", 1, "frame"],
    ["image/png", "", 0, ""],
    ["text/plain", "\n \n", 0, ""],
    [undefined, "", 0, ""],
    [undefined, "\n\r\n", 0, ""],
  ];
  for (const [type, body, records, kept] of cases) {
    const ingest = new TestIngest();
    assertAccepted(await ingest.post("a", body, type === undefined ? {} : { "Content-Type": type }), records);
    assertEquals(takeAll(ingest.source("a")), kept, `${type} ${body}`);
    assertEquals(ingest.budget.used, 0);
  }
});

Deno.test("HttpIngest takes every content coding off, whatever the case of its name", async () => {
  const body = '{"n":1.00}\n'.repeat(10_000);
  const codings: Record<string, (text: string) => Uint8Array> = {
    "gzip": gzipSync,
    "GZip": gzipSync,
    "x-gzip": gzipSync,
    " gzip ": gzipSync,
    "deflate": deflateSync,
    "br": brotliCompressSync,
    "zstd": zstdCompressSync,
    "identity": (text) => new TextEncoder().encode(text),
    "": (text) => new TextEncoder().encode(text),
  };
  for (const [coding, encode] of Object.entries(codings)) {
    const ingest = new TestIngest();
    const coded = new Uint8Array(encode(body));
    assertAccepted(await ingest.post("a", coded, { "Content-Encoding": coding }), 10_000);
    assertEquals(takeAll(ingest.source("a")), body);
    assertEquals(ingest.budget.used, 0);
  }
});

Deno.test("HttpIngest answers what a policy dropped and evicted", async () => {
  const ingest = new TestIngest({
    rules: {
      newest: { policy: "drop_newest", buffer: { records: 3, bytes: 1000 } },
      oldest: { policy: "drop_oldest", buffer: { records: 3, bytes: 1000 } },
    },
  });
  assertAccepted(await ingest.post("newest", "1\n2\n"), 2);
  assertAccepted(await ingest.post("newest", "3\n4\n5\n"), 1, { dropped: 2 });
  assertAccepted(await ingest.post("newest", "6\n"), 0, { dropped: 1 });
  assertEquals(takeAll(ingest.source("newest")), "1\n2\n3\n");
  assertAccepted(await ingest.post("oldest", "1\n2\n"), 2);
  assertAccepted(await ingest.post("oldest", "3\n4\n"), 2, { evicted: 1 });
  assertEquals(takeAll(ingest.source("oldest")), "2\n3\n4\n");
});

Deno.test("HttpIngest answers 200 once records are acknowledged, and 503 if they are lost", async () => {
  for (const ack of ["written", "synced"] as const) {
    const ingest = new TestIngest({ rules: { "*": { ack } } });
    const source = ingest.source("a");
    let answered = false;
    const written = ingest.post("a", "1\n2\n").finally(() => answered = true);
    while (source.buffer.records === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    source.take({ records: 10, bytes: 100 });
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert(!answered);
    source.commit();
    assertAccepted(await written, 2, { status: 200 });
    assertAccepted(await ingest.post("a", ""), 0, { status: 200 });

    const lost = ingest.post("a", "3\n");
    while (source.buffer.records === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    source.take({ records: 10, bytes: 100 });
    source.discard();
    assertRefused(await lost, 503, "not_written", { accepted: 1, dropped: 0, evicted: 0 });
  }
});

Deno.test("HttpIngest tells which record of a body is wrong, and where, and keeps none", async () => {
  const ingest = new TestIngest({
    record: 10,
    body: 100,
    rules: { "a": { buffer: { records: 3, bytes: 50 } } },
  });
  const json = { "Content-Type": "application/json" };
  const gzip = { "Content-Encoding": "gzip" };
  assertRefused(await ingest.post("a", "1\n{]\n"), 400, "invalid_record", { record: 2, offset: 3 });
  assertRefused(await ingest.post("a", "[1,{]", json), 400, "invalid_record", { record: 2, offset: 4 });
  const latin1 = Uint8Array.of(0x22, 0xe9, 0x22);
  assertRefused(await ingest.post("a", latin1), 400, "invalid_record", { record: 1, offset: 1 });
  const coded = new Uint8Array(gzipSync("1\n{]\n"));
  assertRefused(await ingest.post("a", coded, gzip), 400, "invalid_record", { record: 2, offset: 3 });
  assertRefused(await ingest.post("a", "1\n", gzip), 400, "invalid_encoding");
  assertRefused(await ingest.post("a", "1\n12345678901\n"), 413, "too_large", {
    record: 2,
    offset: 2,
    limit: 10,
  });
  assertRefused(await ingest.post("a", "x".repeat(101)), 413, "too_large", { limit: 100 });
  const bomb = new Uint8Array(gzipSync("\n".repeat(101)));
  assertRefused(await ingest.post("a", bomb, gzip), 413, "too_large", { limit: 100 });
  const limit = { records: 3, bytes: 50 };
  assertRefused(await ingest.post("a", "1\n2\n3\n4\n"), 413, "too_large", { limit });
  assertRefused(await ingest.post("a", "1 ".repeat(4), json), 413, "too_large", { limit });
  assertRefused(
    await ingest.post("a", "1\n", { "Content-Type": "text/html" }),
    415,
    "unsupported_media_type",
  );
  assertRefused(await ingest.post("a", "1\n", { "Content-Encoding": "lz4" }), 415, "unsupported_media_type");
  const { ledger, buffer } = ingest.source("a");
  assertEquals([buffer.records, ingest.budget.used], [0, 0]);
  assertEquals(Object.fromEntries(ledger.refusals), {
    invalid_record: 5,
    too_large: 5, // two of them have more records than the buffer, which are not counted to their end
    unsupported_media_type: 2,
  });
  assertEquals({ ...ledger.received }, { records: 0, bytes: 0 });
});

Deno.test("HttpIngest refuses routes, methods and names that there are not", async () => {
  const ingest = new TestIngest({ rules: { "a*": {} }, sources: 1 });
  assertRefused(await ingest.send("/v1/ingest", "1\n"), 404, "not_found");
  assertRefused(await ingest.post("b", "1\n"), 404, "unknown_source");
  assertRefused(await ingest.post("a%2Fb", "1\n"), 400, "invalid_source_name");
  assertAccepted(await ingest.post("a1", "1\n"), 1);
  assertRefused(await ingest.post("a2", "1\n"), 429, "too_many_sources", { limit: 1 });
  for (const method of ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"]) {
    const answer = await ingest.send("/v1/ingest/a1", "", {}, method);
    assertRefused(answer, 405, "method_not_allowed");
    assertEquals(answer.headers.get("allow"), "POST");
  }
  assertEquals(ingest.defects, []);
});

Deno.test("HttpIngest answers 503 where a policy refuses: at once under reject, after its time under block", async () => {
  using time = new FakeTime();
  const buffer = { records: 2, bytes: 100 };
  const ingest = new TestIngest({
    rules: {
      rejecting: { policy: "reject", buffer },
      blocking: { policy: "block", blockTimeout: 5000, buffer },
    },
  });
  for (const name of ["rejecting", "blocking"]) assertAccepted(await ingest.post(name, "1\n2\n"), 2);
  assertRefused(await ingest.post("rejecting", "3\n"), 503, "overloaded");

  const source = ingest.source("blocking");
  let answer: Answer | undefined;
  const waiting = ingest.post("blocking", "3\n").then((it) => answer = it);
  await time.tickAsync(4999);
  assertEquals([source.buffer.producersWaiting, answer], [1, undefined]);
  await time.tickAsync(1);
  await waiting;
  assertRefused(answer!, 503, "overloaded");
  const patient = ingest.post("blocking", "4\n");
  await time.tickAsync(4000);
  assertEquals(takeAll(source), "1\n2\n4\n");
  assertAccepted(await patient, 1);
  for (const name of ["rejecting", "blocking"]) {
    assertEquals({ ...ingest.source(name).ledger.rejected.total }, { records: 1, bytes: 2 });
  }
  takeAll(ingest.source("rejecting"));
  assertEquals(ingest.budget.used, 0);
});

Deno.test("HttpIngest refuses a body that there is no memory for, except under block, where it waits for it", async () => {
  using time = new FakeTime();
  const rules = {
    block: { policy: "block", blockTimeout: 5000 } as const,
    "*": { policy: "drop_oldest" } as const,
  };
  const ingest = new TestIngest({ rules, memory: 1_000_000 });
  const hog = ingest.budget.account();
  assert(hog.tryReserve(999_900));
  const body = "1\n".repeat(100);
  assertRefused(await ingest.post("oldest", body), 503, "overloaded");
  const late = ingest.post("block", body);
  await time.tickAsync(5000);
  assertRefused(await late, 503, "overloaded");
  for (const name of ["oldest", "block"]) {
    assertEquals(ingest.source(name).ledger.refusals, new Map([["overloaded", 1]]));
  }
  const patient = ingest.post("block", body);
  await time.tickAsync(4000);
  hog.release(999_900);
  assertAccepted(await patient, 100);
  assertEquals(takeAll(ingest.source("block")), body);
  assertEquals(ingest.budget.used, 0);
});

Deno.test("HttpIngest.drain() refuses what comes, sends away who waits, and gives up on bodies", async () => {
  using time = new FakeTime();
  const ingest = new TestIngest({ rules: { "*": { policy: "block", buffer: { records: 1, bytes: 100 } } } });
  assertAccepted(await ingest.post("a", "1\n"), 1);
  const blocked = ingest.post("a", "2\n");
  const json = { "Content-Type": "application/json" };
  const reading = ingest.post("a", new ReadableStream({ pull: () => new Promise(() => {}) }), json);
  await time.tickAsync(10);
  ingest.ingest.drain();
  ingest.source("a").close();
  for (
    const answer of [
      await blocked,
      await reading,
      await ingest.post("a", "3\n"),
      await ingest.post("new", "3\n"),
    ]
  ) {
    assertRefused(answer, 503, "shutting_down");
  }
  await time.tickAsync(1000); // what was not read is let go of
  assertEquals(takeAll(ingest.source("a")), "1\n");
  assertEquals(ingest.budget.used, 0);
});

Deno.test("HttpIngest.fetch() brings each request to the source in its URL, whichever the one before went to", async () => {
  const ingest = new TestIngest({ rules: { "a*": {} } });
  const status = async (path: string, method = "POST") => {
    const request = new Request(`http://host${path}`, { method, ...(method === "POST" && { body: "1" }) });
    const response = await ingest.ingest.fetch(request);
    await response.body?.cancel();
    return response.status;
  };
  const path = "/v1/ingest/";
  for (const name of ["a", "a", "a", "ab", "a", "ab", "ab"]) assertEquals(await status(path + name), 202);
  assertEquals(await status(`${path}b`), 404);
  assertEquals(await status(`${path}ab`), 202);
  assertEquals(await status(`${path}a?b`), 202, "a query is no part of the name");
  assertEquals(await status(`${path}a`, "GET"), 405);
  assertEquals(await status("/"), 404);
  assertEquals(["a", "ab"].map((name) => ingest.source(name).buffer.records), [5, 4]);
  ingest.ingest.drain();
  assertEquals(await status(`${path}ab`), 503);
});

Deno.test("HttpIngest reads a body whose length is told twice, and books no more and no less than it takes", async () => {
  for (const type of ["application/x-ndjson", "application/json"]) {
    const ingest = new TestIngest();
    const headers = { "Content-Type": type, "Content-Length": "2, 2" }; // as the server joins two of the same
    assertAccepted(await ingest.post("a", "1\n", headers), 1);
    assertEquals(takeAll(ingest.source("a")), "1\n");
    assertEquals(ingest.budget.used, 0, "not a number");
  }
});
