// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { admit, assertBalanced, makeSource, offer, type TestSourceOptions } from "../collector/sources.ts";
import { broken, busy, FakeSink, makePool } from "./fake_sink.ts";

/** A source whose flushes go to sinks `a`, `b`, ... of a pool of their own. */
function setUp(options: TestSourceOptions = {}, sinkCount = 1, retry = {}) {
  const sinks = Array.from({ length: sinkCount }, () => new FakeSink());
  const names = ["a", "b", "c"].slice(0, sinkCount);
  const { pool, seen } = makePool(
    Object.fromEntries(sinks.map((sink, i) => [names[i]!, sink])),
    undefined,
    retry,
  );
  const source = makeSource({ sinks: names, ...options });
  pool.attach(source);
  const { semaphore } = pool;
  return { sink: sinks[0]!, sinks, pool, seen, source, semaphore };
}

const NEVER = 1 << 30;

Deno.test("Flusher starts when batch.records are pending, and not before", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({ batch: { records: 3, bytes: NEVER, linger: NEVER } });
  admit(source, "1", "2");
  await time.tickAsync(1_000_000);
  assertEquals(sink.taken, []);
  admit(source, "3");
  await time.runMicrotasks();
  assertEquals(sink.taken, [{ source: "orders", lines: ["1", "2", "3"] }]);
  assertEquals([source.buffer.records, source.ledger.delivered.records], [0, 3]);
});

Deno.test("Flusher starts when batch.bytes are pending, and not before", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({ batch: { records: NEVER, bytes: 9, linger: NEVER } });
  admit(source, "111", "222"); // four bytes each, with the line feed
  await time.tickAsync(1_000_000);
  assertEquals(sink.taken, []);
  admit(source, "");
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["111", "222", ""]);
});

Deno.test("Flusher starts when the oldest record has lingered, and not a millisecond before", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({ batch: { records: NEVER, bytes: NEVER, linger: 200 } });
  admit(source, "1");
  await time.tickAsync(150);
  admit(source, "2"); // it does not put off what came before it
  await time.tickAsync(49);
  await time.runMicrotasks();
  assertEquals(sink.taken, []);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["1", "2"]);
});

Deno.test("Flusher lets what a flush left behind linger for the rest of its time only", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({ batch: { records: 2, bytes: NEVER, linger: 200 } });
  sink.stall();
  admit(source, "1", "2");
  await time.runMicrotasks();
  admit(source, "3");
  await time.tickAsync(150);
  sink.resume();
  await time.tickAsync(49);
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["1", "2"]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["1", "2", "3"]);
});

Deno.test("Flusher goes on when the clock is set back or forth", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({ batch: { records: 2, bytes: NEVER, linger: 200 } });
  const { now } = Date;
  let jump = 0;
  Date.now = () => now() + jump;
  try {
    for (const [to, records] of [[-86_400_000, 2], [86_400_000, 4]] as const) {
      sink.stall();
      admit(source, "1", "2");
      await time.runMicrotasks();
      admit(source, "3"); // is left behind by the flush, so that its age is looked at on the clock that has jumped
      jump = to;
      sink.resume();
      await time.tickAsync(0);
      await time.tickAsync(200);
      await time.runMicrotasks();
      assertEquals([source.pendingRecords, source.buffer.records], [0, 0], `after a jump by ${to} ms`);
      assertEquals(sink.taken.length, records);
    }
  } finally {
    Date.now = now;
  }
});

Deno.test("Flusher has at most one flush under way per source and sink, and keeps the order", async () => {
  using time = new FakeTime();
  const { sinks, source, semaphore } = setUp({ batch: { records: 2, bytes: NEVER, linger: 50 } }, 3);
  const lines = Array.from({ length: 101 }, (_, i) => `${i}`);
  for (const [i, line] of lines.entries()) {
    if (i % 10 === 3) sinks[i % 3]!.stall();
    if (i % 10 === 7) { for (const sink of sinks) sink.resume(); }
    if (i % 17 === 5) sinks[i % 3]!.writeErrors.push(busy());
    admit(source, line);
    await time.tickAsync(10);
    assertBalanced(source);
  }
  for (let i = 0; i < 100; i++) await time.tickAsync(100);
  for (const sink of sinks) {
    assertEquals(sink.lines(), lines);
    assertEquals(sink.mostOfOneSource, 1);
  }
  assertEquals([source.ledger.delivered.records, source.buffer.records, semaphore.inUse], [101, 0, 0]);
});

Deno.test("Flusher lets a batch leave the buffer only when all sinks have it", async () => {
  using time = new FakeTime();
  const { sinks: [a, b], source } = setUp({ batch: { records: 2, bytes: NEVER, linger: NEVER } }, 2);
  b!.stall();
  admit(source, "1", "2");
  admit(source, "3", "4");
  await time.runMicrotasks();
  assertEquals([a!.lines(), b!.lines()], [["1", "2"], []]);
  assertEquals([source.buffer.records, source.ledger.delivered.records], [4, 0]);
  assertEquals([...source.ledger.deliveredBySink.entries()].map(([sink, { records }]) => [sink, records]), [[
    "a",
    2,
  ]]);
  b!.resume();
  await time.runMicrotasks();
  assertEquals([a!.lines(), b!.lines()], [["1", "2", "3", "4"], ["1", "2", "3", "4"]]);
  assertEquals([source.buffer.records, source.ledger.delivered.records], [0, 4]);
});

Deno.test("Flusher repeats a batch at the sink that failed only, and gives the permit back meanwhile", async () => {
  using time = new FakeTime();
  const { sinks: [a, b], source, seen, semaphore } = setUp(
    { batch: { records: 1, bytes: NEVER, linger: NEVER } },
    2,
  );
  b!.writeErrors.push(busy(), busy(), new Deno.errors.Interrupted("again"));
  admit(source, "1");
  for (let i = 0; i < 3; i++) {
    await time.runMicrotasks();
    assertEquals(
      [semaphore.inUse, source.buffer.records],
      [0, 1],
      "a pause between attempts holds no permit",
    );
    await time.tickAsync(100);
  }
  await time.runMicrotasks();
  assertEquals([a!.calls.length, b!.calls.length], [1, 4]);
  assertEquals([a!.lines(), b!.lines()], [["1"], ["1"]]);
  assertEquals(seen.failed, ["b EBUSY retried", "b EBUSY retried", "b EINTR retried"]);
  assertEquals([source.buffer.records, source.ledger.delivered.records, semaphore.inUse], [0, 1, 0]);
});

Deno.test("Flusher discards a batch after a permanent failure, counts it as sink_failed, and goes on", async () => {
  using time = new FakeTime();
  const { sinks: [a, b], source, seen, semaphore } = setUp(
    { batch: { records: 2, bytes: NEVER, linger: NEVER } },
    2,
  );
  a!.writeErrors.push(broken());
  b!.writeErrors.push(undefined, new TypeError("a defect is permanent too"));
  admit(source, "1", "2");
  await time.runMicrotasks();
  assertEquals(
    [...source.ledger.dropped.entries()].map(([reason, { records, bytes }]) => [reason, records, bytes]),
    [
      ["sink_failed", 2, 4],
    ],
  );
  assertEquals([a!.lines(), b!.lines()], [[], ["1", "2"]]);
  admit(source, "3", "4");
  await time.runMicrotasks();
  admit(source, "5", "6");
  await time.runMicrotasks();
  assertEquals([a!.lines(), b!.lines()], [["3", "4", "5", "6"], ["1", "2", "5", "6"]]);
  assertEquals([source.ledger.delivered.records, source.ledger.dropped.total.records], [2, 4]);
  assertEquals(seen.failed, ["a EINVAL given up", "b unknown given up"]);
  assertEquals([source.memory.used, semaphore.inUse], [0, 0]);
  assertBalanced(source);
});

Deno.test("Flusher gives a batch up after maxElapsed, and only then", async () => {
  using time = new FakeTime();
  const { sink, source, seen } = setUp({ batch: { records: 1, bytes: NEVER, linger: NEVER } }, 1, {
    maxElapsed: 1_000,
  });
  for (let i = 0; i < 1_000; i++) sink.writeErrors.push(busy());
  admit(source, "1");
  await time.runMicrotasks();
  const start = time.now;
  while (source.buffer.records > 0 && await time.nextAsync()) await time.runMicrotasks();
  assertGreaterOrEqual(time.now - start, 1_000);
  assertEquals(seen.failed.at(-1), "a EBUSY given up");
  assertEquals([source.buffer.records, source.ledger.dropped.total.records], [0, 1]);
});

Deno.test("Flusher syncs before a batch counts as delivered, where the source wants it", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({
    ack: "synced",
    policy: "reject",
    batch: { records: 2, bytes: NEVER, linger: NEVER },
  });
  sink.syncErrors.push(busy());
  const { position } = admit(source, "1", "2");
  let settled = "";
  source.settled(position, 2).then((settlement) => settled = settlement);
  await time.runMicrotasks();
  assertEquals(sink.calls, ["write orders", "sync"]);
  // What was not synced is not delivered, though it was written.
  assertEquals([source.buffer.records, source.ledger.delivered.records, settled], [2, 0, ""]);
  await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals(sink.calls, ["write orders", "sync", "write orders", "sync"], "a sync alone would be a lie");
  assertEquals([source.buffer.records, source.ledger.delivered.records, settled], [0, 2, "delivered"]);
});

Deno.test("Flusher does not sync where nobody waits for it", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({ ack: "written", batch: { records: 1, bytes: NEVER, linger: NEVER } });
  admit(source, "1");
  await time.runMicrotasks();
  assertEquals(sink.calls, ["write orders"]);
});

Deno.test("Flusher takes a batch only when it has a permit, so that until then it can be evicted", async () => {
  using time = new FakeTime();
  const { sink, source, pool, semaphore } = setUp({
    policy: "drop_oldest",
    buffer: { records: 2, bytes: 100 },
    batch: { records: 1, bytes: NEVER, linger: NEVER },
  });
  const held = await semaphore.acquire({ lane: "a" });
  admit(source, "1", "2");
  await time.runMicrotasks();
  admit(source, "3", "4");
  assertEquals([source.buffer.inFlight, source.ledger.dropped.total.records], [undefined, 2]);
  held[Symbol.dispose]();
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["3", "4"]);
  await pool.drain(1_000);
});

Deno.test("Flusher gives the permit back when everything was evicted before it came", async () => {
  using time = new FakeTime();
  const { sink, source, semaphore } = setUp({ batch: { records: 1, bytes: NEVER, linger: NEVER } });
  const held = await semaphore.acquire({ lane: "a" });
  admit(source, "1");
  await time.runMicrotasks();
  source.buffer.evictFor({ records: 10_000, bytes: 1 }); // as much as the buffer holds: nothing is left
  held[Symbol.dispose]();
  await time.runMicrotasks();
  assertEquals([sink.calls, semaphore.inUse, source.buffer.records], [[], 0, 0]);
  admit(source, "2");
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["2"]);
});

Deno.test("Flusher wakes a blocked producer as soon as a batch has left", async () => {
  using time = new FakeTime();
  const { sink, source } = setUp({
    policy: "block",
    buffer: { records: 2, bytes: 100 },
    batch: { records: 2, bytes: NEVER, linger: NEVER },
  });
  sink.stall();
  admit(source, "1", "2");
  let answer: unknown;
  Promise.resolve(offer(source, ["3", "4"])).then((admission) => answer = admission);
  await time.tickAsync(1_000);
  assertEquals([source.buffer.producersWaiting, answer], [1, undefined]);
  sink.resume();
  await time.runMicrotasks();
  assertEquals(sink.lines(), ["1", "2", "3", "4"]);
  assertEquals([source.buffer.producersWaiting, source.memory.used], [0, 0]);
});

Deno.test("FlushPool.attach() refuses a source of an unknown sink", () => {
  const { pool } = makePool({ a: new FakeSink() });
  assertThrows(
    () => pool.attach(makeSource({ sinks: ["b"] })),
    TypeError,
    "source 'orders': there is no sink 'b'",
  );
});
