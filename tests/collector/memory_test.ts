// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import { blockSize, freeMemory, giveBlock, takeBlock } from "../../collector/memory.ts";

const KIB = 1024;

Deno.test("blockSize() is the least multiple of 32 KiB in which it has room", () => {
  assertEquals([1, 32 * KIB, 32 * KIB + 1, 1024 * KIB + 1].map(blockSize), [
    32 * KIB,
    32 * KIB,
    64 * KIB,
    1056 * KIB,
  ]);
});

Deno.test("takeBlock() hands out what giveBlock() got, of the size that is needed, to one at a time", () => {
  const block = takeBlock(300 * KIB);
  assertEquals(block.byteLength, 320 * KIB);
  giveBlock(block);
  assertNotStrictEquals(takeBlock(100 * KIB), block);
  assertStrictEquals(takeBlock(290 * KIB), block);
  assertNotStrictEquals(takeBlock(290 * KIB), block);
});

Deno.test("giveBlock() keeps 2 MiB at most and frees the rest at once", () => {
  const blocks = Array.from({ length: 10 }, () => takeBlock(992 * KIB));
  for (const block of blocks) giveBlock(block);
  const kept = blocks.filter(({ byteLength }) => byteLength > 0);
  assert(kept.length >= 1 && kept.length <= 2, `${kept.length} blocks are kept`);
  for (const block of kept) assertStrictEquals(takeBlock(992 * KIB).byteLength, block.byteLength);
});

Deno.test("giveBlock() and freeMemory() leave small memory alone, which may be shared", () => {
  const shared = new ArrayBuffer(8 * KIB);
  giveBlock(shared);
  freeMemory(new Uint8Array(shared, 0, 10));
  assertEquals(shared.byteLength, 8 * KIB);
});

Deno.test("freeMemory() frees large memory at once", () => {
  const bytes = new Uint8Array(64 * KIB);
  freeMemory(bytes);
  assertEquals(bytes.length, 0);
});
