// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual, assertStrictEquals } from "@std/assert";
import type { Batch, RecordFormat } from "../../collector/batch.ts";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { CHUNK_OVERHEAD } from "../../collector/chunk.ts";
import { ChunkPool } from "../../collector/chunk_pool.ts";

const KIB = 1024;
const ALL = { records: 1_000_000, bytes: 1_000_000_000 };

/** A batch of one record of so many bytes. */
function single(
  bytes: number,
  options: { format?: RecordFormat; owned?: boolean; slack?: number } = {},
): Batch {
  const { format = "binary", owned = false, slack = 0 } = options;
  const data = new Uint8Array(bytes + slack).subarray(0, bytes).fill(7);
  return { format, data, ends: Uint32Array.of(bytes), owned };
}

/** The blocks of memory that the records of a buffer lie in, each as large as it is when its batch is taken. */
function drain(buffer: BoundedBuffer): { memory: ArrayBufferLike; bytes: number }[] {
  const blocks = [];
  for (let batch = buffer.take(ALL); batch !== undefined; batch = buffer.take(ALL)) {
    blocks.push({ memory: batch.data.buffer, bytes: batch.data.buffer.byteLength });
    buffer.commit();
  }
  return blocks;
}

/** Ends of records of 10 bytes. */
const tensOf = (bytes: number) => Uint32Array.from({ length: bytes / 10 }, (_, i) => (i + 1) * 10);

const newBuffer = () => new BoundedBuffer({ records: 10_000, bytes: 16 * KIB * KIB });

Deno.test("BoundedBuffer keeps what an idle source sends in one chunk of 4 KiB, ever again", () => {
  const buffer = newBuffer();
  const memories = new Set<ArrayBufferLike>();
  for (let i = 0; i < 10_000; i++) {
    buffer.append(single(1 + i % 200));
    const batch = buffer.take(ALL)!;
    memories.add(batch.data.buffer);
    assertEquals(batch.data.byteOffset, 0);
    buffer.commit();
  }
  assertEquals(Array.from(memories, (memory) => memory.byteLength), [4 * KIB]);
});

Deno.test("BoundedBuffer doubles its chunks up to 1 MiB, and leaves to the pool no more than that may keep", () => {
  const chunks = new ChunkPool({ limit: 2_000 * KIB });
  const buffer = new BoundedBuffer({ records: 10_000, bytes: 16 * KIB * KIB, chunks });
  for (let i = 0; i < 4_000; i++) buffer.append(single(KIB));
  const blocks = drain(buffer);
  assertEquals(blocks.map(({ bytes }) => bytes / KIB), [4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]);
  const kept = blocks.filter(({ memory }) => memory.byteLength >= 16 * KIB);
  assertEquals(kept.map(({ bytes }) => bytes / KIB), [1024]); // of the size that was used last
  assertLessOrEqual(chunks.bytes, 2_000 * KIB);
});

Deno.test("BoundedBuffer books its memory to the byte, and falls back on just what is needed where there is none", () => {
  let booked = 0;
  let limit = 30 * KIB;
  const memory = {
    tryReserve: (bytes: number) => booked + bytes <= limit && ((booked += bytes), true),
    charge: (bytes: number) => void (booked += bytes),
    release: (bytes: number) => void (booked -= bytes),
  };
  const buffer = new BoundedBuffer({ records: 100, bytes: KIB * KIB, memory });
  for (let i = 0; i < 30; i++) buffer.append(single(KIB));
  // Chunks of 4 and 8 KiB had room in the limit; one of 16 had not, but two of 4; then each record has one of its size.
  const records = [4, 8, 4, 4, ...new Array(10).fill(1)];
  const perRecord = 12;
  const beside = records.map((count) => Math.max(16, count) * perRecord + CHUNK_OVERHEAD);
  assertEquals(booked, 30 * KIB + beside.reduce((sum, bytes) => sum + bytes, 0));
  limit = 0;
  assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), records);
  assertEquals(booked, 0);
});

Deno.test("BoundedBuffer.commit() goes on with the same chunks under a steady load", () => {
  const buffer = newBuffer();
  for (let i = 0; i < 1_000; i++) buffer.append(single(KIB));
  drain(buffer);
  const memories = new Set<ArrayBufferLike>();
  for (let i = 0; i < 10_000; i++) {
    buffer.append(single(KIB));
    if (i % 100 !== 99) continue;
    // More comes while a batch is in flight, so that the buffer is never empty.
    const batch = buffer.take({ records: 60, bytes: 60 * KIB })!;
    memories.add(batch.data.buffer);
    buffer.append(single(KIB));
    buffer.commit();
    if (buffer.records > 200) { for (const { memory } of drain(buffer)) memories.add(memory); }
  }
  assert(memories.size <= 3, `${memories.size} chunks`);
});

Deno.test("BoundedBuffer takes a chunk twice as large as it needs where one is kept, unless memory is short", () => {
  const chunks = new ChunkPool({ limit: KIB * KIB });
  let limit = Infinity;
  const memory = { tryReserve: (bytes: number) => bytes <= limit, charge() {}, release() {} };
  const buffer = new BoundedBuffer({ records: 10_000, bytes: 16 * KIB * KIB, chunks, memory });
  chunks.give(chunks.take(64 * KIB));
  const tens = { format: "json", data: new Uint8Array(20 * KIB), ends: tensOf(20 * KIB) } as const;
  buffer.append(tens);
  assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), [64]);
  limit = 32 * KIB;
  buffer.append(tens);
  assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), [32]);
});

Deno.test("BoundedBuffer does not grow any faster where chunks twice as large are kept", () => {
  const chunks = new ChunkPool({ limit: 4 * KIB * KIB });
  for (const kib of [8, 32, 128, 512]) chunks.give(chunks.take(kib * KIB));
  const buffer = new BoundedBuffer({ records: 10_000, bytes: 16 * KIB * KIB, chunks });
  for (let i = 0; i < 60; i++) buffer.append(single(KIB));
  assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), [8, 8, 16, 32]);
});

Deno.test("BoundedBuffer.append() adopts a single large record that owns its memory, and commit() frees it", () => {
  const buffer = newBuffer();
  const batch = single(70 * KIB, { owned: true });
  buffer.append(batch);
  const taken = buffer.take(ALL)!;
  assertStrictEquals(taken.data.buffer, batch.data.buffer);
  assertEquals(taken.data.length, 70 * KIB);
  buffer.commit();
  assertEquals([batch.data.buffer.byteLength, taken.data.length], [0, 0]);
});

Deno.test("BoundedBuffer.append() copies what is small, not its own, in company or cut out of much more", () => {
  const pair = single(128 * KIB, { owned: true });
  const copied: Batch[] = [
    single(64 * KIB - 1, { owned: true }),
    single(64 * KIB),
    { ...pair, ends: Uint32Array.of(64 * KIB, 128 * KIB) },
    single(64 * KIB, { owned: true, slack: 17 * KIB }),
  ];
  for (const batch of copied) {
    const buffer = newBuffer();
    buffer.append(batch);
    for (const { memory } of drain(buffer)) assert(memory !== batch.data.buffer);
    assert(batch.data.length > 0, "freed what is not its own");
  }
});

Deno.test("BoundedBuffer.evictFor() frees an adopted record at once, and one in flight only at its commit", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 1_000 * KIB });
  const [first, second] = [single(70 * KIB, { owned: true }), single(70 * KIB, { owned: true })];
  buffer.append(first);
  buffer.append(second);
  const taken = buffer.take({ records: 1, bytes: 1 })!;
  buffer.evictFor({ records: 1, bytes: 1 });
  assertEquals([first.data.length, second.data.length], [70 * KIB, 0]);
  assertEquals(taken.data.at(-1), 7);
  buffer.append(single(1));
  assertEquals(taken.data.length, 70 * KIB);
  buffer.commit();
  assertEquals(first.data.length, 0);
});

Deno.test("BoundedBuffer.commit() frees what a record larger than a chunk was copied to", () => {
  const buffer = newBuffer();
  buffer.append(single(1_100 * KIB));
  buffer.append(single(1_100 * KIB));
  const blocks = drain(buffer);
  assertEquals(blocks.map(({ memory, bytes }) => [bytes / KIB, memory.byteLength]), [[1_100, 0], [1_100, 0]]);
  buffer.append(single(1)); // goes on as before
  assertEquals(drain(buffer).length, 1);
});

Deno.test("BoundedBuffer holds records whose formats and weights alternate in the same chunks, and hands out each by itself", () => {
  const FORMATS: RecordFormat[] = ["json", "otlp-logs", "json", "otlp-metrics", "otlp-traces", "binary"];
  let booked = 0;
  const memory = {
    tryReserve: (bytes: number) => (booked += bytes, true),
    charge: (bytes: number) => void (booked += bytes),
    release: (bytes: number) => void (booked -= bytes),
  };
  const buffer = new BoundedBuffer({ records: 100_000, bytes: 16 * KIB * KIB, memory });
  const weightOf = (i: number) => i % 3 === 0 ? undefined : 1 + i % 5;
  for (let i = 0; i < 30_000; i++) {
    const weight = weightOf(i);
    const data = new Uint8Array(50).fill(i);
    const format = FORMATS[i % FORMATS.length]!;
    const weightEnds = weight === undefined ? {} : { weightEnds: Uint32Array.of(weight) };
    buffer.append({ format, data, ends: Uint32Array.of(50), ...weightEnds });
  }
  // 12 bytes for end and time, 4 for the weight and 1 for the format, of twice as many as there are; and a few chunks.
  assertLessOrEqual(booked, 30_000 * (50 + 2 * 17) + 2 * KIB * KIB);
  for (let i = 0; i < 30_000; i++) {
    const { format, data, ends, weightEnds } = buffer.take(ALL)!;
    assertEquals([format, ends.length, data.length, data[0]], [FORMATS[i % FORMATS.length]!, 1, 50, i % 256]);
    assertEquals(weightEnds?.[0] ?? 1, weightOf(i) ?? 1);
    buffer.commit();
  }
  assertEquals([buffer.take(ALL), buffer.records, booked], [undefined, 0, 0]);
});

Deno.test("BoundedBuffer hands out records of one format together, up to the next of another", () => {
  const buffer = newBuffer();
  const runs: [RecordFormat, number][] = [["json", 5], ["otlp-logs", 3], ["otlp-traces", 1], ["json", 2]];
  for (const [format, count] of runs) for (let i = 0; i < count; i++) buffer.append(single(10, { format }));
  const taken: [RecordFormat, number][] = [];
  for (let batch = buffer.take(ALL); batch !== undefined; batch = buffer.take(ALL)) {
    taken.push([batch.format, batch.ends.length]);
    buffer.commit();
  }
  assertEquals(taken, runs);
  buffer.append(single(10, { format: "binary" })); // the same chunk again, without what it knew of others
  assertEquals(buffer.take(ALL)!.format, "binary");
});

Deno.test("BoundedBuffer holds memory in proportion to its records, however their sizes alternate", () => {
  const buffer = newBuffer();
  for (let i = 0; i < 100; i++) {
    buffer.append(single(1 * KIB));
    buffer.append(single(70 * KIB, { owned: true }));
  }
  const bytes = drain(buffer).reduce((sum, block) => sum + block.bytes, 0);
  assert(bytes <= 100 * 71 * KIB + 256 * KIB, `${bytes} bytes for ${100 * 71 * KIB}`);
});

Deno.test("BoundedBuffer keeps a request of many records in one chunk, and those that come between two flushes in the next", () => {
  const buffer = newBuffer();
  const request = { format: "json" as const, data: new Uint8Array(20 * KIB), ends: tensOf(20 * KIB) };
  buffer.append(request);
  assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), [32]);
  // A third has no room in the rest of the first chunk.
  for (let i = 0; i < 3; i++) buffer.append(request);
  assertEquals(drain(buffer).length, 2);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 3; i++) buffer.append(request);
    assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), [64]);
  }
  buffer.append(single(100));
  drain(buffer);
  buffer.append(single(100));
  assertEquals(drain(buffer).map(({ bytes }) => bytes / KIB), [4]);
});
