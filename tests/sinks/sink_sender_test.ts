// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { SinkError } from "../../sinks/sink.ts";
import { flushLog } from "../../collector/flush_log.ts";
import { Log } from "../../collector/log.ts";
import { Semaphore } from "../../sinks/semaphore.ts";
import { SinkSender, type SinkSlot } from "../../sinks/sink_sender.ts";
import type { Sending } from "../../sinks/turn.ts";
import { admit, assertBalanced, makeSource, type TestSourceOptions } from "../collector/sources.ts";
import { jsonBatch } from "./batches.ts";
import { broken, busy, FakeSink, makePool } from "./fake_sink.ts";

const NEVER = 1 << 30;
const AT_ONCE = { records: 1, bytes: NEVER, linger: NEVER };

/** Sources that flush every record at once to a sink `a` with this around it, in a pool with another sink `b`. */
function setUp(around: Partial<SinkSlot>, { sources = 1, permits = 8, ...options }: {
  readonly sources?: number;
  readonly permits?: number;
} & TestSourceOptions = {}) {
  const sink = new FakeSink();
  const { pool, seen } = makePool({ a: sink, b: new FakeSink() }, permits, {}, { a: around });
  const all = Array.from({ length: sources }, (_, i) => {
    const source = makeSource({ name: `s${i}`, sinks: ["a"], batch: AT_ONCE, ...options });
    pool.attach(source);
    return source;
  });
  return { sink, pool, seen, source: all[0]!, sources: all, semaphore: pool.semaphore };
}

Deno.test("SinkSender does not write a batch again beside a write that ignores its timeout", async () => {
  using time = new FakeTime();
  const { sink, pool, seen, source, semaphore } = setUp({ timeout: 1_000 });
  sink.stall();
  admit(source, "1");
  await time.tickAsync(1_000);
  await time.tickAsync(3_600_000);
  await time.runMicrotasks();
  // The failure is known, the write was told to stop, and it keeps everything that it may still use.
  assertEquals([seen.attempts, sink.told, sink.calls], [["a timeout"], 1, ["write s0"]]);
  assertEquals([semaphore.inUse, source.buffer.inFlight?.records, seen.failed], [1, 1, []]);
  assertEquals(pool.condition("a"), { inProgress: 1, waiting: 0, overdue: 1 });
  sink.resume();
  await time.runMicrotasks();
  assertEquals([sink.lines(), seen.failed, source.ledger.delivered.records], [["1"], [], 1]);
  assertEquals(pool.condition("a"), { inProgress: 0, waiting: 0, overdue: 0 });
  assertEquals([semaphore.inUse, source.buffer.records, time.next()], [0, 0, false]);
});

Deno.test("SinkSender repeats what timed out as soon as it has come to rest with an error", async () => {
  using time = new FakeTime();
  const { sink, seen, source, pool } = setUp({ timeout: 1_000 });
  sink.stall();
  sink.writeErrors.push(broken()); // were it not late, it would be permanent
  admit(source, "1");
  await time.tickAsync(1_000);
  await time.tickAsync(500);
  sink.resume();
  await time.runMicrotasks();
  assertEquals([seen.attempts, seen.failed], [["a timeout"], ["a timeout retried"]]);
  assertEquals(pool.condition("a").overdue, 0);
  await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals([sink.lines(), source.ledger.delivered.records], [["1"], 1]);
});

Deno.test("SinkSender repeats what obeys its signal, and gives it up in the end", async () => {
  using time = new FakeTime();
  const { sink, seen, source, semaphore } = setUp({
    timeout: 1_000,
    retry: { initial: 1, max: 1, maxElapsed: 2_500 },
  });
  sink.obeys = true;
  sink.stall();
  admit(source, "1");
  for (let i = 0; i < 60; i++) await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals(seen.attempts, Array(4).fill("a timeout"));
  assertEquals(seen.failed, [...Array(3).fill("a timeout retried"), "a timeout given up"]);
  assertEquals([sink.told, sink.mostOfOneSource, source.ledger.dropped.total.records], [4, 1, 1]);
  assertEquals([semaphore.inUse, source.buffer.records, time.next()], [0, 0, false]);
});

Deno.test("SinkSender counts the sync into the time of an attempt", async () => {
  using time = new FakeTime();
  const { sink, seen, source } = setUp({ timeout: 1_000 }, { ack: "synced" });
  const synced = Promise.withResolvers<void>();
  sink.sync = () => synced.promise;
  admit(source, "1");
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  assertEquals([seen.attempts, source.ledger.delivered.records], [["a timeout"], 0]);
  synced.resolve();
  await time.runMicrotasks();
  assertEquals([sink.lines(), source.ledger.delivered.records], [["1"], 1]);
});

Deno.test("SinkSender has no timeout unless it is given one", async () => {
  using time = new FakeTime();
  const { sink, seen, source } = setUp({});
  sink.stall();
  admit(source, "1");
  await time.tickAsync(30 * 86_400_000);
  await time.runMicrotasks();
  assertEquals([seen.attempts, sink.told, sink.writing], [[], 0, 1]);
  sink.resume();
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["1"]);
});

Deno.test("SinkSender keeps to the concurrency of its sink, and others have the permits", async () => {
  using time = new FakeTime();
  const { sink, pool, sources, semaphore } = setUp({ concurrency: 2 }, { sources: 20, permits: 8 });
  sink.stall();
  for (const source of sources) admit(source, "1");
  await time.runMicrotasks();
  assertEquals([sink.writing, semaphore.inUse, semaphore.waiting], [2, 2, 0]);
  assertEquals(pool.condition("a"), { inProgress: 2, waiting: 18, overdue: 0 });
  // What waits is not in flight yet, and may be evicted.
  assertEquals(sources.filter(({ buffer }) => buffer.inFlight !== undefined).length, 2);
  sink.resume();
  await time.runMicrotasks();
  assertEquals([sink.taken.length, sink.mostWriting, semaphore.inUse], [20, 2, 0]);
  assertEquals(
    sink.taken.map(({ source }) => source),
    sources.map(({ name }) => name),
    "first come, first served",
  );
});

Deno.test("SinkSender makes no attempt while the breaker is open, then one, and goes on when that succeeds", async () => {
  using time = new FakeTime();
  const { sink, pool, seen, sources, semaphore } = setUp({
    breaker: { failures: 3, pause: 10_000 },
    retry: { initial: 1, max: 1 },
  }, { sources: 5 });
  for (let i = 0; i < 4; i++) sink.writeErrors.push(busy());
  // Three different sources fail once each, which is three in a row.
  for (const source of sources.slice(0, 3)) {
    admit(source, "1");
    await time.runMicrotasks();
  }
  assertEquals(seen.breaker, ["a closed -> open"]);
  for (const source of sources.slice(3)) admit(source, "1");
  await time.tickAsync(5_000);
  await time.tickAsync(4_999);
  await time.runMicrotasks();
  assertEquals([sink.calls.length, semaphore.inUse], [3, 0]);
  assertEquals(pool.condition("a"), {
    inProgress: 0,
    waiting: 5,
    overdue: 0,
    breaker: { state: "open", opened: 1 },
  });
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(sink.calls.length, 4, "the probe, which fails");
  assertEquals(seen.breaker, ["a closed -> open", "a open -> half_open", "a half_open -> open"]);
  await time.tickAsync(10_000);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals([sink.taken.length, pool.condition("a").breaker], [5, { state: "closed", opened: 2 }]);
  assertEquals([semaphore.inUse, time.next()], [0, false]);
});

Deno.test("SinkSender takes who refuses a batch for good for alive", async () => {
  using time = new FakeTime();
  const { sink, pool, source } = setUp({ breaker: { failures: 2, pause: 1_000 } });
  for (let i = 0; i < 20; i++) {
    sink.writeErrors.push(broken());
    admit(source, `${i}`);
    await time.runMicrotasks();
  }
  assertEquals(source.ledger.dropped.total.records, 20);
  assertEquals(pool.condition("a").breaker, { state: "closed", opened: 0 });
});

Deno.test("SinkSender takes who says when to come again for alive", async () => {
  using time = new FakeTime();
  const { sink, pool, source } = setUp({ breaker: { failures: 2, pause: 60_000 } });
  for (let i = 0; i < 20; i++) {
    sink.writeErrors.push(new SinkError("full", { kind: "http_503", retryable: true, retryAfter: 10 }));
  }
  admit(source, "1");
  for (let i = 0; i < 50_000 && sink.taken.length === 0; i++) await time.tickAsync(10);
  assertEquals(sink.lines(), ["1"]);
  assertEquals(pool.condition("a").breaker, { state: "closed", opened: 0 });
});

Deno.test("SinkSender opens the breaker for writes that hang, at their timeout", async () => {
  using time = new FakeTime();
  const { sink, pool, sources } = setUp(
    { timeout: 1_000, breaker: { failures: 2, pause: 5_000 } },
    { sources: 4, permits: 3 },
  );
  sink.stall();
  for (const source of sources) admit(source, "1");
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  assertEquals(pool.condition("a"), {
    inProgress: 4, // two write, and two have waited for a permit since before the breaker opened
    waiting: 0,
    overdue: 2,
    breaker: { state: "open", opened: 1 },
  });
  sink.resume();
  await time.runMicrotasks();
  assertEquals([sink.taken.length, pool.condition("a").waiting], [2, 2]);
  await time.tickAsync(5_000);
  await time.runMicrotasks();
  assertEquals([sink.taken.length, pool.condition("a").breaker?.state], [4, "closed"]);
});

Deno.test("SinkSender counts the time before an open breaker for maxElapsed, and then gives up without an attempt", async () => {
  using time = new FakeTime();
  const { sink, seen, sources: [first, second] } = setUp({
    breaker: { failures: 1, pause: 60_000 },
    retry: { initial: 1, max: 1, maxElapsed: 5_000 },
  }, { sources: 2 });
  sink.writeErrors.push(busy());
  admit(first!, "1");
  await time.runMicrotasks();
  await time.tickAsync(2_000);
  admit(second!, "2"); // has not failed yet, and waits from now on
  await time.tickAsync(2_999);
  await time.runMicrotasks();
  assertEquals(seen.failed, ["a EBUSY retried"]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(seen.failed, ["a EBUSY retried", "a breaker_open given up"]);
  await time.tickAsync(1_999);
  await time.runMicrotasks();
  assertEquals([seen.failed.length, second!.buffer.records], [2, 1]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(seen.failed.slice(2), ["a breaker_open given up"]);
  assertEquals([sink.calls.length, sink.taken.length], [1, 0]);
  for (const source of [first!, second!]) {
    assertEquals([source.ledger.dropped.total.records, source.buffer.records], [1, 0]);
    assertBalanced(source);
  }
});

Deno.test("SinkSender.send() gives back the pass of its beginning when the daemon ends before its first attempt", async () => {
  const sink = new FakeSink();
  const controller = new AbortController();
  const semaphore = new Semaphore({ permits: 1, lanes: ["a"] });
  const sender = new SinkSender({
    slot: { name: "a", sink, retry: { initial: 1, max: 1 }, concurrency: 1 },
    semaphore,
    observer: flushLog(new Log({ level: "error", write: () => {} })),
    signal: controller.signal,
  });
  const begun: (Sending | undefined)[] = [];
  const turn = sender.turn((sending) => begun.push(sending));
  turn.ask();
  assertEquals([semaphore.inUse, sender.load.inProgress], [1, 1]);
  controller.abort();
  assertEquals(await sender.send(jsonBatch(["1"]), makeSource(), begun[0]), "aborted");
  assertEquals([semaphore.inUse, sender.load.inProgress, sink.calls], [0, 0, []]);
  turn.ask();
  assertEquals([begun.length, begun[1]], [2, undefined]);
});

Deno.test("FlushPool.drain() gives up what waits for a breaker, a turn or a write over its time, and counts it as buffered", async () => {
  using time = new FakeTime();
  const { sink, pool, sources, semaphore } = setUp(
    { timeout: 100, concurrency: 1, breaker: { failures: 1, pause: 60_000 } },
    { sources: 3 },
  );
  sink.stall();
  for (const source of sources) admit(source, "1");
  await time.tickAsync(100);
  const draining = pool.drain(1_000);
  await time.tickAsync(1_000);
  await draining;
  for (const source of sources) {
    assertEquals(source.snapshot().buffered.records, 1);
    assertBalanced(source);
  }
  assertEquals([semaphore.inUse, semaphore.waiting, time.next()], [0, 0, false]);
  assertEquals([pool.condition("a").inProgress, pool.condition("a").waiting], [0, 0]);
  sink.resume();
});
