// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Settlement, Settlements } from "../../collector/settlements.ts";
import { admit, makeSource } from "./sources.ts";

/** Waits for records `from` to `to`, and keeps what became of them. */
function watch(settlements: Settlements) {
  const settled: string[] = [];
  return {
    wait(from: number, to: number): void {
      settlements.wait(to, to - from).then((settlement) => settled.push(`${from}-${to} ${settlement}`));
    },
    async settled(): Promise<string[]> {
      await Promise.resolve();
      return settled.splice(0);
    },
  };
}

Deno.test("Settlements.wait() ends when the last of the records has left, in order", async () => {
  const settlements = new Settlements();
  const watched = watch(settlements);
  watched.wait(0, 2);
  watched.wait(2, 5);
  watched.wait(5, 6);
  settlements.advance(1, "delivered");
  assertEquals(await watched.settled(), []);
  settlements.advance(1, "delivered");
  assertEquals(await watched.settled(), ["0-2 delivered"]);
  settlements.advance(4, "delivered");
  assertEquals(await watched.settled(), ["2-5 delivered", "5-6 delivered"]);
});

Deno.test("Settlements.wait() ends as lost if a single record was, whichever", async () => {
  for (const lost of [0, 1, 2]) {
    const settlements = new Settlements();
    const watched = watch(settlements);
    watched.wait(1, 4);
    settlements.advance(1, "lost"); // the one before is none of it
    for (let i = 0; i < 3; i++) settlements.advance(1, i === lost ? "lost" : "delivered");
    assertEquals(await watched.settled(), ["1-4 lost"]);
    watched.wait(4, 5);
    settlements.advance(1, "delivered"); // nor is the one behind
    assertEquals(await watched.settled(), ["4-5 delivered"]);
  }
});

Deno.test("Settlements.wait() tells at once what became of records that have left, lost in case of doubt", async () => {
  const settlements = new Settlements();
  settlements.advance(2, "delivered");
  settlements.advance(2, "lost");
  settlements.advance(2, "delivered");
  assertEquals(await settlements.wait(6, 2), "delivered");
  assertEquals(await settlements.wait(5, 2), "lost");
  assertEquals(await settlements.wait(2, 2), "lost"); // it does not remember as much
});

Deno.test("Settlements.wait() tells of what was lost before it was called, once the rest has left", async () => {
  const settlements = new Settlements();
  const watched = watch(settlements);
  settlements.advance(2, "lost");
  watched.wait(1, 4);
  watched.wait(4, 5);
  assertEquals(await watched.settled(), []);
  settlements.advance(3, "delivered");
  assertEquals(await watched.settled(), ["1-4 lost", "4-5 delivered"]);
});

Deno.test("Settlements.wait() keeps the order of the records, whoever asks first", async () => {
  // A producer that was blocked learns of its admission later than one that came when there was room.
  const settlements = new Settlements();
  const watched = watch(settlements);
  watched.wait(3, 4);
  watched.wait(0, 3);
  settlements.advance(2, "lost");
  settlements.advance(1, "delivered");
  assertEquals(await watched.settled(), ["0-3 lost"]);
  settlements.advance(1, "delivered");
  assertEquals(await watched.settled(), ["3-4 delivered"]);
});

Deno.test("Settlements.evict() loses those behind what is in flight, and not what is", async () => {
  const settlements = new Settlements();
  const watched = watch(settlements);
  for (let at = 0; at < 12; at += 2) watched.wait(at, at + 2);
  settlements.evict(2, 3); // 0-3 are in flight
  settlements.evict(2, 3);
  assertEquals(await watched.settled(), []);
  settlements.advance(3, "delivered");
  assertEquals(await watched.settled(), ["0-2 delivered", "2-4 lost", "4-6 lost"]);
  settlements.advance(2, "delivered");
  assertEquals(await watched.settled(), ["6-8 lost"]); // of which one was evicted
  settlements.evict(1, 0);
  settlements.advance(1, "delivered");
  assertEquals(await watched.settled(), ["8-10 lost"]);
  settlements.advance(1, "delivered");
  assertEquals(await watched.settled(), ["10-12 delivered"]);
});

Deno.test("Source.settled() tells of eviction and delivery apart, while a flush is under way", async () => {
  const buffer = { records: 4, bytes: 100 };
  const source = makeSource({ policy: "drop_oldest", ack: "written", buffer });
  const settled = ["1", "2", "3"].map((line) => {
    const { position } = admit(source, line, line);
    if (line === "1") source.take({ records: 2, bytes: 100 });
    return source.settled(position, 2); // those of "2" are evicted for those of "3"
  });
  source.commit();
  source.take({ records: 2, bytes: 100 });
  source.commit();
  assertEquals(await Promise.all(settled), ["delivered", "lost", "delivered"]);
});

Deno.test("Settlements.close() tells everybody that the records are lost, and who asks later", async () => {
  const settlements = new Settlements();
  const watched = watch(settlements);
  watched.wait(0, 2);
  watched.wait(2, 3);
  settlements.close();
  assertEquals(await watched.settled(), ["0-2 lost", "2-3 lost"]);
  watched.wait(3, 4);
  assertEquals(await watched.settled(), ["3-4 lost"]);
  settlements.advance(1, "delivered"); // a flush that ends after all changes nothing
  watched.wait(4, 5);
  assertEquals(await watched.settled(), ["4-5 lost"]);
});

Deno.test("Settlements tell each producer what became of its records, whatever is flushed and evicted", async () => {
  const step = fc.oneof(
    fc.record({ type: fc.constant("admit" as const), records: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ type: fc.constant("take" as const), records: fc.integer({ min: 1, max: 5 }) }),
    fc.record({ type: fc.constant("evict" as const), records: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      type: fc.constant("settle" as const),
      how: fc.constantFrom<Settlement>("delivered", "lost"),
    }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const settlements = new Settlements();
      const fates: (Settlement | undefined)[] = []; // of each record
      const held: number[] = [];
      const batches: { from: number; to: number; told?: Settlement }[] = [];
      let inFlight = 0;
      const leave = (records: number[], fate: Settlement) => {
        for (const record of records) fates[record] = fate;
      };
      for (const step of steps) {
        if (step.type === "admit") {
          const from = fates.length;
          for (let i = 0; i < step.records; i++) held.push(fates.push(undefined) - 1);
          const batch: typeof batches[number] = { from, to: fates.length };
          batches.push(batch);
          settlements.wait(batch.to, step.records).then((told) => batch.told = told);
        } else if (step.type === "take") {
          if (inFlight === 0) inFlight = Math.min(step.records, held.length);
        } else if (step.type === "evict") {
          const evicted = held.splice(inFlight, step.records);
          leave(evicted, "lost");
          if (evicted.length > 0) settlements.evict(evicted.length, inFlight);
        } else if (inFlight > 0) {
          leave(held.splice(0, inFlight), step.how);
          settlements.advance(inFlight, step.how);
          inFlight = 0;
        }
        await Promise.resolve();
        for (const { from, to, told } of batches) {
          const own = fates.slice(from, to);
          if (told !== undefined) assertEquals(told, own.includes("lost") ? "lost" : "delivered");
          // Nobody is told before all is known, and none is forgotten.
          assertEquals(told === undefined, own.includes(undefined) || from >= (held[0] ?? Infinity));
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
