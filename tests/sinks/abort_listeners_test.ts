// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { AbortListener, untilAborted } from "../../sinks/abort_listeners.ts";
import { listenersOf } from "./listeners.ts";

Deno.test("AbortListener adds one listener to a signal for all, which the last one to go takes off", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = listenersOf(signal);
  const called: number[] = [];
  const add = (i: number) => new AbortListener(signal, () => called.push(i));
  const all = Array.from({ length: 100 }, (_, i) => add(i));
  assertEquals(listeners(), 1);
  for (const listener of all) listener.remove();
  assertEquals(listeners(), 0);
  const gone = add(0);
  add(1);
  gone.remove();
  gone.remove();
  assertEquals(listeners(), 1);
  controller.abort();
  assertEquals([called, listeners()], [[1], 0]);
});

Deno.test("AbortListener tells everybody once, in order, and signals apart", () => {
  const one = new AbortController();
  const other = new AbortController();
  const called: string[] = [];
  for (const name of ["a", "b"]) new AbortListener(one.signal, () => called.push(name));
  new AbortListener(other.signal, () => called.push("other"));
  one.abort();
  one.abort();
  assertEquals(called, ["a", "b"]);
  other.abort();
  assertEquals(called, ["a", "b", "other"]);
});

Deno.test("AbortListener.remove() holds for one that another one removes when its turn comes first", () => {
  const controller = new AbortController();
  const called: string[] = [];
  new AbortListener(controller.signal, () => {
    called.push("first");
    second.remove();
  });
  const second = new AbortListener(controller.signal, () => called.push("second"));
  new AbortListener(controller.signal, () => called.push("third"));
  controller.abort();
  assertEquals(called, ["first", "third"]);
});

Deno.test("untilAborted() ends with what it waits for, or with the signal's reason, and leaves no listener", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = listenersOf(signal);
  await untilAborted(Promise.resolve(), signal);
  await assertRejects(() => untilAborted(Promise.reject(new RangeError("no")), signal), RangeError, "no");
  const { promise, reject } = Promise.withResolvers<void>();
  const waiting = assertRejects(() => untilAborted(promise, signal), TypeError, "the end");
  assertEquals(listeners(), 1);
  controller.abort(new TypeError("the end"));
  await waiting;
  await assertRejects(() => untilAborted(Promise.resolve(), signal), TypeError, "the end");
  reject(new Error("too late to matter"));
  await promise.catch(() => {});
  assertEquals(listeners(), 0);
});
