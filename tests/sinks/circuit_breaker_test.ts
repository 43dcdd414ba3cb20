// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertThrows } from "@std/assert";
import fc from "fast-check";
import { type BreakerState, CircuitBreaker } from "../../sinks/circuit_breaker.ts";

/** A breaker that opens after 3 failures for 1000 ms, its clock, and the changes that it told. */
function setUp() {
  const clock = { now: 0 };
  const changes: string[] = [];
  const breaker = new CircuitBreaker({
    failures: 3,
    pause: 1_000,
    now: () => clock.now,
    onChange: (to, from) => changes.push(`${from} -> ${to}`),
  });
  const fail = () => breaker.fail(breaker.enter()!);
  const open = () => {
    for (let i = 0; i < 3; i++) fail();
  };
  return { clock, changes, breaker, fail, open };
}

Deno.test("CircuitBreaker opens after so many failures in a row, and not one earlier", () => {
  const { breaker, fail, changes } = setUp();
  fail();
  fail();
  breaker.succeed(breaker.enter()!);
  fail();
  fail();
  assertEquals([breaker.state, breaker.opened, changes], ["closed", 0, []]);
  fail();
  assertEquals([breaker.state, breaker.opened, changes], ["open", 1, ["closed -> open"]]);
});

Deno.test("CircuitBreaker.enter() lets nobody in during the pause, then one, and all again once that succeeded", () => {
  const { clock, breaker, open, changes } = setUp();
  open();
  clock.now = 999;
  assertEquals([breaker.enter(), breaker.wait, breaker.state], [undefined, 1, "open"]);
  clock.now = 1_000;
  assertEquals([breaker.wait, breaker.state], [0, "half_open"]);
  const probe = breaker.enter()!;
  assertEquals([breaker.enter(), breaker.wait, breaker.state], [undefined, Infinity, "half_open"]);
  breaker.succeed(probe);
  assertEquals([breaker.wait, breaker.state, breaker.opened], [0, "closed", 1]);
  assertEquals(changes, ["closed -> open", "open -> half_open", "half_open -> closed"]);
});

Deno.test("CircuitBreaker begins the pause anew when the probe fails, and counts that it opened", () => {
  const { clock, breaker, open } = setUp();
  open();
  clock.now = 5_000;
  breaker.fail(breaker.enter()!);
  assertEquals([breaker.state, breaker.wait, breaker.opened], ["open", 1_000, 2]);
});

Deno.test("CircuitBreaker.cancel() lets another attempt be the probe, without a change", () => {
  const { clock, breaker, open, changes } = setUp();
  open();
  clock.now = 1_000;
  const unused = breaker.enter()!;
  breaker.cancel(unused);
  const probe = breaker.enter()!;
  breaker.fail(unused); // its time is over
  breaker.succeed(unused);
  assertEquals([breaker.isCurrent(unused), breaker.isCurrent(probe), breaker.opened], [false, true, 1]);
  breaker.succeed(probe);
  breaker.cancel(probe);
  assertEquals(breaker.state, "closed");
  assertEquals(changes.at(-1), "half_open -> closed");
});

Deno.test("CircuitBreaker ignores what comes of attempts that began before it changed", () => {
  const { clock, breaker, open } = setUp();
  const [late, later] = [breaker.enter()!, breaker.enter()!];
  open();
  breaker.succeed(late);
  assertEquals(breaker.state, "open");
  clock.now = 1_000;
  breaker.enter();
  breaker.fail(later);
  assertEquals([breaker.state, breaker.opened], ["half_open", 1]);
});

Deno.test("CircuitBreaker() refuses impossible numbers", () => {
  for (const failures of [0, -1, 1.5, NaN]) {
    assertThrows(() => new CircuitBreaker({ failures, pause: 1 }), RangeError, `value is ${failures}`);
  }
  for (const pause of [0, -1, NaN]) {
    assertThrows(() => new CircuitBreaker({ failures: 1, pause }), RangeError, `value is ${pause}`);
  }
});

Deno.test("CircuitBreaker lets in just who a list of all that happened says", () => {
  // The model keeps no state but the history, and works everything out from that.
  interface Fact {
    readonly at: number;
    readonly kind: "enter" | "succeed" | "fail" | "cancel";
    readonly attempt: number;
  }
  function judge(history: readonly Fact[], now: number): { state: BreakerState; mayEnter: boolean } {
    let since = 0; // index of the first fact that counts
    let opened: number | undefined;
    let probe: number | undefined;
    let inARow = 0;
    for (const [index, { at, kind, attempt }] of history.entries()) {
      if (opened === undefined) {
        const entered = history.findIndex((fact) => fact.kind === "enter" && fact.attempt === attempt);
        if (kind === "enter" || kind === "cancel" || entered < since) continue;
        inARow = kind === "fail" ? inARow + 1 : 0;
        if (inARow === 3) opened = at;
      } else if (kind === "enter") probe = attempt;
      else if (attempt === probe) {
        probe = undefined;
        if (kind === "fail") opened = at;
        else if (kind === "succeed") [opened, inARow, since] = [undefined, 0, index + 1];
      }
    }
    if (opened === undefined) return { state: "closed", mayEnter: true };
    if (probe !== undefined) return { state: "half_open", mayEnter: false };
    return now >= opened + 1_000
      ? { state: "half_open", mayEnter: true }
      : { state: "open", mayEnter: false };
  }
  const step = fc.oneof(
    fc.record({ kind: fc.constant("enter" as const), by: fc.constant(0) }),
    fc.record({ kind: fc.constantFrom("succeed", "fail", "fail", "cancel"), by: fc.nat(20) }),
    fc.record({ kind: fc.constant("tick" as const), by: fc.constantFrom(1, 400, 999, 1_000) }),
  );
  let opened = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 80 }), (steps) => {
      const { breaker, clock } = setUp();
      const history: Fact[] = [];
      const underWay: { attempt: number; era: number }[] = [];
      let attempts = 0;
      for (const { kind, by } of steps) {
        const expected = judge(history, clock.now);
        assertEquals(breaker.state, expected.state);
        if (kind === "tick") clock.now += by;
        else if (kind === "enter") {
          const era = breaker.enter();
          assertEquals(era !== undefined, expected.mayEnter);
          if (era === undefined) continue;
          underWay.push({ attempt: attempts, era });
          history.push({ at: clock.now, kind, attempt: attempts++ });
        } else if (underWay.length > 0) {
          const [{ attempt, era }] = underWay.splice(by % underWay.length, 1) as [typeof underWay[number]];
          breaker[kind](era);
          history.push({ at: clock.now, kind, attempt });
        }
      }
      opened += breaker.opened;
    }),
    { numRuns: 1_000 },
  );
  assertGreater(opened, 500, "too few of the sequences came to the point");
});
