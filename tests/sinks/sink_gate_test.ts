// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { CircuitBreaker } from "../../sinks/circuit_breaker.ts";
import { Patience } from "../../sinks/patience.ts";
import { Semaphore } from "../../sinks/semaphore.ts";
import { SinkError } from "../../sinks/sink.ts";
import type { Pass } from "../../sinks/pass.ts";
import { SinkGate, type SinkGateOptions } from "../../sinks/sink_gate.ts";
import { listenersOf } from "./listeners.ts";

const FOREVER = new Patience({ maxElapsed: Infinity });

/** A gate of sink `a`, in a pool with a sink `b`, and who has come in, in order. */
function setUp(options: Partial<SinkGateOptions> = {}, permits = 4) {
  const semaphore = new Semaphore({ permits, lanes: ["a", "b"] });
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = listenersOf(signal);
  const gate = new SinkGate({ name: "a", semaphore, ...options });
  const entered: string[] = [];
  const passes = new Map<string, Pass>();
  const errors = new Map<string, unknown>();
  const come = (name: string, patience = FOREVER) => {
    gate.enter(patience, signal).then((pass) => {
      entered.push(name);
      passes.set(name, pass);
    }, (error) => errors.set(name, error));
  };
  const leave = (name: string) => passes.get(name)![Symbol.dispose]();
  return { semaphore, controller, listeners, gate, entered, passes, errors, come, leave };
}

/** A breaker that opens at the first failure, for a second. */
function touchy(): CircuitBreaker {
  return new CircuitBreaker({ failures: 1, pause: 1_000 });
}

Deno.test("SinkGate lets no more in than its concurrency, and who waits holds no permit of the pool", async () => {
  using time = new FakeTime();
  const { gate, semaphore, listeners, come, leave, entered } = setUp({ concurrency: 2 });
  for (const name of ["1", "2", "3", "4", "5"]) come(name);
  await time.runMicrotasks();
  assertEquals([gate.inside, gate.waiting, semaphore.inUse, semaphore.waiting], [2, 3, 2, 0]);
  leave("2");
  leave("2"); // counts once
  await time.runMicrotasks();
  assertEquals([entered, gate.inside, gate.waiting, semaphore.inUse], [["1", "2", "3"], 2, 2, 2]);
  for (const name of ["1", "3"]) leave(name);
  await time.runMicrotasks();
  for (const name of ["4", "5"]) leave(name);
  assertEquals([entered, gate.inside, gate.waiting, semaphore.inUse], [["1", "2", "3", "4", "5"], 0, 0, 0]);
  assertEquals([listeners(), time.next()], [0, false]);
});

Deno.test("SinkGate serves first come first served: nobody who comes later overtakes", async () => {
  using time = new FakeTime();
  const { come, leave, entered } = setUp({ concurrency: 1 });
  for (const name of ["1", "2", "3"]) come(name);
  await time.runMicrotasks();
  leave("1"); // serves 2, which has not had its turn yet
  come("4");
  await time.runMicrotasks();
  leave("2");
  await time.runMicrotasks();
  leave("3");
  await time.runMicrotasks();
  assertEquals(entered, ["1", "2", "3", "4"]);
});

Deno.test("SinkGate with an open breaker keeps everybody out, without permits, until the pause is over; then one", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { gate, semaphore, come, leave, entered, passes } = setUp({ breaker });
  come("fails");
  await time.runMicrotasks();
  passes.get("fails")!.failed();
  leave("fails");
  for (const name of ["1", "2", "3"]) come(name);
  await time.tickAsync(999);
  await time.runMicrotasks();
  assertEquals([entered, gate.waiting, semaphore.inUse], [["fails"], 3, 0]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals([entered, gate.waiting, semaphore.inUse], [["fails", "1"], 2, 1]);
  await time.tickAsync(60_000);
  assertEquals(gate.waiting, 2);
  passes.get("1")!.succeeded();
  leave("1");
  await time.runMicrotasks();
  assertEquals([entered, gate.waiting, semaphore.inUse], [["fails", "1", "2", "3"], 0, 2]);
  assertEquals(time.next(), false);
});

Deno.test("SinkGate lets the next one be the probe when the probe fails, or is not made at all", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { come, leave, entered, passes } = setUp({ breaker });
  come("fails");
  await time.runMicrotasks();
  passes.get("fails")!.failed();
  leave("fails");
  for (const name of ["1", "2", "3"]) come(name);
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  passes.get("1")!.failed();
  leave("1");
  await time.tickAsync(999);
  await time.runMicrotasks();
  assertEquals(entered, ["fails", "1"]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals(entered, ["fails", "1", "2"]);
  leave("2"); // without a word
  await time.runMicrotasks();
  assertEquals(entered, ["fails", "1", "2", "3"]);
});

Deno.test("SinkGate lets a probe be made where somebody comes, or gives up, between the end of the pause and its alarm", async () => {
  for (const between of ["comes", "gives up"]) {
    using time = new FakeTime();
    let now = 0;
    const breaker = new CircuitBreaker({ failures: 1, pause: 1_000, now: () => now });
    const { gate, passes, entered, errors, come, leave } = setUp({ breaker });
    come("0");
    await time.runMicrotasks();
    passes.get("0")!.failed();
    leave("0");
    come("1");
    if (between === "gives up") come("2", new Patience({ maxElapsed: 999 }));
    now = 1_000; // and the event loop is late
    if (between === "comes") come("2");
    await time.tickAsync(999);
    await time.runMicrotasks();
    assertEquals(errors.has("2"), between === "gives up");
    await time.tickAsync(1);
    await time.runMicrotasks();
    assertEquals([entered, gate.inside, time.next()], [["0", "1"], 1, false], between);
  }
});

Deno.test("SinkGate sends back who got a permit for an attempt that the breaker does not allow any more, before all others", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { gate, semaphore, come, leave, entered, passes } = setUp({ breaker }, 2);
  come("fails");
  await time.runMicrotasks();
  come("1"); // waits for a permit: the other one is kept for sink b
  await time.runMicrotasks();
  assertEquals([gate.inside, semaphore.waiting], [2, 1]);
  passes.get("fails")!.failed();
  come("2");
  leave("fails");
  await time.runMicrotasks();
  assertEquals([entered, gate.inside, gate.waiting, semaphore.inUse], [["fails"], 0, 2, 0]);
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  assertEquals(entered, ["fails", "1"]);
  passes.get("1")!.succeeded();
  leave("1");
  await time.runMicrotasks();
  assertEquals(entered, ["fails", "1", "2"]);
  leave("2");
  assertEquals([semaphore.inUse, gate.inside], [0, 0]);
});

Deno.test("SinkGate.enter() gives up when the patience is over while the breaker is open", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { gate, come, leave, errors, passes } = setUp({ breaker });
  come("fails");
  await time.runMicrotasks();
  passes.get("fails")!.failed();
  leave("fails");
  come("impatient", new Patience({ maxElapsed: 400 }));
  come("none", new Patience({ maxElapsed: 0 }));
  come("patient");
  await time.runMicrotasks();
  assertEquals([...errors.keys()], ["none"]);
  await time.tickAsync(399);
  await time.runMicrotasks();
  assertEquals([...errors.keys()], ["none"]);
  await time.tickAsync(1);
  await time.runMicrotasks();
  assertEquals([...errors.keys()], ["none", "impatient"]);
  const error = errors.get("impatient") as SinkError;
  assertEquals([error instanceof SinkError, error.kind, error.retryable, gate.waiting], [
    true,
    "breaker_open",
    true,
    1,
  ]);
});

Deno.test("SinkGate.enter() begins to lose patience when the breaker opens, and not while it waits for its turn", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { come, leave, entered, errors, passes } = setUp({ breaker, concurrency: 1 });
  const patience = new Patience({ maxElapsed: 400 });
  come("slow");
  await time.runMicrotasks();
  come("waits", patience);
  await time.tickAsync(10_000);
  assertEquals(patience.left, 400);
  passes.get("slow")!.failed(); // and is still under way: it has timed out, say
  await time.tickAsync(300);
  assertEquals(patience.left, 100);
  await time.tickAsync(100);
  await time.runMicrotasks();
  assertEquals([[...errors.keys()], entered], [["waits"], ["slow"]]);
  leave("slow");
  assertEquals(time.next(), false);
});

Deno.test("SinkGate.enter() lets in whose patience is over where the breaker has closed meanwhile", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { come, leave, entered, errors, passes } = setUp({ breaker, concurrency: 1 });
  come("fails");
  await time.runMicrotasks();
  passes.get("fails")!.failed();
  leave("fails");
  come("probe");
  come("waits", new Patience({ maxElapsed: 1_500 }));
  await time.tickAsync(1_000);
  await time.runMicrotasks();
  passes.get("probe")!.succeeded();
  await time.tickAsync(2_000);
  await time.runMicrotasks();
  assertEquals([...errors], [], "what it waits for is its turn");
  leave("probe");
  await time.runMicrotasks();
  assertEquals(entered, ["fails", "probe", "waits"]);
});

Deno.test("SinkGate.enter() ends at once when the signal is aborted, wherever it waits, and leaves nothing behind", async () => {
  using time = new FakeTime();
  const breaker = touchy();
  const { gate, semaphore, controller, come, errors, passes, leave } = setUp({ breaker }, 2);
  come("1");
  await time.runMicrotasks();
  come("for a permit");
  await time.runMicrotasks();
  passes.get("1")!.failed();
  come("for the breaker", new Patience({ maxElapsed: 5_000 }));
  await time.runMicrotasks();
  assertEquals([semaphore.waiting, gate.waiting], [1, 1]);
  const reason = new Error("the daemon ends");
  controller.abort(reason);
  come("too late");
  await time.runMicrotasks();
  assertEquals([...errors.keys()].sort(), ["for a permit", "for the breaker", "too late"]);
  for (const error of errors.values()) assertStrictEquals(error, reason);
  assertEquals([gate.inside, gate.waiting, semaphore.inUse, semaphore.waiting], [1, 0, 1, 0]);
  leave("1");
  assertEquals([gate.inside, semaphore.inUse, time.next()], [0, 0, false]);
});

Deno.test("SinkGate.enter() gives back a permit that was granted at the moment of the abort", async () => {
  const { gate, semaphore, controller } = setUp({ concurrency: 1 });
  const entering = gate.enter(FOREVER, controller.signal);
  assertEquals(semaphore.inUse, 1);
  controller.abort(new Error("the daemon ends"));
  await assertRejects(() => entering, Error, "the daemon ends");
  assertEquals([gate.inside, semaphore.inUse], [0, 0]);
});

Deno.test("SinkGate() refuses a concurrency that is no number of attempts", () => {
  for (const concurrency of [0, -1, 1.5, NaN, -Infinity]) {
    assertThrows(() => setUp({ concurrency }), RangeError, `current value is ${concurrency}`);
  }
});
