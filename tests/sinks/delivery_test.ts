// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Settlement } from "../../collector/settlements.ts";
import type { SinkSlot } from "../../sinks/sink_sender.ts";
import { admit, assertBalanced, makeSource, type TestSourceOptions } from "../collector/sources.ts";
import { broken, busy, FakeSink, makePool } from "./fake_sink.ts";

const NEVER = 1 << 30;
const ONCE = { initial: 1, max: 1, maxElapsed: 0 };

/** A source that flushes two records at once to the first sink, or the named ones, of those given. */
function setUp<Name extends string>(
  around: Record<Name, Partial<SinkSlot>>,
  options: TestSourceOptions = {},
) {
  const names = Object.keys(around) as Name[];
  const sinks = Object.fromEntries(names.map((name) => [name, new FakeSink()])) as Record<Name, FakeSink>;
  const { pool, seen } = makePool(sinks, 4, {}, around);
  const source = makeSource({
    sinks: [names[0]!],
    policy: "reject",
    batch: { records: 2, bytes: NEVER, linger: NEVER },
    ...options,
  });
  pool.attach(source);
  const { ledger } = source;
  const booked = (tallies: typeof ledger.deliveredBySink | typeof ledger.deadLettered) =>
    Object.fromEntries(Array.from(tallies.entries(), ([name, { records }]) => [name, records]));
  const books = () => ({
    delivered: ledger.delivered.records,
    dropped: ledger.dropped.total.records,
    bySink: booked(ledger.deliveredBySink),
    deadLettered: booked(ledger.deadLettered),
  });
  return { sinks, pool, seen, source, books };
}

/** Admits two records, and says what is known of them so far. */
function admitTwo({ source }: { source: ReturnType<typeof makeSource> }): () => Settlement | undefined {
  const { position } = admit(source, "1", "2");
  let settlement: Settlement | undefined;
  source.settled(position, 2).then((is) => settlement = is);
  return () => settlement;
}

Deno.test("Delivery sends what a sink refuses for good to its dead letter sink, and counts it as delivered", async () => {
  using time = new FakeTime();
  const parts = setUp({ up: { deadLetter: "spill" }, spill: {} }, { ack: "written" });
  const { sinks: { up, spill }, seen, source, books } = parts;
  up.writeErrors.push(broken());
  spill.stall();
  const settled = admitTwo(parts);
  await time.runMicrotasks();
  // Not there before it is there.
  assertEquals([settled(), source.buffer.records, parts.pool.semaphore.inUse], [undefined, 2, 1]);
  assertEquals(books(), { delivered: 0, dropped: 0, bySink: {}, deadLettered: {} });
  spill.resume();
  await time.runMicrotasks();
  assertEquals([up.lines(), spill.lines(), settled()], [[], ["1", "2"], "delivered"]);
  assertEquals(books(), { delivered: 2, dropped: 0, bySink: { spill: 2 }, deadLettered: { up: 2 } });
  assertEquals([seen.failed, seen.flushed], [["up EINVAL given up, to spill"], ["spill"]]);
  admit(source, "3", "4");
  await time.runMicrotasks();
  assertEquals([up.lines(), source.buffer.records], [["3", "4"], 0]);
  assertBalanced(source);
});

Deno.test("Delivery sends what has expired to the dead letter sink, after the last attempt", async () => {
  using time = new FakeTime();
  const { sinks: { up, spill }, source, books } = setUp({
    up: { deadLetter: "spill", retry: { initial: 100, max: 100, maxElapsed: 1_000 } },
    spill: {},
  });
  for (let i = 0; i < 1_000; i++) up.writeErrors.push(busy());
  admit(source, "1", "2");
  await time.tickAsync(999);
  for (let i = 0; i < 200 && spill.calls.length === 0; i++) {
    assertEquals([books().dropped, source.buffer.records], [0, 2]);
    await time.tickAsync(10);
  }
  await time.runMicrotasks();
  assertEquals(spill.lines(), ["1", "2"]);
  assertEquals(books(), { delivered: 2, dropped: 0, bySink: { spill: 2 }, deadLettered: { up: 2 } });
});

Deno.test("Delivery goes through everything that is around the dead letter sink", async () => {
  using time = new FakeTime();
  const { sinks: { up, spill }, seen, pool, source } = setUp({
    up: { deadLetter: "spill" },
    spill: { timeout: 1_000, concurrency: 1, breaker: { failures: 2, pause: 5_000 } },
  });
  const other = makeSource({ name: "other", sinks: ["spill"], batch: source.batch });
  pool.attach(other);
  spill.obeys = true;
  spill.stall();
  admit(other, "3", "4");
  up.writeErrors.push(broken());
  admit(source, "1", "2");
  await time.runMicrotasks();
  assertEquals(pool.condition("spill"), {
    inProgress: 1,
    waiting: 1,
    overdue: 0,
    breaker: { state: "closed", opened: 0 },
  });
  await time.tickAsync(1_000); // other times out
  await time.tickAsync(1_000); // and then the dead letter, which opens the breaker
  await time.runMicrotasks();
  assertEquals(seen.attempts, ["up EINVAL", "spill timeout", "spill timeout"]);
  assertEquals(seen.breaker, ["spill closed -> open"]);
  spill.resume();
  await time.tickAsync(5_000);
  await time.runMicrotasks();
  assertEquals([spill.lines("orders"), spill.lines("other"), spill.mostWriting], [["1", "2"], ["3", "4"], 1]);
  assertEquals([pool.semaphore.inUse, time.next()], [0, false]);
});

Deno.test("Delivery follows a chain of dead letter sinks, and books who gave up and who has it", async () => {
  using time = new FakeTime();
  const parts = setUp({ up: { deadLetter: "spill" }, spill: { deadLetter: "last" }, last: {} });
  const { sinks: { up, spill, last }, books } = parts;
  up.writeErrors.push(broken());
  spill.writeErrors.push(broken());
  const settled = admitTwo(parts);
  await time.runMicrotasks();
  assertEquals([last.lines(), settled()], [["1", "2"], "delivered"]);
  assertEquals(books(), { delivered: 2, dropped: 0, bySink: { last: 2 }, deadLettered: { spill: 2, up: 2 } });
});

Deno.test("Delivery drops what the last in the chain gives up, and books no dead letter", async () => {
  using time = new FakeTime();
  const parts = setUp({ up: { deadLetter: "spill" }, spill: { retry: ONCE } });
  const { sinks: { up, spill }, seen, source, books } = parts;
  up.writeErrors.push(broken());
  spill.writeErrors.push(busy());
  const settled = admitTwo(parts);
  await time.runMicrotasks();
  assertEquals(settled(), "lost");
  assertEquals(seen.failed, ["up EINVAL given up, to spill", "spill EBUSY given up"]);
  assertEquals(books(), { delivered: 0, dropped: 2, bySink: {}, deadLettered: {} });
  assertEquals([...source.ledger.dropped.entries()].map(([reason]) => reason), ["sink_failed"]);
  assertBalanced(source);
});

Deno.test("Delivery writes a batch once to a sink that is the dead letter sink of two", async () => {
  using time = new FakeTime();
  const { sinks: { a, b, spill }, books } = (() => {
    const parts = setUp(
      { a: { deadLetter: "spill" }, b: { deadLetter: "spill" }, spill: {} },
      { sinks: ["a", "b"] },
    );
    parts.sinks.a.writeErrors.push(broken());
    parts.sinks.b.writeErrors.push(broken());
    admit(parts.source, "1", "2");
    return parts;
  })();
  await time.runMicrotasks();
  assertEquals([a.lines(), b.lines(), spill.lines(), spill.mostOfOneSource], [[], [], ["1", "2"], 1]);
  assertEquals(books(), { delivered: 2, dropped: 0, bySink: { spill: 2 }, deadLettered: { a: 2, b: 2 } });
});

Deno.test("Delivery writes a batch once to a dead letter sink that is a sink of the source as well", async () => {
  for (const sinks of [["up", "spill"], ["spill", "up"]]) {
    using time = new FakeTime();
    const { sinks: { up, spill }, source, books } = setUp(
      { up: { deadLetter: "spill" }, spill: {} },
      { sinks },
    );
    up.writeErrors.push(broken());
    spill.writeErrors.push(busy()); // it is still at it when the other gives up
    admit(source, "1", "2");
    await time.tickAsync(0);
    await time.tickAsync(100);
    await time.runMicrotasks();
    assertEquals(spill.lines(), ["1", "2"]);
    assertEquals(books(), { delivered: 2, dropped: 0, bySink: { spill: 2 }, deadLettered: { up: 2 } });
  }
});

Deno.test("Delivery keeps the order of a source in the dead letter sink", async () => {
  using time = new FakeTime();
  const { sinks: { up, spill }, source } = setUp({ up: { deadLetter: "spill" }, spill: {} });
  for (let i = 0; i < 40; i += 2) {
    if (i % 4 === 0) up.writeErrors.push(broken());
    else up.writeErrors.push(undefined);
    if (i % 8 === 0) spill.writeErrors.push(busy());
    admit(source, `${i}`, `${i + 1}`);
  }
  for (let i = 0; i < 60; i++) await time.tickAsync(100);
  const numbers = Array.from({ length: 40 }, (_, i) => `${i}`);
  assertEquals(spill.lines(), numbers.filter((_, i) => i % 4 < 2));
  assertEquals(up.lines(), numbers.filter((_, i) => i % 4 >= 2));
});

Deno.test("Delivery to a dead letter sink is synced before it is acknowledged, where the source wants that", async () => {
  using time = new FakeTime();
  const parts = setUp({ up: { deadLetter: "spill" }, spill: {} }, { ack: "synced" });
  const { sinks: { up, spill } } = parts;
  up.writeErrors.push(broken());
  spill.syncErrors.push(busy());
  const settled = admitTwo(parts);
  await time.runMicrotasks();
  assertEquals([spill.calls, settled()], [["write orders", "sync"], undefined]);
  await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals([spill.calls.slice(2), settled()], [["write orders", "sync"], "delivered"]);
});

Deno.test("Delivery that the end of the drain cuts short leaves the batch buffered, and counted", async () => {
  using time = new FakeTime();
  const parts = setUp({ up: { deadLetter: "spill" }, spill: {} });
  const { sinks: { up, spill }, pool, source, books } = parts;
  up.writeErrors.push(broken());
  spill.stall();
  admit(source, "1", "2");
  const draining = pool.drain(1_000);
  await time.tickAsync(1_000);
  await draining;
  assertEquals(source.snapshot().buffered.records, 2);
  assertEquals(books(), { delivered: 0, dropped: 0, bySink: {}, deadLettered: {} });
  assertEquals([pool.semaphore.inUse, time.next()], [0, false]);
  spill.resume();
});

Deno.test("Delivery with a breaker and no patience goes straight to the dead letter sink while the breaker is open", async () => {
  using time = new FakeTime();
  const { sinks: { up, spill }, source, books } = setUp({
    up: { deadLetter: "spill", retry: ONCE, breaker: { failures: 1, pause: 60_000 } },
    spill: {},
  });
  up.writeErrors.push(busy());
  for (const i of [1, 2, 3]) admit(source, `${i}`, `${i}`);
  await time.runMicrotasks();
  assertEquals([up.calls.length, spill.lines()], [1, ["1", "1", "2", "2", "3", "3"]]);
  await time.tickAsync(60_000);
  admit(source, "4", "4");
  await time.runMicrotasks();
  assertEquals([up.lines(), books().deadLettered], [["4", "4"], { up: 6 }]);
});

Deno.test("FlushPool() refuses dead letter sinks that do not exist, and circles of them", () => {
  assertThrows(() => setUp({ a: { deadLetter: "b" } }), TypeError, "'b' does not exist (a -> b)");
  assertThrows(() => setUp({ a: { deadLetter: "a" } }), TypeError, "'a' comes back to itself (a -> a)");
  assertThrows(
    () => setUp({ a: { deadLetter: "b" }, b: { deadLetter: "c" }, c: { deadLetter: "b" } }),
    TypeError,
    "'b' comes back to itself (a -> b -> c -> b)",
  );
});
