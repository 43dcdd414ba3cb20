// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import type { Batch, BufferedBatch, RecordFormat } from "../../collector/batch.ts";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { CHUNK_OVERHEAD } from "../../collector/chunk.ts";
import { randomOf } from "./otlp_mutations.ts";

const KIB = 1024;
const ALL = { records: 1_000_000, bytes: 1_000_000_000 };
const FORMATS: readonly RecordFormat[] = ["json", "binary", "otlp-logs", "otlp-metrics", "otlp-traces"];

/** A record: each byte of it is `fill`. */
interface Marked {
  readonly format: RecordFormat;
  readonly bytes: number;
  readonly weight: number;
  readonly fill: number;
}

function batchOf(records: readonly Marked[], owned: boolean, weighed: boolean): Batch {
  const data = new Uint8Array(records.reduce((sum, { bytes }) => sum + bytes, 0));
  const ends = new Uint32Array(records.length), weightEnds = new Uint32Array(records.length);
  let end = 0, weight = 0;
  for (const [index, record] of records.entries()) {
    data.fill(record.fill, end, end + record.bytes);
    ends[index] = end += record.bytes;
    weightEnds[index] = weight += record.weight;
  }
  return { format: records[0]!.format, data, ends, owned, ...(weighed && { weightEnds }) };
}

function recordsOf({ format, data, ends, weightEnds }: BufferedBatch): Marked[] {
  return Array.from(ends, (end, index) => {
    const start = index === 0 ? 0 : ends[index - 1]!;
    const fill = data[start]!;
    assert(data.subarray(start, end).every((byte) => byte === fill), "pieces of several records");
    const before = index === 0 ? 0 : weightEnds?.[index - 1] ?? 0;
    return {
      format,
      bytes: end - start,
      weight: weightEnds === undefined ? 1 : weightEnds[index]! - before,
      fill,
    };
  });
}

const sum = (records: readonly Marked[], of: "bytes" | "weight") =>
  records.reduce((total, record) => total + record[of], 0);

Deno.test("BoundedBuffer hands out each record with its bytes, format and weight, whatever comes, leaves and is taken between", () => {
  const random = randomOf(20);
  let booked = 0;
  const memory = {
    tryReserve: (bytes: number) => random(4) > 0 && (booked += bytes, true),
    charge: (bytes: number) => void (booked += bytes),
    release: (bytes: number) => void (booked -= bytes),
  };
  let fill = 0;
  const seen = { evicted: 0, large: 0, runs: 0 };
  for (let round = 0; round < 40; round++) {
    const buffer = new BoundedBuffer({ records: 5_000, bytes: 1_500 * KIB, memory });
    const held: Marked[] = [];
    for (let step = 0; step < 300; step++) {
      const large = random(12) === 0, weighed = random(2) === 0;
      const format = FORMATS[random(round % FORMATS.length + 1)]!;
      const records = Array.from({ length: large ? 1 : 1 + random(6) }, () => ({
        format,
        bytes: large ? 65 * KIB + random(KIB) : 1 + random(random(5) === 0 ? 3_000 : 100),
        weight: weighed ? 1 + random(40) : 1,
        fill: fill = (fill + 1) % 251,
      }));
      const needed = { records: sum(records, "weight"), bytes: sum(records, "bytes") };
      let { records: left } = buffer.evictFor(needed);
      for (; left > 0; seen.evicted++) left -= held.shift()!.weight;
      assertEquals(left, 0);
      buffer.append(batchOf(records, large, weighed));
      held.push(...records);
      if (large) seen.large++;
      if (random(3) > 0) continue;
      const limit = { records: 1 + random(60), bytes: 1 + random(4_000) };
      const taken = recordsOf(buffer.take(limit)!);
      assertEquals(taken, held.splice(0, taken.length));
      const fits = sum(taken, "weight") <= limit.records && sum(taken, "bytes") <= limit.bytes;
      assert(taken.length === 1 || fits, `${taken.length} records are more than was asked for`);
      if (taken.length > 1) seen.runs++;
      buffer.commit();
      assertEquals([buffer.records, buffer.bytes], [sum(held, "weight"), sum(held, "bytes")]);
    }
    for (let batch = buffer.take(ALL); batch !== undefined; batch = buffer.take(ALL)) {
      const taken = recordsOf(batch);
      assertEquals(taken, held.splice(0, taken.length));
      buffer.commit();
    }
    assertEquals([held.length, booked], [0, 0]);
  }
  assert(Math.min(seen.evicted, seen.large, seen.runs) > 500, JSON.stringify(seen)); // or it would show nothing
});

Deno.test("BoundedBuffer.take() hands out as many records as weigh no more than was asked for, after others too", () => {
  const buffer = new BoundedBuffer({ records: 100, bytes: KIB });
  const weights = [3, 4, 5, 6, 7];
  buffer.append(
    batchOf(weights.map((weight) => ({ format: "json", bytes: 2, weight, fill: 1 })), false, true),
  );
  const taken = [3, 9, 12, 13].map((records) => {
    const { weightEnds } = buffer.take({ records, bytes: KIB })!;
    buffer.commit();
    return [...weightEnds!];
  });
  assertEquals(taken, [[3], [4, 9], [6], [7]]);
});

Deno.test("BoundedBuffer books what weights and formats take up with the first record that has another one", () => {
  let booked = 0;
  const memory = {
    tryReserve: (bytes: number) => (booked += bytes, true),
    charge: (bytes: number) => void (booked += bytes),
    release: (bytes: number) => void (booked -= bytes),
  };
  const buffer = new BoundedBuffer({ records: 1_000, bytes: 64 * KIB, memory });
  const append = (format: RecordFormat, weight?: number) => {
    buffer.append(
      batchOf([{ format, bytes: 10, weight: weight ?? 1, fill: 1 }], false, weight !== undefined),
    );
    return booked - 4 * KIB - CHUNK_OVERHEAD;
  };
  assertEquals(append("json"), 16 * 12);
  assertEquals(append("json", 5), 16 * (12 + 4));
  assertEquals(append("otlp-logs"), 16 * (12 + 4 + 1));
  for (let i = 3; i < 16; i++) append("json");
  assertEquals(append("json"), 32 * (12 + 4 + 1));
  while (buffer.take(ALL) !== undefined) buffer.commit();
  assertEquals(booked, 0);
  assertEquals(append("json"), 32 * 12); // the same chunk again, from the pool
  assertEquals(buffer.take(ALL)!.weightEnds, undefined);
});
