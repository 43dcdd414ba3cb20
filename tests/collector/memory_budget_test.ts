// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { type MemoryAccount, MemoryBudget, type Reservation } from "../../collector/memory_budget.ts";

const NEVER = 1 << 30;
const { signal } = new AbortController();

/** Reserves bytes, one reservation of `step` after the other, for as long as that is possible. */
function fill(account: MemoryAccount, step: number): number {
  while (account.tryReserve(step));
  return account.used;
}

/** Asks for bytes and notes the outcome under a name. */
function ask(
  account: MemoryAccount,
  bytes: number,
  name: string,
  outcomes: string[],
  options = { timeout: NEVER, signal },
): void {
  account.reserve(bytes, options).then((outcome) => outcomes.push(`${name} ${outcome}`));
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

Deno.test("MemoryBudget() refuses a limit that is no positive integer", () => {
  for (const value of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => new MemoryBudget({ limit: value }), RangeError, `'limit' must be a positive integer`);
    assertThrows(() => new MemoryBudget({ limit: 1, waiting: value }), RangeError, `'waiting' must be`);
  }
});

Deno.test("MemoryAccount.tryReserve() never lets more out than the limit", () => {
  const budget = new MemoryBudget({ limit: 1_000 });
  const accounts = Array.from({ length: 50 }, () => budget.account());
  for (const account of accounts) {
    fill(account, 7);
    assertLessOrEqual(budget.used, 1_000);
  }
  assertEquals(accounts.reduce((sum, { used }) => sum + used, 0), budget.used);
  assertEquals(budget.account().tryReserve(1_001 - budget.used), false);
  assertEquals(budget.account().tryReserve(1_000 - budget.used), true);
  assertEquals(budget.used, 1_000);
});

Deno.test("MemoryAccount.tryReserve() lets one account have four fifths", () => {
  for (const step of [1, 10, 1_000]) {
    const budget = new MemoryBudget({ limit: 90_000 });
    const held = fill(budget.account(), step);
    assertEquals(Math.abs(held - 72_000) <= step, true, `${held} in steps of ${step}`);
  }
});

Deno.test("MemoryAccount.tryReserve() lets two that compete have four ninths each", () => {
  for (const step of [1, 10, 1_000]) {
    const budget = new MemoryBudget({ limit: 90_000 });
    const [a, b] = [budget.account(), budget.account()];
    for (let went = true; went;) {
      const first = a.tryReserve(step);
      went = b.tryReserve(step) || first;
    }
    for (const { used } of [a, b]) {
      assertEquals(Math.abs(used - 40_000) <= step, true, `${used} in steps of ${step}`);
    }
  }
});

Deno.test("MemoryAccount.tryReserve() always leaves something for a newcomer", () => {
  const budget = new MemoryBudget({ limit: 1 << 20 });
  for (let i = 0; i < 6; i++) {
    const newcomer = budget.account();
    // The first reservation of an account needs nothing but the bytes themselves.
    assert(newcomer.tryReserve(10), `newcomer ${i}`);
    fill(newcomer, 10);
    assertLessOrEqual(budget.used, budget.limit - 1);
  }
});

Deno.test("MemoryAccount.tryReserve() lets an account that holds nothing have everything at once", () => {
  // Or a body as large as the budget could never be read, however long it waited.
  const budget = new MemoryBudget({ limit: 100 });
  const account = budget.account();
  assertEquals([account.tryReserve(100), account.used], [true, 100]);
  assertEquals(budget.account().tryReserve(1), false);
});

Deno.test("MemoryAccount.reserve() serves an account first come first served, small ones behind large ones", async () => {
  const budget = new MemoryBudget({ limit: 100 });
  const account = budget.account();
  const outcomes: string[] = [];
  assert(account.tryReserve(60));
  ask(account, 50, "large", outcomes);
  ask(account, 1, "small", outcomes);
  assertEquals(account.tryReserve(1), false, "nobody overtakes those who wait");
  await turn();
  assertEquals(outcomes, []);
  account.release(60);
  await turn();
  assertEquals(outcomes, ["large ok", "small ok"]);
  assertEquals([account.used, budget.used], [51, 51]);
});

Deno.test("MemoryAccount.reserve() of one account does not hold up another one", async () => {
  const budget = new MemoryBudget({ limit: 100 });
  const [greedy, modest] = [budget.account(), budget.account()];
  const outcomes: string[] = [];
  assert(greedy.tryReserve(70));
  ask(greedy, 90, "greedy", outcomes);
  assert(modest.tryReserve(10));
  assert(modest.tryReserve(2));
  ask(modest, 15, "modest", outcomes);
  await turn();
  assertEquals(outcomes, []);
  greedy.release(20);
  await turn();
  assertEquals(outcomes, ["modest ok"]);
});

Deno.test("MemoryAccount.reserve() ends at its timeout, and lets the next one have what it wants", async () => {
  using time = new FakeTime();
  const budget = new MemoryBudget({ limit: 100 });
  const account = budget.account();
  const outcomes: string[] = [];
  assert(account.tryReserve(40));
  ask(account, 101, "impossible", outcomes, { timeout: 500, signal });
  ask(account, 20, "possible", outcomes);
  await time.tickAsync(499);
  await time.runMicrotasks();
  assertEquals(outcomes, []);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(outcomes, ["impossible timeout", "possible ok"]);
  await time.tickAsync(NEVER);
  assertEquals([outcomes.length, account.used], [2, 60]);
});

Deno.test("MemoryAccount.reserve() ends when aborted, at once, and lets the next one have what it wants", async () => {
  const budget = new MemoryBudget({ limit: 100 });
  const account = budget.account();
  const outcomes: string[] = [];
  const abort = new AbortController();
  const options = { timeout: NEVER, signal: abort.signal };
  assert(account.tryReserve(40));
  ask(account, 90, "gone", outcomes, options);
  ask(account, 20, "next", outcomes);
  abort.abort();
  assertEquals(account.used, 60);
  ask(account, 1, "late", outcomes, options);
  await turn();
  assertEquals(outcomes.sort(), ["gone aborted", "late aborted", "next ok"]);
  account.release(60);
});

Deno.test("MemoryAccount.reserve() turns away who would be one too many", async () => {
  const budget = new MemoryBudget({ limit: 100, waiting: 2 });
  const [account, other] = [budget.account(), budget.account()];
  const outcomes: string[] = [];
  assert(account.tryReserve(100));
  for (const name of ["first", "second", "third"]) ask(account, 10, name, outcomes);
  // Each account may have so many: those of one do not turn away those of another.
  ask(other, 10, "other", outcomes);
  await turn();
  assertEquals(outcomes, ["third crowded"]);
  account.release(100);
  await turn();
  assertEquals(outcomes, ["third crowded", "first ok", "second ok", "other ok"]);
});

Deno.test("MemoryBudget.close() sends everybody away, and keeps what is reserved until it is released", async () => {
  const budget = new MemoryBudget({ limit: 100 });
  const [a, b] = [budget.account(), budget.account()];
  const outcomes: string[] = [];
  assert(a.tryReserve(90));
  ask(a, 20, "a", outcomes);
  ask(b, 20, "b", outcomes);
  ask(b, 1, "b again", outcomes);
  budget.close();
  ask(a, 1, "late", outcomes);
  assertEquals(a.tryReserve(1), false);
  await turn();
  assertEquals(outcomes.sort(), ["a closed", "b again closed", "b closed", "late closed"]);
  assertEquals(budget.used, 90);
  a.release(90);
  await turn();
  assertEquals([budget.used, a.used, b.used, outcomes.length], [0, 0, 0, 4]);
});

Deno.test("MemoryBudget keeps its books and lets nobody wait in vain, whatever is asked, given back and aborted", async () => {
  const LIMIT = 100;
  const step = fc.record({
    kind: fc.constantFrom("reserve", "reserve", "try", "release", "release", "abort", "tick"),
    account: fc.nat(2),
    bytes: fc.integer({ min: 1, max: 110 }).map((bytes) => Math.ceil(bytes * bytes / 110)), // more small than large
    pick: fc.nat(50),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      using time = new FakeTime(0);
      const budget = new MemoryBudget({ limit: LIMIT, waiting: 4 });
      const accounts = [budget.account(), budget.account(), budget.account()];
      // The model: what is held, and who waits, by account; nothing else is known.
      const held: number[][] = [[], [], []];
      const waiting: { id: number; bytes: number; abort: AbortController }[][] = [[], [], []];
      const sum = (numbers: number[]) => numbers.reduce((sum, number) => sum + number, 0);
      const servable = (i: number, bytes: number) => {
        const rest = LIMIT - sum(held.flat()) - bytes;
        return rest >= 0 && (held[i]!.length === 0 || sum(held[i]!) + bytes <= 4 * rest);
      };
      for (const [id, { kind, account: i, bytes, pick }] of steps.entries()) {
        const account = accounts[i]!;
        if (kind === "try") {
          const expected = waiting[i]!.length === 0 && servable(i, bytes);
          assertEquals(account.tryReserve(bytes), expected);
          if (expected) held[i]!.push(bytes);
        } else if (kind === "reserve") {
          const abort = new AbortController();
          const full = waiting[i]!.length >= 4;
          const entry = { id, bytes, abort };
          waiting[i]!.push(entry);
          account.reserve(bytes, { timeout: 300, signal: abort.signal }).then((outcome: Reservation) => {
            if (outcome === "ok") {
              assertEquals(waiting[i]![0]!.id, id, "first come first served");
              held[i]!.push(bytes);
            }
            assertEquals(outcome === "crowded", full);
            waiting[i] = waiting[i]!.filter((other) => other !== entry);
          });
        } else if (kind === "release" && held[i]!.length > 0) {
          account.release(held[i]!.splice(pick % held[i]!.length, 1)[0]!);
        } else if (kind === "abort" && waiting[i]!.length > 0) {
          waiting[i]![pick % waiting[i]!.length]!.abort.abort();
        } else if (kind === "tick") time.tick(pick * 4);
        await turn();
        assertEquals(accounts.map(({ used }) => used), held.map(sum));
        assertEquals(budget.used, sum(held.flat()));
        assertLessOrEqual(budget.used, LIMIT);
        for (const [i, [first]] of waiting.entries()) {
          assertEquals(first !== undefined && servable(i, first.bytes), false, "the first waits in vain");
        }
      }
      budget.close();
      await turn();
      assertEquals(waiting, [[], [], []]);
      for (const [i, account] of accounts.entries()) account.release(sum(held[i]!));
      assertEquals(budget.used, 0);
    }),
    { numRuns: 300 },
  );
});
