// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { accept, assertRefused, minimal, refuse, withSink } from "./config_cases.ts";

const STDOUT = { type: "stdout" };

/** A config with one file sink for each name, and this around each. */
function withSinks(around: Record<string, Record<string, unknown>>, more: Record<string, unknown> = {}) {
  const sinks = Object.entries(around).map((
    [name, keys],
  ) => [name, { type: "file", directory: name, ...keys }]);
  return minimal({ sinks: Object.fromEntries(sinks), ...more });
}

Deno.test("parseConfig() refuses dead letter sinks that do not exist, or are the sink itself", () => {
  assertRefused([
    [
      withSinks({ a: { deadLetter: "spil" }, spill: {} }),
      'sinks.a.deadLetter: "spil" is not the name of a sink: the sinks are "a", "spill"',
    ],
    [
      withSink({ type: "stdout", deadLetter: "s" }),
      'sinks.s.deadLetter: "s" is the sink itself: name another one or leave it out',
    ],
  ]);
});

Deno.test("parseConfig() refuses a circle of dead letter sinks once, and not what only leads to it", () => {
  assertEquals(
    refuse(
      withSinks({
        before: { deadLetter: "a" },
        a: { deadLetter: "b" },
        b: { deadLetter: "c" },
        c: { deadLetter: "a" },
      }),
    ),
    [
      'sinks.a.deadLetter: "b" leads back to "a" (a -> b -> c -> a), so that a batch which none of them takes would go ' +
      "round: leave deadLetter out of one of them",
    ],
  );
});

Deno.test("parseConfig() accepts chains of dead letter sinks, with the standard output at the end", () => {
  const { sinks } = accept(minimal({
    sinks: {
      a: { type: "file", directory: "a", deadLetter: "c" },
      b: { type: "file", directory: "b", deadLetter: "c" },
      c: { type: "file", directory: "c", deadLetter: "out" },
      out: STDOUT,
    },
  }));
  assertEquals(sinks.map(({ deadLetter }) => deadLetter), ["c", "c", "out", undefined]);
});

Deno.test("parseConfig() sends sources to all sinks but the dead letter sinks of others, unless told otherwise", () => {
  const sinks = { a: { deadLetter: "spill" }, spill: {}, b: {} };
  const sources = { one: {}, two: { sinks: ["spill"] }, three: { sinks: ["a", "spill"] } };
  assertEquals(accept(withSinks(sinks, { sources })).sources.map(({ sinks }) => sinks), [
    ["a", "b"],
    ["spill"],
    ["a", "spill"],
  ]);
});

Deno.test("parseConfig() refuses more concurrency than there are permits", () => {
  assertRefused([
    [
      withSink({ ...STDOUT, concurrency: 5 }),
      "sinks.s.concurrency: 5 is more than pool.permits, 4 (the default), which all sinks share: " +
      "lower concurrency or raise pool.permits",
    ],
    [
      minimal({ sinks: { s: { ...STDOUT, concurrency: 9 } }, pool: { permits: 8 } }),
      "sinks.s.concurrency: 9 is more than pool.permits, 8, which all sinks share: " +
      "lower concurrency or raise pool.permits",
    ],
  ]);
  accept(withSink({ ...STDOUT, concurrency: 4 }));
});

Deno.test("parseConfig() takes 0 for no timeout and for no circuit breaker", () => {
  const breakerOf = (breaker: unknown) => accept(withSink({ ...STDOUT, breaker })).sinks[0]!.breaker;
  assertEquals(breakerOf({ failures: 0 }), undefined);
  assertEquals(breakerOf({ failures: 0, pause: "1s" }), undefined);
  assertEquals(breakerOf({}), { failures: 5, pause: 5_000 });
  assertEquals(breakerOf({ failures: 1 }), { failures: 1, pause: 5_000 });
  assertEquals(breakerOf({ pause: 7 }), { failures: 5, pause: 7 });
  assertEquals(accept(withSink({ ...STDOUT, timeout: 0 })).sinks[0]!.timeout, Infinity);
});
