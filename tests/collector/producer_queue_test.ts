// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStrictEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { ProducerQueue, type WaitOutcome } from "../../collector/producer_queue.ts";
import { jsonBatch } from "../sinks/batches.ts";

const SIGNAL = new AbortController().signal;

/** A signal that can be aborted, and how many listen to it. */
function countedSignal(): { signal: AbortSignal; abort(): void; listeners(): number } {
  const controller = new AbortController();
  const { signal } = controller;
  const { addEventListener, removeEventListener } = signal;
  const listeners = new Set<unknown>();
  signal.addEventListener = (...args: unknown[]) => {
    listeners.add(args[1]);
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners.delete(args[1]);
    Reflect.apply(removeEventListener, signal, args);
  };
  return { signal, abort: () => controller.abort(), listeners: () => listeners.size };
}

/** Lets producers with the given names wait, and keeps how each wait ended, in that order. */
function lineUp(
  queue: ProducerQueue,
  names: string[],
  options: { timeout?: number; signal?: AbortSignal } = {},
) {
  const outcomes: string[] = [];
  const { timeout = 1_000, signal = SIGNAL } = options;
  const batches = names.map((name) => {
    const batch = jsonBatch([name]);
    queue.wait(batch, { timeout, signal }).then((outcome) => outcomes.push(`${name} ${describe(outcome)}`));
    return batch;
  });
  const ended = async () => {
    await Promise.resolve();
    return outcomes.splice(0);
  };
  return { batches, ended };
}

function describe(outcome: WaitOutcome): string {
  return outcome.status === "admitted" ? `admitted at ${outcome.position}` : outcome.status;
}

Deno.test("ProducerQueue.admitFirst() lets producers go on first come first served", async () => {
  const queue = new ProducerQueue(10);
  assertEquals([queue.size, queue.first], [0, undefined]);
  const { batches, ended } = lineUp(queue, ["a", "b", "c"]);
  assertEquals(await ended(), []);
  for (const [i, name] of ["a", "b", "c"].entries()) {
    assertEquals(queue.size, 3 - i);
    assertStrictEquals(queue.first, batches[i]);
    queue.admitFirst(7 + i);
    assertEquals(await ended(), [`${name} admitted at ${7 + i}`]);
  }
  assertEquals([queue.size, queue.first], [0, undefined]);
  queue.admitFirst(10); // nobody is there
});

Deno.test("ProducerQueue.wait() sends away who comes beyond the limit, until one has left", async () => {
  const queue = new ProducerQueue(2);
  const { ended } = lineUp(queue, ["a", "b", "c"]);
  assertEquals([await ended(), queue.size], [["c crowded"], 2]);
  queue.admitFirst(1);
  const later = lineUp(queue, ["d", "e"]);
  assertEquals([await ended(), await later.ended()], [["a admitted at 1"], ["e crowded"]]);
  queue.close();
});

Deno.test("ProducerQueue.wait() drops an aborted producer at once, from the middle too", async () => {
  let givenUp = 0;
  const queue = new ProducerQueue(10, () => givenUp++);
  const { signal, abort, listeners } = countedSignal();
  const first = lineUp(queue, ["a"]);
  const middle = lineUp(queue, ["b"], { signal });
  const last = lineUp(queue, ["c"]);
  assertEquals([queue.size, listeners()], [3, 1]);
  abort();
  assertEquals([queue.size, listeners(), givenUp], [2, 0, 1]);
  assertEquals(await middle.ended(), ["b aborted"]);
  queue.admitFirst(1);
  assertStrictEquals(queue.first, last.batches[0]);
  queue.admitFirst(2);
  assertEquals([await first.ended(), await last.ended()], [["a admitted at 1"], ["c admitted at 2"]]);
  assertEquals(givenUp, 1);
});

Deno.test("ProducerQueue.wait() ends at once if the signal is aborted already", async () => {
  const queue = new ProducerQueue(10);
  const { ended } = lineUp(queue, ["a"], { signal: AbortSignal.abort() });
  assertEquals([await ended(), queue.size], [["a aborted"], 0]);
});

Deno.test("ProducerQueue.wait() leaves no listener and no timer behind, however it ends", async () => {
  using time = new FakeTime();
  const endings: Record<string, (queue: ProducerQueue, abort: () => void) => void> = {
    "admitted at 1": (queue) => queue.admitFirst(1),
    "timeout": () => time.tick(1_000),
    "aborted": (_, abort) => abort(),
    "closed": (queue) => queue.close(),
  };
  for (const [ending, end] of Object.entries(endings)) {
    const { signal, abort, listeners } = countedSignal();
    const queue = new ProducerQueue(10);
    const { ended } = lineUp(queue, ["a"], { signal });
    assertEquals(listeners(), 1);
    end(queue, abort);
    assertEquals([await ended(), queue.size, listeners()], [[`a ${ending}`], 0, 0]);
    assertEquals(time.next(), false, `${ending} leaves a timer behind`);
  }
});

Deno.test("ProducerQueue.wait() gives up at its timeout, not a millisecond earlier", async () => {
  using time = new FakeTime();
  const order: string[] = [];
  const queue = new ProducerQueue(10, () => order.push(`${queue.size} left`));
  const short = lineUp(queue, ["a", "b"], { timeout: 100 });
  const long = lineUp(queue, ["c"], { timeout: 101 });
  time.tick(99);
  assertEquals([await short.ended(), queue.size], [[], 3]);
  time.tick(1);
  // Who gives up has left when the next one is told of it.
  assertEquals([await short.ended(), order], [["a timeout", "b timeout"], ["2 left", "1 left"]]);
  assertStrictEquals(queue.first, long.batches[0]);
  time.tick(1);
  assertEquals([await long.ended(), queue.size], [["c timeout"], 0]);
});

Deno.test("ProducerQueue.close() sends everybody away, and who comes later", async () => {
  let givenUp = 0;
  const queue = new ProducerQueue(3, () => givenUp++);
  const { ended } = lineUp(queue, ["a", "b", "c"]);
  queue.close();
  assertEquals([queue.size, queue.first], [0, undefined]);
  assertEquals(await ended(), ["a closed", "b closed", "c closed"]);
  const later = lineUp(queue, ["d"]);
  assertEquals(await later.ended(), ["d closed"]);
  assertEquals(givenUp, 0); // there is nobody to come next
  queue.close();
});
