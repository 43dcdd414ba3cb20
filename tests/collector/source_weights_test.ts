// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import type { Batch } from "../../collector/batch.ts";
import type { Source } from "../../collector/source.ts";
import type { Admission } from "../../policies/mod.ts";
import { assertBalanced, makeSource, PRODUCER } from "./sources.ts";
import { jsonBatch } from "../sinks/batches.ts";

/** One record of 8 bytes, line feed included, that counts as so many. */
function heavy(weight: number): Batch {
  return { ...jsonBatch(["1234567"]), weightEnds: Uint32Array.of(weight) };
}

async function offerAll(source: Source, ...weights: number[]): Promise<Admission[]> {
  const admissions = [];
  for (const weight of weights) admissions.push(await source.offer(heavy(weight), PRODUCER));
  assertBalanced(source);
  return admissions;
}

const NOTHING = { records: 0, bytes: 0 };

Deno.test("Source counts a record by its weight, in the buffer and in every book", async () => {
  const source = makeSource({ policy: "reject", buffer: { records: 100, bytes: 1_000 } });
  const [first, second] = await offerAll(source, 70, 31);
  assertEquals(first, {
    accepted: { records: 70, bytes: 8 },
    dropped: NOTHING,
    evicted: NOTHING,
    position: 70,
  });
  assertEquals(second, { rejected: "overloaded" });
  assertEquals({ ...source.snapshot().rejected }, { records: 31, bytes: 8 });
  await offerAll(source, 30);
  assert(source.buffer.full);
  const batch = source.take({ records: 1_000, bytes: 1_000 })!;
  assertEquals([batch.ends.length, [...batch.weightEnds!]], [2, [70, 100]]);
  assertBalanced(source);
  source.commit();
  assertEquals(source.ledger.delivered.amount, { records: 100, bytes: 16 });
  assertBalanced(source);
});

Deno.test("Source rejects a record that weighs more than the whole buffer holds", async () => {
  for (const policy of ["block", "drop_newest", "drop_oldest", "reject"] as const) {
    const source = makeSource({ policy, buffer: { records: 10, bytes: 1_000 } });
    assertEquals(await offerAll(source, 11), [{ rejected: "too_large" }]);
    assertEquals({ ...source.snapshot().rejected }, { records: 11, bytes: 8 });
  }
});

Deno.test("Source under drop_newest drops a record that has no room as a whole, and counts its weight", async () => {
  const source = makeSource({ policy: "drop_newest", buffer: { records: 10, bytes: 1_000 } });
  await offerAll(source, 8);
  const [dropped, kept] = await offerAll(source, 5, 2);
  assertEquals(dropped, {
    accepted: NOTHING,
    dropped: { records: 5, bytes: 8 },
    evicted: NOTHING,
    position: 8,
  });
  assert("accepted" in kept! && kept.accepted.records === 2);
  assertEquals({ ...source.snapshot().dropped }, { records: 5, bytes: 8 });
});

Deno.test("Source under drop_oldest evicts whole records until the weight of a new one has room", async () => {
  const source = makeSource({ policy: "drop_oldest", buffer: { records: 10, bytes: 1_000 } });
  await offerAll(source, 4, 4, 2);
  const [admission] = await offerAll(source, 5);
  assert("evicted" in admission!);
  assertEquals(admission.evicted, { records: 8, bytes: 16 });
  assertEquals(source.buffer.records, 7);
});

Deno.test("Source under block lets a heavy record in as soon as its weight has room", async () => {
  const source = makeSource({ policy: "block", buffer: { records: 10, bytes: 1_000 } });
  await offerAll(source, 6);
  const waiting = source.offer(heavy(5), PRODUCER);
  assert(waiting instanceof Promise);
  source.take({ records: 100, bytes: 1_000 });
  source.commit();
  const admission = await waiting;
  assert("accepted" in admission);
  assertEquals([admission.accepted.records, admission.position], [5, 11]);
  assertBalanced(source);
});

Deno.test("Source settles records by their weight", async () => {
  const source = makeSource({ policy: "reject", ack: "written", buffer: { records: 100, bytes: 1_000 } });
  const [first, second] = await offerAll(source, 40, 50);
  assert("accepted" in first! && "accepted" in second!);
  const settled: string[] = [];
  const wait = async (name: string, position: number, records: number) => {
    settled.push(`${name} ${await source.settled(position, records)}`);
  };
  const waits = [wait("first", first.position, 40), wait("second", second.position, 50)];
  assertEquals(source.take({ records: 60, bytes: 1_000 })!.ends.length, 1);
  source.commit();
  await waits[0];
  assertEquals(settled, ["first delivered"]);
  assertEquals(source.take({ records: 1, bytes: 1 })!.ends.length, 1); // one at least, however heavy
  source.discard();
  await waits[1];
  assertEquals(settled, ["first delivered", "second lost"]);
  assertBalanced(source);
});

Deno.test("Source keeps records with and without weights in order, and each with its weight", async () => {
  const source = makeSource({ policy: "reject", buffer: { records: 100, bytes: 1_000 } });
  source.offer(jsonBatch(["1", "2"]), PRODUCER);
  await offerAll(source, 7, 8);
  source.offer(jsonBatch(["3"]), PRODUCER);
  assertEquals(source.buffer.records, 18);
  const taken: (number[] | undefined)[] = [];
  for (;;) {
    const batch = source.take({ records: 100, bytes: 1_000 });
    if (batch === undefined) break;
    taken.push(batch.weightEnds && [...batch.weightEnds]);
    source.commit();
    assertBalanced(source);
  }
  assertEquals(taken, [[1, 2, 9, 17, 18]]);
  assertEquals(source.ledger.delivered.amount, { records: 18, bytes: 22 });
});
