// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { Lingerer, LingerLine } from "../../sinks/linger_line.ts";

/** A line, and who was called there and when. */
function setUp(time: FakeTime, linger: number) {
  const line = new LingerLine(linger);
  const called: string[] = [];
  const make = (name: string) => new Lingerer(() => called.push(`${name} ${time.now - time.start}`));
  return { line, called, make };
}

Deno.test("LingerLine calls everybody when the time is over, and not a millisecond before", () => {
  using time = new FakeTime();
  const { line, called, make } = setUp(time, 200);
  const [a, b] = [make("a"), make("b")];
  line.join(a);
  time.tick(150);
  line.join(b);
  line.join(a); // lingers already
  time.tick(49);
  assertEquals(called, []);
  time.tick(1);
  assertEquals(called, ["a 200"]);
  time.tick(1_000);
  assertEquals(called, ["a 200", "b 350"]);
  assertEquals(time.next(), false);
});

Deno.test("LingerLine calls who has lingered for a part of the time before those who came earlier", () => {
  using time = new FakeTime();
  const { line, called, make } = setUp(time, 200);
  for (const name of ["a", "b"]) line.join(make(name));
  line.join(make("old"), 150);
  line.join(make("older"), 170);
  line.join(make("oldest"), 1_000);
  time.tick(0);
  assertEquals(called, ["oldest 0"]);
  time.tick(200);
  assertEquals(called, ["oldest 0", "older 30", "old 50", "a 200", "b 200"]);
});

Deno.test("LingerLine.leave() leaves no timer behind where nobody lingers", () => {
  using time = new FakeTime();
  const { line, called, make } = setUp(time, 200);
  const [a, b] = [make("a"), make("b")];
  line.leave(a); // never lingered
  line.join(a);
  time.tick(10);
  line.join(b);
  line.leave(a);
  time.tick(200);
  assertEquals([called, time.next()], [["b 210"], false]);
  line.join(a);
  line.leave(a);
  assertEquals(time.next(), false);
});

Deno.test("LingerLine calls nobody twice in a turn who comes back at once and has no time to wait", () => {
  using time = new FakeTime();
  const line = new LingerLine(0);
  let calls = 0;
  const again = new Lingerer(() => {
    calls++;
    line.join(again);
  });
  line.join(again);
  for (let turn = 1; turn <= 3; turn++) {
    time.next();
    assertEquals(calls, turn);
  }
  line.leave(again);
  assertEquals(time.next(), false);
});

Deno.test("LingerLine calls everybody as a timer of each would", () => {
  const steps = fc.array(
    fc.record({ who: fc.nat(5), age: fc.nat(250), leave: fc.boolean(), ms: fc.nat(90) }),
  );
  fc.assert(fc.property(steps, (steps) => {
    using time = new FakeTime();
    const line = new LingerLine(200);
    const called: string[] = [];
    const expected: string[] = [];
    const lingerers = Array.from(
      { length: 6 },
      (_, i) => new Lingerer(() => called.push(`${i} ${time.now - time.start}`)),
    );
    const timers = new Map<number, ReturnType<typeof setTimeout>>();
    for (const { who, age, leave, ms } of steps) {
      if (leave) {
        line.leave(lingerers[who]!);
        clearTimeout(timers.get(who));
        timers.delete(who);
      } else {
        line.join(lingerers[who]!, age);
        if (!timers.has(who)) {
          timers.set(
            who,
            setTimeout(() => {
              timers.delete(who);
              expected.push(`${who} ${time.now - time.start}`);
            }, Math.max(0, 200 - age)),
          );
        }
      }
      for (let i = 0; i < ms; i++) time.tick(1);
    }
    time.tick(1_000);
    assertEquals(called.toSorted(), expected.toSorted());
  }));
});
