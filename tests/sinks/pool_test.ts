// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { admit, assertBalanced, makeSource } from "../collector/sources.ts";
import { broken, busy, FakeSink, makePool } from "./fake_sink.ts";
import type { Source } from "../../collector/source.ts";
import type { FlushPool } from "../../sinks/pool.ts";

const NEVER = 1 << 30;
const AT_ONCE = { records: 1, bytes: NEVER, linger: NEVER };

/** Makes sources that flush to the named sinks. */
function attach(pool: FlushPool, names: string[], sinks: string[], batch = AT_ONCE): Source[] {
  return names.map((name) => {
    const source = makeSource({ name, sinks, batch });
    pool.attach(source);
    return source;
  });
}

function names(count: number, prefix: string): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

Deno.test("FlushPool() refuses fewer permits than sinks", () => {
  assertThrows(
    () => makePool({ a: new FakeSink(), b: new FakeSink() }, 1),
    RangeError,
    "at least the number",
  );
});

Deno.test("FlushPool never has more flushes under way than permits", async () => {
  using time = new FakeTime();
  const sink = new FakeSink();
  const { pool, seen } = makePool({ a: sink }, 3);
  const sources = attach(pool, names(20, "s"), ["a"]);
  sink.stall();
  for (const source of sources) admit(source, "1");
  await time.tickAsync(2_000);
  assertEquals([sink.writing, pool.semaphore.inUse, pool.semaphore.waiting], [3, 3, 17]);
  sink.resume();
  await time.runMicrotasks();
  assertEquals([sink.mostWriting, sink.taken.length, pool.semaphore.inUse], [3, 20, 0]);
  // The observer learns which had to wait, and how long.
  assertEquals(seen.waits, [0, 0, 0, ...Array(17).fill(2)]);
});

Deno.test("FlushPool keeps the sources of a healthy sink going while another one stalls", async () => {
  using time = new FakeTime();
  const stalled = new FakeSink();
  const healthy = new FakeSink();
  const { pool } = makePool({ stalled, healthy }, 3);
  stalled.stall();
  const stuck = attach(pool, names(50, "stuck"), ["stalled"]);
  const both = attach(pool, ["both"], ["healthy", "stalled"])[0]!;
  const fine = attach(pool, names(10, "fine"), ["healthy"]);
  for (const source of [...stuck, both]) admit(source, "1");
  await time.runMicrotasks();
  for (let round = 1; round <= 5; round++) {
    for (const source of [...fine, ...stuck]) admit(source, `${round}`);
    await time.runMicrotasks();
    for (const source of fine) assertEquals(source.ledger.delivered.records, round);
  }
  // A source of both has reached the healthy one, and holds no permit there while it waits for the other.
  assertEquals(healthy.lines("both"), ["1"]);
  assertEquals([stalled.writing, healthy.writing, both.buffer.records], [2, 0, 1]);
  stalled.resume();
  await pool.drain(1_000);
  assertEquals([stalled.lines().length, pool.semaphore.inUse], [50 * 6 + 1, 0]);
});

Deno.test("FlushPool serves sources in turn: a loud one gets no more than its share", async () => {
  using time = new FakeTime();
  const sink = new FakeSink();
  const { pool } = makePool({ a: sink }, 1);
  const [loud, ...quiet] = attach(pool, names(5, "s"), ["a"]) as [Source, ...Source[]];
  // Whoever is written comes back with more at once, and the loud one has a backlog besides.
  const byName = new Map([loud, ...quiet].map((source) => [source.name, source]));
  let flushes = 0;
  const served = new Map<string, number>();
  sink.onWrite = (name) => {
    flushes++;
    served.set(name, (served.get(name) ?? 0) + 1);
    for (const count of served.values()) {
      assertLessOrEqual(Math.abs(count - flushes / 5), 1, `after ${flushes} flushes`);
    }
    if (flushes < 200) admit(byName.get(name)!, ...(name === "s0" ? ["x", "y", "z"] : ["x"]));
  };
  for (const source of quiet) admit(source, "x");
  for (let i = 0; i < 50; i++) admit(loud, "x", "y");
  await time.runMicrotasks();
  assert(flushes >= 200);
  sink.onWrite = () => {};
  await pool.drain(1_000);
  for (const source of byName.values()) assertBalanced(source);
});

Deno.test("FlushPool takes a permit for every attempt, for repeated ones too", async () => {
  using time = new FakeTime();
  const sink = new FakeSink();
  const { pool, seen } = makePool({ a: sink });
  const [source] = attach(pool, ["s"], ["a"]);
  sink.writeErrors.push(busy());
  admit(source!, "1");
  await time.runMicrotasks();
  const held = await pool.semaphore.acquire({ lane: "a" });
  await time.tickAsync(100);
  await time.tickAsync(3_000);
  assertEquals([sink.calls.length, pool.semaphore.waiting], [1, 1]);
  held[Symbol.dispose]();
  await time.runMicrotasks();
  assertEquals([sink.lines(), seen.waits], [["1"], [0, 3]]);
});

Deno.test("FlushPool.drain() flushes everything, worth it or not", async () => {
  using time = new FakeTime();
  const sink = new FakeSink();
  const { pool } = makePool({ a: sink }, 2);
  const lazy = { records: 4, bytes: NEVER, linger: NEVER };
  const sources = attach(pool, names(10, "s"), ["a"], lazy);
  for (const source of sources) admit(source, "1", "2", "3");
  await time.tickAsync(1_000);
  assertEquals(sink.taken, []);
  await pool.drain(1_000);
  for (const source of sources) {
    assertEquals(sink.lines(source.name), ["1", "2", "3"]);
    assertEquals([source.buffer.records, source.memory.used], [0, 0]);
  }
  assertEquals(pool.semaphore.inUse, 0);
});

Deno.test("FlushPool.drain() waits for retries, and does not spin when there is nothing", async () => {
  using time = new FakeTime();
  const sink = new FakeSink();
  const { pool } = makePool({ a: sink });
  const [source] = attach(pool, names(2, "s"), ["a"]);
  sink.writeErrors.push(busy(), busy());
  admit(source!, "1");
  let drained = false;
  const draining = pool.drain(10_000).then(() => drained = true);
  await time.runMicrotasks();
  assertEquals(drained, false);
  for (let i = 0; i < 3; i++) await time.tickAsync(100);
  await draining;
  assertEquals(sink.lines(), ["1"]);
});

Deno.test("FlushPool.drain() gives up at the timeout: what is stuck stays counted in the buffer", async () => {
  using time = new FakeTime();
  const stalled = new FakeSink();
  const healthy = new FakeSink();
  const { pool } = makePool({ stalled, healthy }, 3);
  stalled.stall(); // for ever: this write never resolves
  const [stuck, behind] = attach(pool, ["stuck", "behind"], ["stalled"]);
  const fine = attach(pool, ["fine"], ["healthy"], { records: 10, bytes: NEVER, linger: NEVER })[0]!;
  const both = attach(pool, ["both"], ["healthy", "stalled"])[0]!;
  for (const source of [stuck!, behind!, fine, both]) admit(source, "1", "2");
  let drained = false;
  const draining = pool.drain(5_000).then(() => drained = true);
  await time.tickAsync(4_999);
  await time.runMicrotasks();
  assertEquals(drained, false);
  assertEquals(fine.ledger.delivered.records, 2);
  await time.tickAsync(1);
  await draining;
  for (const source of [stuck!, behind!, both]) {
    const { received, dropped, delivered, buffered } = source.snapshot();
    assertEquals([received, dropped, delivered, buffered].map(({ records }) => records), [2, 0, 0, 2]);
    assertBalanced(source);
  }
  assertEquals([pool.semaphore.inUse, pool.semaphore.waiting], [0, 0]);
  // A write that ends after all changes nothing any more.
  stalled.resume();
  await time.runMicrotasks();
  assertEquals(stuck!.buffer.records, 2);
});

Deno.test("FlushPool.drain() gives up a write that began at the moment of the timeout, and gives back its permit", async () => {
  using time = new FakeTime();
  const sink = new FakeSink();
  const { pool } = makePool({ a: sink });
  const [source] = attach(pool, ["s"], ["a"]);
  const draining = pool.drain(1_000);
  await draining;
  sink.stall();
  admit(source!, "1"); // the flush asks for its permit now, gets it, and begins ...
  assertEquals(pool.semaphore.inUse, 1);
  const again = pool.drain(0);
  time.tick(0); // ... and before it can go on the time is up
  await again;
  await time.runMicrotasks();
  assertEquals([pool.semaphore.inUse, sink.lines(), source!.buffer.records], [0, [], 1]);
  sink.resume();
});

Deno.test("FlushPool.close() closes every sink and says which ones failed", async () => {
  const good = new FakeSink();
  const bad = new FakeSink();
  bad.close = () => Promise.reject(busy());
  const { pool } = makePool({ bad, good });
  assertEquals([...await pool.close()].map(([name, error]) => [name, String(error)]), [[
    "bad",
    "SinkError: busy",
  ]]);
  assert(good.closed);
});

Deno.test("FlushPool loses, doubles and reorders nothing, and leaks no permit, whatever fails", async () => {
  const event = fc.oneof(
    fc.record({
      kind: fc.constant("admit" as const),
      source: fc.nat(2),
      records: fc.integer({ min: 1, max: 6 }),
    }),
    fc.record({ kind: fc.constantFrom("busy", "broken", "stall", "resume"), sink: fc.nat(1) }),
    fc.record({ kind: fc.constant("tick" as const), ms: fc.integer({ min: 0, max: 60 }) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 40 }), fc.nat(2), async (events, spare) => {
      using time = new FakeTime(0);
      const sinks = { a: new FakeSink(), b: new FakeSink() };
      const { pool } = makePool(sinks, 2 + spare);
      const batch = { records: 3, bytes: NEVER, linger: 20 };
      const sources = [["a"], ["b"], ["b", "a"]].map((to, i) => attach(pool, [`s${i}`], to, batch)[0]!);
      const next = [0, 0, 0];
      let broke = false;
      for (const event of events) {
        if (event.kind === "admit") {
          const { source, records } = event;
          admit(sources[source]!, ...Array.from({ length: records }, () => `${next[source]!++}`));
        } else if (event.kind === "tick") await time.tickAsync(event.ms);
        else {
          const sink = [sinks.a, sinks.b][event.sink]!;
          if (event.kind === "stall") sink.stall();
          else if (event.kind === "resume") sink.resume();
          else sink.writeErrors.push(event.kind === "busy" ? busy() : broken());
          broke ||= event.kind === "broken";
        }
        for (const source of sources) assertBalanced(source);
        assertLessOrEqual(pool.semaphore.inUse, 2 + spare);
      }
      sinks.a.resume();
      sinks.b.resume();
      let drained = false;
      const draining = pool.drain(NEVER).then(() => drained = true);
      for (let i = 0; i < 200 && !drained; i++) await time.tickAsync(100);
      await draining;
      assertEquals([pool.semaphore.inUse, pool.semaphore.waiting], [0, 0]);
      for (const [i, source] of sources.entries()) {
        assertBalanced(source);
        assertEquals([source.buffer.records, source.memory.used], [0, 0]);
        for (const name of source.sinks as ("a" | "b")[]) {
          const lines = sinks[name].lines(source.name).map(Number);
          assert(lines.every((line, at) => at === 0 || line > lines[at - 1]!), "out of order, or doubled");
          if (!broke) assertEquals(lines.length, next[i], "lost without a permanent failure");
        }
      }
      assertEquals([sinks.a.mostOfOneSource <= 1, sinks.b.mostOfOneSource <= 1], [true, true]);
    }),
    { numRuns: 60 },
  );
});
