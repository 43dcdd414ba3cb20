// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { withTimeout } from "../../sinks/attempt_timeout.ts";
import { SinkError } from "../../sinks/sink.ts";
import { listenersOf } from "./listeners.ts";

/** An attempt that ends when the test says so, and what is told of it. */
function setUp(timeout = 1_000) {
  const work = Promise.withResolvers<void>();
  const controller = new AbortController();
  const listeners = listenersOf(controller.signal);
  const timeouts: SinkError[] = [];
  let signal: AbortSignal | undefined;
  let ended: unknown = "not yet";
  const result = withTimeout((given) => {
    signal = given;
    return work.promise;
  }, { timeout, signal: controller.signal, onTimeout: (error) => timeouts.push(error) });
  result.then(() => ended = "well", (error) => ended = error);
  return { work, controller, listeners, timeouts, result, signal: () => signal!, ended: () => ended };
}

Deno.test("withTimeout() leaves an attempt alone that ends in time, and no timer or listener behind", async () => {
  using time = new FakeTime();
  const { work, listeners, timeouts, signal, result } = setUp();
  await time.tickAsync(999);
  work.resolve();
  await result;
  assertEquals([timeouts, signal().aborted, listeners(), time.next()], [[], false, 0, false]);
});

Deno.test("withTimeout() tells of the timeout at once, and ends only when the attempt has come to rest", async () => {
  using time = new FakeTime();
  const { work, listeners, timeouts, signal, ended, result } = setUp();
  await time.tickAsync(1_000);
  assertEquals(timeouts.map(({ kind, retryable }) => [kind, retryable]), [["timeout", true]]);
  assertEquals([signal().aborted, signal().reason], [true, timeouts[0]]);
  await time.tickAsync(3_600_000);
  await time.runMicrotasks();
  assertEquals(ended(), "not yet");
  work.reject(new SinkError("told to stop", { kind: "aborted", retryable: false }));
  assertStrictEquals(await assertRejects(() => result), timeouts[0]);
  assertEquals([timeouts.length, listeners(), time.next()], [1, 0, false]);
});

Deno.test("withTimeout() takes an attempt that is late and does its work for a success", async () => {
  using time = new FakeTime();
  const { work, timeouts, result } = setUp();
  await time.tickAsync(5_000);
  work.resolve();
  await result;
  assertEquals(timeouts.length, 1);
});

Deno.test("withTimeout() throws what the attempt throws in its time", async () => {
  using time = new FakeTime();
  const { work, timeouts, result } = setUp();
  const error = new SinkError("full", { kind: "ENOSPC", retryable: true });
  work.reject(error);
  assertStrictEquals(await assertRejects(() => result), error);
  assertEquals([timeouts, time.next()], [[], false]);
});

Deno.test("withTimeout() ends at once when the other signal is aborted, before and after the timeout", async () => {
  for (const late of [false, true]) {
    using time = new FakeTime();
    const { controller, listeners, signal, result } = setUp();
    if (late) await time.tickAsync(2_000);
    const reason = new Error("the daemon ends");
    controller.abort(reason);
    assertStrictEquals(await assertRejects(() => result), reason);
    assert(signal().aborted);
    assertEquals([listeners(), time.next()], [0, false]);
  }
});

Deno.test("withTimeout() without a timeout sets no timer and hands on the signal that it was given", async () => {
  using time = new FakeTime();
  const { controller, work, signal, result } = setUp(Infinity);
  assertStrictEquals(signal(), controller.signal);
  assertEquals(time.next(), false);
  work.resolve();
  await result;
});
