// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { PendingRead, ReadDeadlines } from "../../collector/read_deadlines.ts";

/** Reads that tell in one list how they were given up. */
function makeReads() {
  const ends: string[] = [];
  const read = (name: string) => new PendingRead((end) => void ends.push(`${name} ${end}`));
  return { ends, read };
}

Deno.test("ReadDeadlines gives a read at least its time and at most twice that, and gives it up once", () => {
  using time = new FakeTime();
  const { ends, read } = makeReads();
  const deadlines = new ReadDeadlines(1_000);
  deadlines.begin(read("first"));
  time.tick(999);
  deadlines.begin(read("second"));
  time.tick(1_000); // of the first 1 999 have passed, of the second 1 000
  assertEquals(ends, []);
  time.tick(1);
  assertEquals(ends.splice(0), ["first timeout", "second timeout"]);
  time.tick(10_000);
  assertEquals(ends, []);
});

Deno.test("ReadDeadlines gives a read that begins between two generations its whole time", () => {
  using time = new FakeTime();
  const { ends, read } = makeReads();
  const deadlines = new ReadDeadlines(1_000);
  deadlines.begin(read("first"));
  time.tick(1_000);
  deadlines.begin(read("second"));
  time.tick(1_000);
  assertEquals(ends.splice(0), ["first timeout"]);
  time.tick(999);
  assertEquals(ends, []);
  time.tick(1);
  assertEquals(ends, ["second timeout"]);
});

Deno.test("ReadDeadlines.done() says whether the read was still awaited, in either generation", () => {
  using time = new FakeTime();
  const { ends, read } = makeReads();
  const deadlines = new ReadDeadlines(1_000);
  const [young, old, late] = [read("young"), read("old"), read("late")];
  deadlines.begin(old);
  deadlines.begin(late);
  time.tick(1_000);
  deadlines.begin(young);
  assertEquals([deadlines.done(young), deadlines.done(old)], [true, true]);
  time.tick(1_000);
  assertEquals(ends, ["late timeout"]);
  assertEquals([deadlines.done(late), deadlines.done(old)], [false, false]);
  time.tick(10_000);
  assertEquals(ends, ["late timeout"]);
});

Deno.test("ReadDeadlines watches reads that begin after all others have ended, and keeps no timer meanwhile", () => {
  using time = new FakeTime();
  const { ends, read } = makeReads();
  const deadlines = new ReadDeadlines(1_000);
  const first = read("first");
  deadlines.begin(first);
  deadlines.done(first);
  time.runAll(); // ends only where no timer makes another one for ever
  deadlines.begin(read("second"));
  time.tick(2_000);
  assertEquals(ends, ["second timeout"]);
});

Deno.test("ReadDeadlines does not depend on the clock, which may be set", () => {
  using time = new FakeTime();
  const { ends, read } = makeReads();
  const deadlines = new ReadDeadlines(1_000);
  deadlines.begin(read("a"));
  const now = Date.now;
  Date.now = () => now() - 3_600_000;
  try {
    time.tick(2_000);
  } finally {
    Date.now = now;
  }
  assertEquals(ends, ["a timeout"]);
});

Deno.test("ReadDeadlines.close() gives up on every read, also on one that begins later", () => {
  using time = new FakeTime();
  const { ends, read } = makeReads();
  const deadlines = new ReadDeadlines(1_000);
  deadlines.begin(read("old"));
  time.tick(1_000);
  deadlines.begin(read("young"));
  deadlines.close();
  deadlines.begin(read("late"));
  assertEquals(ends.splice(0), ["old shutting_down", "young shutting_down", "late shutting_down"]);
  time.tick(10_000);
  assertEquals(ends, []);
});
