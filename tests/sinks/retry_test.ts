// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Patience } from "../../sinks/patience.ts";
import { MAX_RETRY_AFTER, type RetryOptions, withRetry } from "../../sinks/retry.ts";
import { SinkError } from "../../sinks/sink.ts";
import { listenersOf } from "./listeners.ts";

const full = () => new SinkError("full", { kind: "ENOSPC", retryable: true });

/** Options with which every delay is the longest that it can be, on the faked clock. */
function options(overrides: Partial<RetryOptions> = {}): RetryOptions & { delays: (number | undefined)[] } {
  const delays: (number | undefined)[] = [];
  return {
    initial: 100,
    max: 1_000,
    signal: new AbortController().signal,
    onError: (_, delay) => delays.push(delay),
    random: () => 1,
    delays,
    ...overrides,
  };
}

Deno.test("withRetry() returns at once when the first attempt succeeds", async () => {
  const given = options();
  assertEquals(await withRetry(() => Promise.resolve(), given), { ok: true });
  assertEquals(given.delays, []);
});

Deno.test("withRetry() doubles the limit of the delay up to max", async () => {
  using time = new FakeTime();
  const given = options();
  const start = Date.now();
  let attempts = 0;
  const result = withRetry(() => ++attempts < 8 ? Promise.reject(full()) : Promise.resolve(), given);
  await time.runAllAsync();
  assertEquals(await result, { ok: true });
  assertEquals(given.delays, [100, 200, 400, 800, 1_000, 1_000, 1_000]);
  assertEquals(Date.now() - start, 4_500);
});

Deno.test("withRetry() spreads delays evenly from zero to their limit", async () => {
  using time = new FakeTime();
  const random = [0, 0.25, 0.5, 0.999];
  const given = options({ random: () => random.shift() ?? 0 });
  let attempts = 0;
  const result = withRetry(() => ++attempts < 5 ? Promise.reject(full()) : Promise.resolve(), given);
  await time.runAllAsync();
  assertEquals(await result, { ok: true });
  assertEquals(given.delays, [0, 50, 200, 799.2]);
});

Deno.test("withRetry() keeps within max after very many attempts", async () => {
  using time = new FakeTime();
  const given = options();
  let attempts = 0;
  const result = withRetry(() => ++attempts < 1_030 ? Promise.reject(full()) : Promise.resolve(), given);
  await time.runAllAsync();
  assertEquals(await result, { ok: true });
  assertEquals(given.delays.at(-1), 1_000);
});

Deno.test("withRetry() makes its last attempt at the end of maxElapsed", async () => {
  using time = new FakeTime();
  const given = options({ patience: new Patience({ maxElapsed: 1_000 }) });
  const attempts: number[] = [];
  const start = Date.now();
  const result = withRetry(() => {
    attempts.push(Date.now() - start);
    return Promise.reject(full());
  }, given);
  await time.runAllAsync();
  const ended = await result;
  assert(!ended.ok);
  assertEquals([ended.reason, ended.error.kind], ["expired", "ENOSPC"]);
  assertEquals(attempts, [0, 100, 300, 700, 1_000]);
  assertEquals(given.delays, [100, 200, 400, 300, undefined]);
});

Deno.test("withRetry() measures maxElapsed from the first failure", async () => {
  using time = new FakeTime();
  const given = options({ patience: new Patience({ maxElapsed: 50 }) });
  let attempts = 0;
  const result = withRetry(async () => {
    attempts++;
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    throw full();
  }, given);
  await time.runAllAsync();
  const ended = await result;
  assert(!ended.ok && ended.reason === "expired");
  assertEquals(attempts, 2);
});

Deno.test("withRetry() makes one attempt when maxElapsed is zero", async () => {
  const given = options({ patience: new Patience({ maxElapsed: 0 }) });
  const ended = await withRetry(() => Promise.reject(full()), given);
  assert(!ended.ok && ended.reason === "expired");
  assertEquals(given.delays, [undefined]);
});

Deno.test("withRetry() does not retry a permanent error", async () => {
  const error = new SinkError("no such topic", { kind: "unknown", retryable: false });
  const given = options();
  assertEquals(await withRetry(() => Promise.reject(error), given), {
    ok: false,
    error,
    reason: "permanent",
  });
  assertEquals(given.delays, [undefined]);
});

Deno.test("withRetry() retries what the operating system reports, and takes anything else for a defect", async () => {
  using time = new FakeTime();
  const kinds: string[] = [];
  const errors: unknown[] = [
    new Deno.errors.PermissionDenied("no"),
    Object.assign(new Error("x"), { code: "EIO" }),
    new TypeError("undefined is not a function"),
  ];
  const given = options({ onError: (error) => kinds.push(error.kind) });
  const result = withRetry(() => Promise.reject(errors.shift()), given);
  await time.runAllAsync();
  const ended = await result;
  assert(!ended.ok && ended.reason === "permanent");
  assert(ended.error.cause instanceof TypeError);
  assertEquals(kinds, ["EACCES", "EIO", "unknown"]);
});

Deno.test("withRetry() ends a delay at once when aborted and leaves no timer or listener", async () => {
  using time = new FakeTime();
  const controller = new AbortController();
  const listeners = listenersOf(controller.signal);
  const given = options({ signal: controller.signal, initial: 60_000, max: 60_000 });
  const start = Date.now();
  const result = withRetry(() => Promise.reject(full()), given);
  await time.tickAsync(10);
  assertEquals(listeners(), 1);
  controller.abort();
  const ended = await result;
  assert(!ended.ok);
  assertEquals([ended.reason, ended.error.kind], ["aborted", "ENOSPC"]);
  assertEquals(given.delays, [60_000]);
  await time.runAllAsync();
  assertEquals(Date.now() - start, 10);
});

Deno.test("withRetry() leaves no listener after it succeeded", async () => {
  using time = new FakeTime();
  const { signal } = new AbortController();
  const listeners = listenersOf(signal);
  let attempts = 0;
  const result = withRetry(
    () => ++attempts < 5 ? Promise.reject(full()) : Promise.resolve(),
    options({ signal }),
  );
  await time.runAllAsync();
  assertEquals(await result, { ok: true });
  assertEquals(listeners(), 0);
});

Deno.test("withRetry() calls an attempt that ended with the signal's reason aborted", async () => {
  const controller = new AbortController();
  const ended = await withRetry(() => {
    controller.abort(new Error("deadline"));
    return Promise.reject(controller.signal.reason);
  }, options({ signal: controller.signal }));
  assert(!ended.ok);
  assertEquals([ended.reason, ended.error.kind, ended.error.retryable], ["aborted", "aborted", false]);
});

Deno.test("withRetry() makes no attempt when aborted before", async () => {
  let attempts = 0;
  const ended = await withRetry(() => {
    attempts++;
    return Promise.resolve();
  }, options({ signal: AbortSignal.abort() }));
  assert(!ended.ok && ended.reason === "aborted" && ended.error.kind === "aborted");
  assertEquals(attempts, 0);
});

/** Fails once, asked to come again after so long; returns the pauses that were made. */
async function pausesAfter(retryAfter: number, overrides: Partial<RetryOptions> = {}) {
  using time = new FakeTime();
  const given = options(overrides);
  const asked = new SinkError("slow down", { kind: "503", retryable: true, retryAfter });
  let attempts = 0;
  const start = Date.now();
  const result = withRetry(() => ++attempts < 2 ? Promise.reject(asked) : Promise.resolve(), given);
  await time.runAllAsync();
  assertEquals(await result, { ok: true });
  assertEquals(Date.now() - start, given.delays[0]);
  return given.delays;
}

Deno.test("withRetry() pauses for as long as it was asked to, and the random delay on top", async () => {
  assertEquals(await pausesAfter(30_000), [30_100]);
  assertEquals(await pausesAfter(30_000, { random: () => 0 }), [30_000]);
  assertEquals(await pausesAfter(0), [100]);
});

Deno.test("withRetry() lets nobody ask for more than five minutes", async () => {
  assertEquals(MAX_RETRY_AFTER, 300_000);
  assertEquals(await pausesAfter(86_400_000, { random: () => 0 }), [300_000]);
});

Deno.test("withRetry() pauses no longer than it is patient, whatever it was asked for", async () => {
  assertEquals(await pausesAfter(30_000, { patience: new Patience({ maxElapsed: 500 }) }), [500]);
});

Deno.test("withRetry() counts the time that its patience has lost before", async () => {
  using time = new FakeTime();
  const patience = new Patience({ maxElapsed: 1_000 });
  patience.begin();
  await time.tickAsync(700);
  const given = options({ patience });
  const attempts: number[] = [];
  const start = Date.now();
  const result = withRetry(() => {
    attempts.push(Date.now() - start);
    return Promise.reject(full());
  }, given);
  await time.runAllAsync();
  const ended = await result;
  assert(!ended.ok && ended.reason === "expired");
  assertEquals(attempts, [0, 100, 300]);
});

Deno.test("Patience.left is all of it until it begins, and begins once", () => {
  let now = 5;
  const patience = new Patience({ maxElapsed: 100, now: () => now });
  now = 50;
  assertEquals(patience.left, 100);
  patience.begin();
  now = 80;
  patience.begin();
  assertEquals(patience.left, 70);
  now = 1_000;
  assertEquals(patience.left, -850);
});

Deno.test("Patience() refuses a negative time", () => {
  assertThrows(() => new Patience({ maxElapsed: -1 }), RangeError, "current value is -1");
});

Deno.test("withRetry() refuses impossible limits", async () => {
  const attempt = () => Promise.resolve();
  await assertRejects(() => withRetry(attempt, options({ initial: 0 })), RangeError, "current value is 0");
  await assertRejects(() => withRetry(attempt, options({ max: 99 })), RangeError, "current value is 99");
});
