// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Source } from "../../collector/source.ts";
import { admit, makeSource } from "../collector/sources.ts";
import { FakeSink, makePool } from "./fake_sink.ts";
import { watchDefects } from "./watch_defects.ts";

const NEVER = 1 << 30;

/** Sources `x`, `y` and `z` of one sink, which writes for one of them at a time. */
function setUp(records: number) {
  const sink = new FakeSink();
  const { pool, seen } = makePool({ a: sink });
  const make = (name: string) => {
    const source = makeSource({ name, sinks: ["a"], batch: { records, bytes: NEVER, linger: NEVER } });
    pool.attach(source);
    return source;
  };
  return { sink, pool, seen, x: make("x"), y: make("y"), z: make("z") };
}

function defect(): never {
  throw new TypeError("a defect");
}

function dropped({ ledger }: Source): number {
  return ledger.dropped.total.records;
}

Deno.test("Flusher tells of a defect where its source takes a batch, and no other source has the harm", async () => {
  using time = new FakeTime();
  using defects = watchDefects();
  const { sink, pool, seen, x, y, z } = setUp(1);
  y.take = defect;
  sink.stall();
  for (const source of [x, y, z]) admit(source, "1");
  assertEquals(pool.semaphore.waiting, 2);
  sink.resume();
  await time.runMicrotasks();
  assertEquals(defects.told, ["TypeError: a defect"]);
  assertEquals([x.ledger.delivered.records, dropped(x), seen.failed], [1, 0, []]);
  assertEquals([z.ledger.delivered.records, y.pendingRecords], [1, 1]);
  assertEquals([pool.semaphore.inUse, pool.semaphore.waiting], [0, 0]);
  await pool.drain(1_000);
  assertEquals([defects.told.length, y.pendingRecords, pool.semaphore.inUse], [2, 1, 0]);
});

Deno.test("Flusher.drain() rejects with a defect where its source lets a batch go, and does not wait for ever", async () => {
  using time = new FakeTime();
  const { sink, pool, x } = setUp(10);
  admit(x, "1");
  x.commit = defect;
  const rejected = assertRejects(() => pool.drain(1_000), TypeError, "a defect");
  await time.tickAsync(1_000);
  await rejected;
  assertEquals([sink.lines("x"), pool.semaphore.inUse], [["1"], 0]);
});

Deno.test("Flusher.drain() comes to an end after a defect that nobody had waited for", async () => {
  using time = new FakeTime();
  using defects = watchDefects();
  const { pool, x, y } = setUp(2);
  admit(x, "1", "2"); // so that it has flushed before
  await time.runMicrotasks();
  x.commit = defect;
  admit(x, "3", "4");
  await time.runMicrotasks();
  assertEquals(defects.told, ["TypeError: a defect"]);
  admit(x, "5");
  admit(y, "1");
  await pool.drain(1_000);
  assertEquals([x.buffer.records, y.ledger.delivered.records, pool.semaphore.inUse], [3, 1, 0]);
});
