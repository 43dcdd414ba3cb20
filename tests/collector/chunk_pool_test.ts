// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Chunk } from "../../collector/chunk.ts";
import { ChunkPool } from "../../collector/chunk_pool.ts";
import { MemoryBudget } from "../../collector/memory_budget.ts";

const KIB = 1024;
const PERIOD = 10_000;

function takeAll(pool: ChunkPool, count: number, capacity: number): Chunk[] {
  return Array.from({ length: count }, () => pool.take(capacity));
}

function giveAll(pool: ChunkPool, chunks: Chunk[]): void {
  for (const chunk of chunks.splice(0)) pool.give(chunk);
}

Deno.test("ChunkPool keeps its limit where nobody tells it of spare memory", () => {
  const pool = new ChunkPool({ limit: 100 * KIB });
  giveAll(pool, takeAll(pool, 20, 64 * KIB));
  assertLessOrEqual(pool.bytes, 100 * KIB);
  assert(pool.bytes >= 64 * KIB, `${pool.bytes} bytes`);
});

Deno.test("ChunkPool keeps what was in use at once, for the next burst", () => {
  using _time = new FakeTime();
  const pool = new ChunkPool({ limit: 100 * KIB, rest: () => Infinity });
  const lent = takeAll(pool, 20, 64 * KIB);
  const memory = new Set(lent);
  giveAll(pool, lent.splice(10));
  const kept = pool.bytes;
  assert(kept > 9 * 64 * KIB && kept < 11 * 64 * KIB, `${kept} bytes`);
  giveAll(pool, lent);
  assert(pool.bytes > 18 * 64 * KIB && pool.bytes < 22 * 64 * KIB, `${pool.bytes} bytes`);
  const again = takeAll(pool, 15, 64 * KIB);
  assertEquals(again.filter((chunk) => memory.has(chunk)).length, 15);
  giveAll(pool, again);
  pool.close();
});

Deno.test("ChunkPool gives up what was not in use for a period or two, and no timer stays", async () => {
  using time = new FakeTime();
  const pool = new ChunkPool({ limit: 100 * KIB, rest: () => Infinity });
  giveAll(pool, takeAll(pool, 20, 64 * KIB));
  await time.tickAsync(PERIOD);
  assert(pool.bytes > 18 * 64 * KIB, `${pool.bytes} bytes after one period`);
  await time.tickAsync(PERIOD);
  assertLessOrEqual(pool.bytes, 100 * KIB);
  // As much as a smaller burst needs stays for as long as they come.
  for (let i = 0; i < 10; i++) {
    giveAll(pool, takeAll(pool, 4, 64 * KIB));
    await time.tickAsync(PERIOD);
  }
  assert(pool.bytes > 3 * 64 * KIB && pool.bytes <= 4 * 64 * KIB + 100 * KIB, `${pool.bytes} bytes`);
  await time.tickAsync(10 * PERIOD);
  assertLessOrEqual(pool.bytes, 100 * KIB);
});

Deno.test("ChunkPool gives up chunks of a size that is not used any more before those of one that is", () => {
  const pool = new ChunkPool({ limit: 1024 * KIB });
  for (let size = 4 * KIB; size <= 256 * KIB; size *= 2) giveAll(pool, takeAll(pool, 2, size));
  const known = new Set<Chunk>();
  for (let i = 0; i < 100; i++) {
    const two = takeAll(pool, 2, 256 * KIB);
    for (const chunk of two) known.add(chunk);
    giveAll(pool, two);
  }
  assert(known.size <= 4, `${known.size} different chunks`);
});

Deno.test("ChunkPool lets go of as much as it makes anew, so that what is kept and in use does not add up", () => {
  using _time = new FakeTime();
  const pool = new ChunkPool({ limit: 4 * KIB, rest: () => Infinity });
  const small = takeAll(pool, 256, 8 * KIB);
  giveAll(pool, small.splice(128));
  const kept = pool.bytes;
  assert(kept >= 1000 * KIB, `${kept} bytes`);
  const large = pool.take(512 * KIB);
  assertLessOrEqual(pool.bytes, kept - 500 * KIB);
  pool.take(1024 * KIB);
  assertLessOrEqual(pool.bytes, 4 * KIB);
  giveAll(pool, [large, ...small]);
  pool.close();
});

Deno.test("ChunkPool keeps nothing that somebody has reserved: what is kept and what is reserved stay within the budget", () => {
  using _time = new FakeTime();
  const budget: MemoryBudget = new MemoryBudget({ limit: 2048 * KIB, onReserved: () => pool.makeWay() });
  const pool: ChunkPool = new ChunkPool({ limit: 64 * KIB, rest: () => budget.rest });
  const chunks = budget.account();
  const bodies = budget.account();
  assert(chunks.tryReserve(1024 * KIB));
  giveAll(pool, takeAll(pool, 15, 64 * KIB));
  chunks.release(1024 * KIB);
  assert(pool.bytes > 13 * 64 * KIB, `${pool.bytes} bytes`);
  let rest = budget.rest;
  while (bodies.tryReserve(100 * KIB)) {
    rest -= 100 * KIB;
    assertLessOrEqual(pool.bytes, Math.max(64 * KIB, rest));
  }
  bodies.charge(rest + 1); // more than there is
  assertLessOrEqual(pool.bytes, 64 * KIB);
  pool.close();
});

Deno.test("ChunkPool.fitting() tells of a chunk twice as large where only such are kept, and of none that is larger", () => {
  const pool = new ChunkPool({ limit: 1024 * KIB });
  assertEquals(pool.fitting(32 * KIB), 32 * KIB);
  giveAll(pool, takeAll(pool, 1, 128 * KIB));
  assertEquals([32, 64, 128, 256].map((kib) => pool.fitting(kib * KIB) / KIB), [32, 128, 128, 256]);
  giveAll(pool, takeAll(pool, 1, 64 * KIB));
  assertEquals([32, 64, 128].map((kib) => pool.fitting(kib * KIB) / KIB), [64, 64, 128]);
  takeAll(pool, 1, 64 * KIB);
  assertEquals(pool.fitting(32 * KIB), 32 * KIB);
});

Deno.test("ChunkPool.close() gives everything up, and so does whatever comes back later", () => {
  const pool = new ChunkPool({ rest: () => Infinity });
  const late = pool.take(64 * KIB);
  giveAll(pool, takeAll(pool, 100, 64 * KIB));
  pool.close();
  assertEquals(pool.bytes, 0);
  pool.give(late);
  assertEquals(pool.bytes, 0);
});
