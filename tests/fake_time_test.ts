// @ts-types="./types/deno_std_assert.d.ts"
import {
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
// @ts-types="../collector/types/deno_std_async.d.ts"
import { deadline } from "@std/async/deadline";
// @ts-types="../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { FakeTime, MAX_TIMERS, TimeError } from "@std/testing/time";

const realNow = performance.now.bind(performance);

Deno.test("FakeTime fakes the clocks and brings them back", () => {
  const before = { Date, setTimeout, clearTimeout, setInterval, clearInterval, now: performance.now };
  {
    using time = new FakeTime("2026-01-02T03:04:05.006Z");
    assertEquals(time.start, Date.UTC(2026, 0, 2, 3, 4, 5, 6));
    assertEquals(new Date().toISOString(), "2026-01-02T03:04:05.006Z");
    const mark = performance.now();
    time.tick(1234);
    assertEquals([Date.now() - time.start, time.now - time.start, performance.now() - mark], [
      1234,
      1234,
      1234,
    ]);
    assertEquals(new Date() instanceof before.Date, true);
  }
  const after = { Date, setTimeout, clearTimeout, setInterval, clearInterval, now: performance.now };
  for (const [name, value] of Object.entries(before)) {
    assertStrictEquals(after[name as keyof typeof after], value);
  }
});

Deno.test("FakeTime() starts at the real time unless told otherwise", () => {
  for (
    const [start, expected] of [[1.9, 1], [new Date(5), 5], ["1970-01-01T00:00:01Z", 1000], [0, 0]] as const
  ) {
    using time = new FakeTime(start);
    assertEquals(time.now, expected);
  }
  const real = Date.now();
  using time = new FakeTime(null);
  assertLess(Math.abs(time.start - real), 10_000);
});

Deno.test("FakeTime() refuses a second one and a start that is no time", () => {
  assertThrows(() => new FakeTime("yesterday-ish"), TypeError, "invalid start time yesterday-ish");
  assertThrows(() => new FakeTime(NaN), TypeError, "invalid start time");
  using _time = new FakeTime();
  assertThrows(() => new FakeTime(), TypeError, "already faked");
});

Deno.test("FakeTime.tick() fires timers in order, each at its time", () => {
  using time = new FakeTime(0);
  const fired: [string, number][] = [];
  const note = (name: string) => fired.push([name, Date.now()]);
  setTimeout(note, 30, "c");
  setTimeout(note, 10, "a");
  setTimeout(note, 10, "b");
  clearTimeout(setTimeout(note, 15, "never"));
  const interval = setInterval(note, 20, "i");
  time.tick(9);
  assertEquals(fired, []);
  time.tick(36);
  assertEquals(fired, [["a", 10], ["b", 10], ["i", 20], ["c", 30], ["i", 40]]);
  clearInterval(interval);
  time.now = 1000;
  assertEquals(fired.length, 5);
  assertThrows(() => time.now = 999, RangeError, "time must be >= 1000");
});

Deno.test("FakeTime.tickAsync() runs microtasks first, then advances", async () => {
  using time = new FakeTime(0);
  const order: string[] = [];
  Promise.resolve().then(() => setTimeout(() => order.push(`timer at ${Date.now()}`), 5));
  queueMicrotask(() => order.push("microtask"));
  await time.tickAsync(10);
  assertEquals(order, ["microtask", "timer at 5"]);
  assertEquals(time.now, 10);
});

Deno.test("FakeTime.tickAsync() does not see a timer that follows from one that it fires", async () => {
  using time = new FakeTime(0);
  let steps = 0;
  const loop = (async () => {
    for (; steps < 2; ++steps) await new Promise((resolve) => setTimeout(resolve, 10));
  })();
  await time.tickAsync(20);
  await time.runMicrotasks();
  assertEquals(steps, 1);
  await time.tickAsync(10);
  await loop;
  assertEquals(steps, 2);
});

Deno.test("FakeTime.next() advances to the next instant and fires all of it", async () => {
  using time = new FakeTime(0);
  const fired: number[] = [];
  for (const [i, ms] of [5, 5, 8, 12].entries()) setTimeout(() => fired.push(i), ms);
  assertEquals([time.next(), time.now, [...fired]], [true, 5, [0, 1]]);
  assertEquals([await time.nextAsync(), time.now, [...fired]], [true, 8, [0, 1, 2]]);
  assertEquals([time.next(), time.next(), await time.nextAsync(), time.now], [true, false, false, 12]);
});

Deno.test("FakeTime.runAll() follows timers that timers set, runToLast() does not", async () => {
  using time = new FakeTime(0);
  const fired: number[] = [];
  const chain = (left: number) => {
    fired.push(Date.now());
    if (left > 0) setTimeout(chain, 10, left - 1);
  };
  setTimeout(chain, 10, 3);
  time.runToLast();
  assertEquals(fired, [10]);
  await time.runToLastAsync();
  assertEquals(fired, [10, 20]);
  time.runAll();
  assertEquals(fired, [10, 20, 30, 40]);
  setTimeout(() => Promise.resolve().then(() => setTimeout(chain, 5, 0)), 5);
  await time.runAllAsync();
  assertEquals(fired.at(-1), 50);
});

Deno.test("FakeTime.runAll() gives up on an interval that nobody clears", () => {
  using time = new FakeTime(0);
  setInterval(() => {}, 1);
  assertThrows(() => time.runAll(), TimeError, `${MAX_TIMERS} fired`);
});

Deno.test("FakeTime reaches the timers of modules from npm", async () => {
  using time = new FakeTime(0);
  const done = delay(60_000, { persistent: false });
  await time.tickAsync(60_000);
  await done;
  const controller = new AbortController();
  const aborted = assertRejects(() => delay(60_000, { signal: controller.signal }), DOMException, "aborted");
  controller.abort();
  await aborted;
  assertEquals(time.next(), false);
});

Deno.test("FakeTime leaves AbortSignal.timeout() and what builds on it real", async () => {
  using time = new FakeTime(0);
  const error = await assertRejects(() => deadline(new Promise<void>(() => {}), 5), DOMException);
  assertEquals([error.name, time.now], ["TimeoutError", 0]);
});

Deno.test("FakeTime.delay() waits in real time", async () => {
  using time = new FakeTime(0);
  const mark = await FakeTime.restoreFor(() => performance.now());
  await time.delay(20);
  assertGreater(realNow() - mark, 15);
  assertEquals(time.now, 0);
  await assertRejects(
    () => time.delay(60_000, { signal: AbortSignal.abort() }),
    DOMException,
    "Delay was aborted.",
  );
});

Deno.test("FakeTime.restoreFor() makes time real until the callback is done, and keeps fake timers", async () => {
  using time = new FakeTime(0);
  let fired = 0;
  setTimeout(() => fired++, 10);
  const inside = await FakeTime.restoreFor(async (ms: number) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return Date.now();
  }, 2);
  assertGreater(inside, 1e12);
  assertEquals([Date.now(), fired], [0, 0]);
  const synchronous = FakeTime.restoreFor(() => Date.now());
  assertEquals(Date.now(), 0);
  assertGreater(await synchronous, 1e12);
  await assertRejects(
    () => FakeTime.restoreFor(() => Promise.reject(new RangeError("mine"))),
    RangeError,
    "mine",
  );
  time.tick(10);
  assertEquals(fired, 1);
});

Deno.test("FakeTime.restore() is refused where time is real", async () => {
  const time = new FakeTime();
  FakeTime.restore();
  assertThrows(() => time.restore(), TimeError, "already restored");
  assertThrows(() => FakeTime.restore(), TimeError, "already restored");
  await assertRejects(() => FakeTime.restoreFor(() => {}), TimeError, "not faked");
});
