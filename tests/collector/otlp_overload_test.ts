// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { TestIngest } from "./http_ingest.ts";
import { decodeResponse, encodeRequest } from "./otlp_decoder.ts";
import { assertStatus, JSON_TYPE, messageOf, post, PROTOBUF_TYPE, sendSpans, TYPES } from "./otlp_posts.ts";
import { FULL, toJson } from "./otlp_requests.ts";
import { assertBalanced } from "./sources.ts";

Deno.test("POST /v1/{signal} under reject answers 503 for a request that does not fit, and keeps nothing of it", async () => {
  for (const type of TYPES) {
    const ingest = new TestIngest({
      rules: { "*": { policy: "reject", buffer: { records: 10, bytes: 1e6 } } },
    });
    assertEquals((await sendSpans(ingest, 6, type)).status, 200);
    assertStatus(await sendSpans(ingest, 5, type), 503, 14);
    assertEquals((await sendSpans(ingest, 4, type)).status, 200);
    assertStatus(await sendSpans(ingest, 11, type), 413, 8); // more than the whole buffer holds: a refused request
    const source = ingest.source("otlp-traces");
    assertEquals([source.buffer.records, source.snapshot().rejected.records], [10, 5]);
    assertEquals([...source.ledger.refusals], [["too_large", 1]]);
    assertBalanced(source);
  }
});

Deno.test("POST /v1/{signal} under drop_newest answers 200 with a partial success that counts what was dropped", async () => {
  const rejected: Record<Signal, string> = {
    logs: "rejectedLogRecords",
    metrics: "rejectedDataPoints",
    traces: "rejectedSpans",
  };
  for (const signal of SIGNALS) {
    const { request, weight } = FULL[signal];
    const buffer = { records: weight, bytes: 1e6 };
    const ingest = new TestIngest({ rules: { "*": { policy: "drop_newest", buffer } } });
    const json = JSON.stringify(toJson(request));
    const protobuf = encodeRequest(signal, request);
    const first = await post(ingest, `/v1/${signal}`, json, { "Content-Type": JSON_TYPE });
    assertEquals(messageOf(first), {}); // nothing dropped: no partial success
    const second = await post(ingest, `/v1/${signal}`, json, { "Content-Type": JSON_TYPE });
    const third = await post(ingest, `/v1/${signal}`, protobuf, { "Content-Type": PROTOBUF_TYPE });
    assertEquals([second.status, third.status], [200, 200]);
    const partialSuccess = {
      [rejected[signal]]: `${weight}`,
      errorMessage: "the buffer of the collector was full",
    };
    assertEquals(messageOf(second), { partialSuccess });
    assertEquals(decodeResponse(signal, third.bytes), { partialSuccess });
    assertEquals(ingest.source(`otlp-${signal}`).snapshot().dropped.records, 2 * weight);
    assertBalanced(ingest.source(`otlp-${signal}`));
  }
});

Deno.test("POST /v1/{signal} under drop_oldest answers 200 without a partial success: it is not this request that lost", async () => {
  const ingest = new TestIngest({
    rules: { "*": { policy: "drop_oldest", buffer: { records: 10, bytes: 1e6 } } },
  });
  await sendSpans(ingest, 8, JSON_TYPE);
  const answer = await sendSpans(ingest, 5, JSON_TYPE);
  assertEquals([answer.status, messageOf(answer)], [200, {}]);
  assertEquals(ingest.source("otlp-traces").ledger.dropped.total.records, 8);
});

Deno.test("POST /v1/{signal} under drop_oldest answers with a partial success where what is in flight leaves no room", async () => {
  for (const type of TYPES) {
    const ingest = new TestIngest({
      rules: { "*": { policy: "drop_oldest", buffer: { records: 10, bytes: 1e6 } } },
    });
    await sendSpans(ingest, 6, type);
    const source = ingest.source("otlp-traces");
    source.take({ records: 100, bytes: 1e6 });
    await sendSpans(ingest, 4, type);
    const answer = await sendSpans(ingest, 5, type);
    assertEquals(answer.status, 200);
    assertEquals(messageOf(answer), {
      partialSuccess: { rejectedSpans: "5", errorMessage: "the buffer of the collector was full" },
    });
    assertEquals([source.buffer.records, source.snapshot().dropped.records], [10, 5]);
    assertBalanced(source);
  }
});

Deno.test("POST /v1/{signal} under block answers once there is room, or 503 after the timeout", async () => {
  using time = new FakeTime();
  const ingest = new TestIngest({
    rules: { "*": { policy: "block", blockTimeout: 1_000, buffer: { records: 10, bytes: 1e6 } } },
  });
  await sendSpans(ingest, 8, PROTOBUF_TYPE);
  const late = sendSpans(ingest, 9, PROTOBUF_TYPE);
  await time.tickAsync(1_000);
  assertStatus(await late, 503, 14);
  const waiting = sendSpans(ingest, 9, PROTOBUF_TYPE);
  await time.tickAsync(500);
  ingest.source("otlp-traces").take({ records: 100, bytes: 1e6 });
  ingest.source("otlp-traces").commit();
  await time.tickAsync(0);
  assertEquals((await waiting).status, 200);
  assertBalanced(ingest.source("otlp-traces"));
});

Deno.test("POST /v1/{signal} answers 503 without memory, and while the daemon stops", async () => {
  for (const type of TYPES) {
    const poor = new TestIngest({ memory: 100 });
    assertStatus(await sendSpans(poor, 100, type), 503, 14);
    const ingest = new TestIngest();
    ingest.source("otlp-traces");
    ingest.ingest.drain();
    assertMatch(assertStatus(await sendSpans(ingest, 1, type), 503, 14).message, /shutting down/);
    const late = await sendSpans(ingest, 1, type, "/sources/late/v1/traces");
    assertMatch(assertStatus(late, 503, 14).message, /shutting down/);
    assertEquals([...ingest.registry.all].map(({ name }) => name), ["otlp-traces"]); // no source begins now
  }
});

Deno.test("POST /v1/{signal} under ack: written answers when it is written, or 503 when it was lost", async () => {
  for (const outcome of ["commit", "discard"] as const) {
    const ingest = new TestIngest({ rules: { "*": { ack: "written" } } });
    const answer = sendSpans(ingest, 3, PROTOBUF_TYPE);
    const source = ingest.source("otlp-traces");
    while (source.buffer.records === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    source.take({ records: 100, bytes: 1e6 });
    source[outcome]();
    if (outcome === "commit") assertEquals((await answer).status, 200);
    else assertMatch(assertStatus(await answer, 503, 14).message, /send them again/);
  }
});
