// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { type Permit, Semaphore } from "../../sinks/semaphore.ts";

/** Lets promise callbacks run; a grant is two of them away at most. */
async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

Deno.test("Semaphore() refuses fewer permits than lanes, and what is no number of permits", () => {
  for (const permits of [0, -1, 1.5, NaN, Infinity]) {
    assertThrows(() => new Semaphore({ permits }), RangeError, `current value is ${permits}`);
  }
  assertThrows(() => new Semaphore({ permits: 1, lanes: ["a", "b"] }), RangeError, "number of lanes (2)");
  // A lane that is named twice is one lane.
  assertEquals(new Semaphore({ permits: 1, lanes: ["a", "a"] }).permits, 1);
});

Deno.test("Semaphore.tryAcquire() takes what there is, not what is kept for an idle lane, and never waits", async () => {
  const semaphore = new Semaphore({ permits: 3, lanes: ["a", "b"] });
  const permits = [semaphore.tryAcquire("a"), semaphore.tryAcquire("a")];
  assertEquals([permits.every((permit) => permit?.waited === 0), semaphore.tryAcquire("a")], [
    true,
    undefined,
  ]);
  assertEquals([semaphore.inUse, semaphore.waiting, semaphore.immediate], [2, 0, 2]);
  permits.push(semaphore.tryAcquire("b"));
  assertEquals(semaphore.tryAcquire("b"), undefined);
  const waiting = semaphore.acquire({ lane: "a" });
  for (const permit of permits) permit![Symbol.dispose]();
  (await waiting)[Symbol.dispose]();
  assertEquals([semaphore.inUse, semaphore.immediate, semaphore.waited], [0, 3, 1]);
});

Deno.test("Semaphore.acquire() never has more permits out than there are", async () => {
  const semaphore = new Semaphore({ permits: 3 });
  let out = 0;
  let most = 0;
  await Promise.all(Array.from({ length: 50 }, async () => {
    using _permit = await semaphore.acquire();
    most = Math.max(most, ++out);
    assertEquals(semaphore.inUse <= 3, true);
    await turn();
    out--;
  }));
  assertEquals([most, semaphore.inUse, semaphore.waiting], [3, 0, 0]);
  assertEquals([semaphore.immediate, semaphore.waited], [3, 47]);
});

Deno.test("Semaphore.acquire() serves first come first served", async () => {
  const semaphore = new Semaphore({ permits: 1 });
  const first = await semaphore.acquire();
  const order: number[] = [];
  const rest = Array.from({ length: 5 }, async (_, i) => {
    using _permit = await semaphore.acquire();
    order.push(i);
  });
  first[Symbol.dispose]();
  // A newcomer does not overtake those whose turn it is, although nobody has run since the permit came back.
  const late = semaphore.acquire().then((permit) => {
    order.push(99);
    permit[Symbol.dispose]();
  });
  await Promise.all([...rest, late]);
  assertEquals(order, [0, 1, 2, 3, 4, 99]);
});

Deno.test("Permit[Symbol.dispose]() counts once however often it is called", async () => {
  const semaphore = new Semaphore({ permits: 2, lanes: ["a"] });
  const permits = [await semaphore.acquire({ lane: "a" }), await semaphore.acquire({ lane: "a" })];
  for (let i = 0; i < 3; i++) permits[0]![Symbol.dispose]();
  assertEquals(semaphore.inUse, 1);
  using _third = await semaphore.acquire({ lane: "a" });
  permits[0]![Symbol.dispose]();
  assertEquals(semaphore.inUse, 2);
  permits[1]![Symbol.dispose]();
});

Deno.test("Semaphore.acquire() drops an aborted waiter at once and serves the one behind it", async () => {
  const semaphore = new Semaphore({ permits: 1 });
  const held = await semaphore.acquire();
  const abort = new AbortController();
  const reason = new Error("gone");
  const aborted = assertRejects(() => semaphore.acquire({ signal: abort.signal }), Error, "gone");
  const behind = semaphore.acquire();
  assertEquals(semaphore.waiting, 2);
  abort.abort(reason);
  assertEquals(semaphore.waiting, 1);
  assertStrictEquals(await aborted, reason);
  held[Symbol.dispose]();
  (await behind)[Symbol.dispose]();
  assertEquals([semaphore.inUse, semaphore.waiting, semaphore.waited], [0, 0, 1]);
});

Deno.test("Semaphore.acquire() rejects when the signal is aborted already, and takes nothing", async () => {
  const semaphore = new Semaphore({ permits: 1 });
  await assertRejects(
    () => semaphore.acquire({ signal: AbortSignal.abort(new Error("late")) }),
    Error,
    "late",
  );
  assertEquals([semaphore.inUse, semaphore.waiting, semaphore.immediate], [0, 0, 0]);
});

Deno.test("Semaphore.acquire() leaves no listener on the signal, granted or aborted", async () => {
  const semaphore = new Semaphore({ permits: 1 });
  const abort = new AbortController();
  const { signal } = abort;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: unknown[]) => {
    listeners.add(args[1]);
    Reflect.apply(addEventListener, signal, args);
  };
  signal.removeEventListener = (...args: unknown[]) => {
    listeners.delete(args[1]);
    Reflect.apply(removeEventListener, signal, args);
  };
  const held = await semaphore.acquire({ signal });
  assertEquals(listeners.size, 0);
  const waiting = semaphore.acquire({ signal });
  assertEquals(listeners.size, 1);
  held[Symbol.dispose]();
  assertEquals(listeners.size, 0);
  // The signal is of no consequence to a permit that was granted.
  abort.abort(new Error("too late"));
  (await waiting)[Symbol.dispose]();
  assertEquals(semaphore.inUse, 0);
});

Deno.test("Permit.waited is how long it was waited for", async () => {
  using time = new FakeTime();
  const semaphore = new Semaphore({ permits: 1 });
  const held = await semaphore.acquire();
  assertEquals(held.waited, 0);
  const waiting = semaphore.acquire();
  await time.tickAsync(1_500);
  held[Symbol.dispose]();
  using permit = await waiting;
  assertEquals(permit.waited, 1_500);
  assertEquals([semaphore.immediate, semaphore.waited], [1, 1]);
});

Deno.test("Semaphore.acquire() refuses an unknown lane", async () => {
  const semaphore = new Semaphore({ permits: 1, lanes: ["disk"] });
  await assertRejects(() => semaphore.acquire({ lane: "dusk" }), RangeError, "no lane 'dusk', only disk");
  assertEquals(semaphore.inUse, 0);
});

Deno.test("Semaphore.acquire() keeps the last permit for an idle lane, whatever another lane holds", async () => {
  const semaphore = new Semaphore({ permits: 3, lanes: ["stalled", "healthy"] });
  const stalled = [
    await semaphore.acquire({ lane: "stalled" }),
    await semaphore.acquire({ lane: "stalled" }),
  ];
  const more = Array.from({ length: 10 }, () => semaphore.acquire({ lane: "stalled" }));
  assertEquals([semaphore.inUse, semaphore.waiting], [2, 10]);
  for (let i = 0; i < 5; i++) {
    // Ten that wait do not stand in the way of a lane that holds nothing.
    using permit = await semaphore.acquire({ lane: "healthy" });
    assertEquals([permit.waited, semaphore.inUse, semaphore.waiting], [0, 3, 10]);
  }
  assertEquals([semaphore.inUse, semaphore.waiting], [2, 10]);
  for (const permit of stalled) permit[Symbol.dispose]();
  for (const waiting of more) (await waiting)[Symbol.dispose]();
  assertEquals([semaphore.inUse, semaphore.waiting], [0, 0]);
});

Deno.test("Semaphore.acquire() without a lane takes no permit that is kept for one", async () => {
  const semaphore = new Semaphore({ permits: 2, lanes: ["disk"] });
  using _first = await semaphore.acquire();
  const second = semaphore.acquire();
  assertEquals([semaphore.inUse, semaphore.waiting], [1, 1]);
  const disk = await semaphore.acquire({ lane: "disk" });
  // The lane's permit comes back to be kept for it again.
  disk[Symbol.dispose]();
  assertEquals([semaphore.inUse, semaphore.waiting], [1, 1]);
  _first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
});

/** The semaphore once more, with no thought for speed: a queue that is searched from its front after every step. */
class Model {
  readonly queue: { id: number; lane: string | undefined }[] = [];
  readonly held: { id: number; lane: string | undefined }[] = [];
  constructor(readonly permits: number, readonly lanes: readonly string[]) {}

  get free(): number {
    return this.permits - this.held.length;
  }

  idle(besides?: string): number {
    return this.lanes.filter((lane) => lane !== besides && !this.held.some((held) => held.lane === lane))
      .length;
  }

  eligible(lane: string | undefined): boolean {
    return this.free >= 1 && this.free - 1 >= this.idle(lane);
  }

  serve(): void {
    for (;;) {
      const next = this.queue.findIndex(({ lane }) => this.eligible(lane));
      if (next < 0) return;
      this.held.push(...this.queue.splice(next, 1));
    }
  }
}

Deno.test("Semaphore grants the same as a naive model, whatever is acquired, released and aborted", async () => {
  const step = fc.record({
    kind: fc.constantFrom("acquire", "acquire", "release", "abort"),
    pick: fc.nat(50),
  });
  const setting = fc.record({ lanes: fc.nat(3), spare: fc.nat(3), steps: fc.array(step, { maxLength: 60 }) });
  await fc.assert(
    fc.asyncProperty(setting, async ({ lanes: count, spare, steps }) => {
      const lanes = ["a", "b", "c"].slice(0, count);
      const permits = Math.max(1, count + spare);
      const semaphore = new Semaphore({ permits, lanes });
      const model = new Model(permits, lanes);
      const granted = new Map<number, Permit>();
      const order: number[] = [];
      const aborts = new Map<number, AbortController>();
      for (const [id, { kind, pick }] of steps.entries()) {
        if (kind === "acquire") {
          const lane = [...lanes, undefined][pick % (count + 1)];
          const abort = new AbortController();
          aborts.set(id, abort);
          semaphore.acquire({ ...(lane === undefined ? {} : { lane }), signal: abort.signal }).then(
            (permit) => {
              granted.set(id, permit);
              order.push(id);
            },
            () => {},
          );
          model.queue.push({ id, lane });
        } else if (kind === "release" && model.held.length > 0) {
          const { id } = model.held.splice(pick % model.held.length, 1)[0]!;
          granted.get(id)![Symbol.dispose]();
          granted.delete(id);
        } else if (kind === "abort" && model.queue.length > 0) {
          const { id } = model.queue.splice(pick % model.queue.length, 1)[0]!;
          aborts.get(id)!.abort();
        }
        const before = model.held.length;
        model.serve();
        await turn();
        // The same ones, in the same order: nobody overtakes among those who may have a permit.
        assertEquals(order.splice(0), model.held.slice(before).map(({ id }) => id));
        assertEquals([...granted.keys()].sort(), model.held.map(({ id }) => id).sort());
        assertEquals([semaphore.inUse, semaphore.waiting], [model.held.length, model.queue.length]);
        assert(semaphore.inUse <= permits);
        assert(model.free >= model.idle(), "a permit that is kept for an idle lane was given away");
        assert(!model.queue.some(({ lane }) => model.eligible(lane)), "somebody waits who need not");
      }
    }),
    { numRuns: 500 },
  );
});
