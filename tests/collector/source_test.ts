// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import { CHUNK_OVERHEAD } from "../../collector/chunk.ts";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { MemoryBudget } from "../../collector/memory_budget.ts";
import type { Source } from "../../collector/source.ts";
import type { PolicyName } from "../../policies/mod.ts";
import { jsonBatch } from "../sinks/batches.ts";
import { admit, assertBalanced, makeSource, offer, PRODUCER } from "./sources.ts";

const POLICIES: PolicyName[] = ["block", "drop_newest", "drop_oldest", "reject"];
const ALL = { records: 1_000_000, bytes: 1 << 30 };

/** Counts of the ledger: received, rejected, dropped, delivered, buffered. */
function books(source: Source): number[] {
  const { received, rejected, dropped, delivered, buffered } = source.snapshot();
  return [received, rejected, dropped, delivered, buffered].map(({ records }) => records);
}

function droppedBy(source: Source): Record<string, number> {
  return Object.fromEntries(
    [...source.ledger.dropped.entries()].map(([reason, { records }]) => [reason, records]),
  );
}

/** Makes a source that checks its ledger whenever it gives memory back or tells of an admission: in the middle of things. */
function watched(policy: PolicyName, buffer = { records: 4, bytes: 1_000 }) {
  const memory = new MemoryBudget({ limit: 1 << 20 }).account();
  const blocked: number[] = [];
  const source = makeSource({ policy, buffer, memory, onBlocked: (seconds) => blocked.push(seconds) });
  const seen = { releases: 0, admissions: 0 };
  const release = memory.release.bind(memory);
  memory.release = (bytes) => {
    seen.releases++;
    assertBalanced(source);
    release(bytes);
  };
  source.onAdmitted = () => {
    seen.admissions++;
    assertBalanced(source);
  };
  return { source, memory, blocked, seen };
}

Deno.test("Source.offer() books what drop_newest drops", () => {
  const { source } = watched("drop_newest", { records: 6, bytes: 1_000 });
  admit(source, "a", "b");
  const batch = jsonBatch(["1", "22", "333", "4444", "55555", "666666"]);
  assertEquals(source.offer(batch, PRODUCER), {
    accepted: { records: 4, bytes: 2 + 3 + 4 + 5 },
    dropped: { records: 2, bytes: 6 + 7 },
    evicted: { records: 0, bytes: 0 },
    position: 6,
  });
  assertEquals(source.buffer.bytes, 18);
  assertEquals([books(source), droppedBy(source)], [[8, 0, 2, 0, 6], { buffer_full: 2 }]);
  assertBalanced(source);
});

Deno.test("Source books the memory that its buffer takes up, until its last record has left", () => {
  const { source, memory } = watched("reject", { records: 10, bytes: 1_000_000 });
  admit(source, "1");
  const small = memory.used;
  assertGreaterOrEqual(small, 4096 + CHUNK_OVERHEAD); // the smallest chunk, and the ends and times of its records
  assertLessOrEqual(small, 4096 + CHUNK_OVERHEAD + 1024);
  const data = new Uint8Array(500_000);
  source.offer({ format: "binary", data, ends: Uint32Array.of(data.length), owned: true }, PRODUCER);
  assertGreaterOrEqual(memory.used, data.length);
  source.take({ records: 1, bytes: 10 });
  source.commit();
  assertLessOrEqual(memory.used, data.length + CHUNK_OVERHEAD + 1024);
  source.take(ALL);
  source.commit();
  assertEquals(memory.used, 0);
});

Deno.test("Source.offer() books what drop_oldest evicts", () => {
  const { source } = watched("drop_oldest");
  admit(source, "1", "2", "3");
  admit(source, "44", "55", "66");
  assertEquals([books(source), droppedBy(source)], [[6, 0, 2, 0, 4], { evicted: 2 }]);
  assertEquals(source.buffer.bytes, 2 + 3 * 3);
  assertBalanced(source);
});

Deno.test("Source.offer() books what drop_oldest can neither keep nor evict", () => {
  const { source } = watched("drop_oldest");
  admit(source, "1", "2", "3");
  source.take(ALL);
  const { accepted, dropped, evicted } = admit(source, "4", "5");
  assertEquals([accepted.records, dropped.records, evicted.records], [1, 1, 0]);
  assertEquals([books(source), droppedBy(source)], [[5, 0, 1, 0, 4], { buffer_full: 1 }]);
});

Deno.test("Source.offer() books a rejected batch as a whole, and keeps nothing of it", async () => {
  for (const policy of POLICIES) {
    const { source, memory } = watched(policy);
    assertEquals(await offer(source, ["1", "2", "3", "4", "5"]), { rejected: "too_large" });
    assertEquals([books(source), memory.used], [[5, 5, 0, 0, 0], 0]);
    source.close();
    assertEquals(await offer(source, ["1"]), { rejected: "closed" });
    assertEquals([...source.ledger.rejected.entries()].map(([reason, { records }]) => [reason, records]), [
      ["too_large", 5],
      ["shutting_down", 1],
    ]);
    assertBalanced(source);
  }
});

Deno.test("Source.offer() of no records books nothing", () => {
  const { source, seen } = watched("reject");
  admit(source, "1");
  assertEquals(admit(source), {
    accepted: { records: 0, bytes: 0 },
    dropped: { records: 0, bytes: 0 },
    evicted: { records: 0, bytes: 0 },
    position: 1,
  });
  assertEquals([books(source), seen.admissions], [[1, 0, 0, 0, 1], 1]);
});

Deno.test("Source.offer() balances within the commit that lets a blocked producer in", async () => {
  const { source, blocked, seen } = watched("block");
  admit(source, "1", "2", "3");
  source.take(ALL);
  const admissions = [["44", "55"], ["666"], ["7", "8", "9"]].map((lines) => offer(source, lines));
  assertEquals([books(source), source.buffer.producersWaiting], [[3, 0, 0, 0, 3], 3]);
  const { admissions: before } = seen;
  source.commit();
  // Two of the three are in already, and have been booked, before any of them knows.
  assertEquals([seen.admissions - before, books(source)], [2, [6, 0, 0, 3, 3]]);
  assertBalanced(source);
  const [first, second] = await Promise.all(admissions.slice(0, 2));
  assert("accepted" in first! && "accepted" in second!);
  assertEquals([first.position, second.position], [5, 6]);
  await Promise.resolve();
  source.take(ALL);
  source.discard();
  await admissions[2];
  await Promise.resolve();
  assertEquals(books(source), [9, 0, 3, 3, 3]);
  assertEquals(blocked.length, 3);
});

Deno.test("Source.offer() tells how long a producer was blocked, whatever came of it", async () => {
  using time = new FakeTime();
  const { source, blocked } = watched("block");
  admit(source, "1", "2", "3", "4");
  assertEquals(blocked, []);
  const abort = new AbortController();
  const timedOut = offer(source, ["5"]);
  await time.tickAsync(1_000);
  const aborted = offer(source, ["6"], { signal: abort.signal });
  await time.tickAsync(250);
  abort.abort();
  assertEquals(await aborted, { rejected: "aborted" });
  await time.tickAsync(3_750);
  assertEquals(await timedOut, { rejected: "overloaded" });
  const admitted = offer(source, ["7"]);
  await time.tickAsync(2_000);
  source.take(ALL);
  source.commit();
  assert("accepted" in await admitted);
  assertEquals(blocked, [0.25, 5, 2]);
  assertEquals(books(source), [7, 2, 0, 4, 1]);
});

Deno.test("Source.offer() rejects who waits when the source is closed", async () => {
  const { source, memory } = watched("block");
  admit(source, "1", "2", "3", "4");
  const waiting = offer(source, ["5"]);
  source.close();
  assertEquals(await waiting, { rejected: "closed" });
  assertEquals(books(source), [5, 1, 0, 0, 4]);
  source.take(ALL);
  source.commit();
  await Promise.resolve();
  assertEquals([books(source), memory.used], [[5, 1, 0, 4, 0], 0]);
});

Deno.test("Source.settled() tells whether every record of a producer was delivered", async () => {
  const source = makeSource({ ack: "written" });
  const settlements: string[] = [];
  const wait = (name: string, ...lines: string[]) => {
    const { position, accepted } = admit(source, ...lines);
    source.settled(position, accepted.records).then((settlement) =>
      settlements.push(`${name} ${settlement}`)
    );
  };
  wait("first", "1", "2");
  wait("second", "3", "4");
  wait("third", "5");
  const flush = async (records: number, end: "commit" | "discard") => {
    source.take({ records, bytes: 1 << 30 });
    source[end]();
    await Promise.resolve();
    await Promise.resolve();
    return settlements.splice(0);
  };
  assertEquals(await flush(1, "commit"), []);
  assertEquals(await flush(2, "commit"), ["first delivered"]);
  assertEquals(await flush(1, "discard"), ["second lost"]); // of which one record was delivered before
  assertEquals(await flush(1, "commit"), ["third delivered"]);
  // Whoever asks afterwards gets the answer at once, `lost` in case of doubt.
  assertEquals([await source.settled(4, 2), await source.settled(5, 1)], ["lost", "delivered"]);
});

Deno.test("Source.abandon() tells everybody who waits, and who asks later, that records are lost", async () => {
  const source = makeSource({ ack: "written" });
  const { position } = admit(source, "1", "2");
  const waiting = source.settled(position, 2);
  source.abandon();
  assertEquals([await waiting, await source.settled(position, 2)], ["lost", "lost"]);
});

Deno.test("Source.pendingRecords and pendingBytes leave out what is in flight", () => {
  const source = makeSource();
  admit(source, "1", "22", "333");
  source.take({ records: 1, bytes: 100 });
  assertEquals([source.pendingRecords, source.pendingBytes], [2, 7]);
  assertEquals([source.buffer.records, source.buffer.bytes], [3, 9]);
  source.commit();
  assertEquals([source.pendingRecords, source.pendingBytes], [2, 7]);
});

Deno.test("Source balances and gives all memory back, whatever is offered, taken, committed and discarded", async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant("offer" as const),
      sizes: fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 6 }),
    }),
    fc.record({ kind: fc.constant("take" as const), records: fc.integer({ min: 1, max: 5 }) }),
    fc.record({
      kind: fc.constantFrom("commit" as const, "discard" as const, "abort" as const, "tick" as const),
    }),
  );
  const run = fc.tuple(fc.constantFrom(...POLICIES), fc.array(step, { maxLength: 50 }));
  await fc.assert(
    fc.asyncProperty(run, async ([policy, steps]) => {
      using time = new FakeTime(0);
      const { source, memory } = watched(policy, { records: 5, bytes: 60 });
      const waiting = new Set<AbortController>();
      const totals = { accepted: 0, dropped: 0, evicted: 0, rejected: 0 };
      const check = () => {
        assertBalanced(source);
        assertLessOrEqual(source.buffer.records, 5);
        assertLessOrEqual(source.buffer.bytes, 60);
        // No byte is in the buffer that is not booked.
        assertLessOrEqual(source.buffer.bytes, memory.used);
      };
      for (const step of steps) {
        if (step.kind === "offer") {
          const abort = new AbortController();
          waiting.add(abort);
          const admission = offer(source, step.sizes.map((size) => "x".repeat(size)), {
            signal: abort.signal,
          });
          check();
          Promise.resolve(admission).then((admission) => {
            waiting.delete(abort);
            if ("rejected" in admission) totals.rejected += step.sizes.length;
            else {
              totals.accepted += admission.accepted.records;
              totals.dropped += admission.dropped.records;
              totals.evicted += admission.evicted.records;
            }
            check();
          });
        } else if (step.kind === "take") source.take({ records: step.records, bytes: 1_000 });
        else if (step.kind === "abort") [...waiting][0]?.abort();
        else if (step.kind === "tick") time.tick(2_000);
        else if (source.buffer.inFlight !== undefined) source[step.kind]();
        check();
        for (let i = 0; i < 8; i++) await Promise.resolve();
        check();
      }
      source.close();
      for (let i = 0; i < 8; i++) await Promise.resolve();
      while (source.buffer.records > 0) {
        if (source.buffer.inFlight === undefined) source.take(ALL);
        source.commit();
        check();
      }
      // Everything is gone, and so is its memory; and what producers were told is what is in the books.
      assertEquals([memory.used, waiting.size], [0, 0]);
      const { accepted, dropped, evicted, rejected } = totals;
      const { buffer_full = 0, evicted: evictedInBooks = 0 } = droppedBy(source);
      assertEquals([buffer_full, evictedInBooks, source.ledger.rejected.total.records], [
        dropped,
        evicted,
        rejected,
      ]);
      assertEquals(source.ledger.received.records, accepted + dropped + rejected);
    }),
    { numRuns: 400 },
  );
});
