import { type Amount, amountBetween, type BufferedBatch } from "./batch.ts";

/** Consecutive records of a batch. */
export interface RecordRange {
  /** Index of the first one. */
  readonly from: number;
  /** Index behind the last one. */
  readonly to: number;
}

/** The records of a batch that were lost, where others were not. */
export interface LostRecords {
  readonly amount: Amount;
  /** Where they are in the batch, ascending, counted as records are everywhere else: by weight. */
  readonly places: readonly RecordRange[];
}

/**
 * Copies some records of a batch to one of their own.
 *
 * @param batch The batch.
 * @param ranges Which records, ascending.
 * @returns They alone, in memory of their own.
 */
export function selectRecords(batch: BufferedBatch, ranges: readonly RecordRange[]): BufferedBatch {
  const parts = ranges.map(({ from, to }) => ({
    from,
    to,
    start: startOf(batch, from),
    end: startOf(batch, to),
  }));
  const data = new Uint8Array(parts.reduce((sum, { start, end }) => sum + end - start, 0));
  const indexes = parts.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i));
  let used = 0;
  for (const { start, end } of parts) {
    data.set(batch.data.subarray(start, end), used);
    used += end - start;
  }
  let bytes = 0;
  const ends = Uint32Array.from(indexes, (i) => bytes += batch.ends[i]! - startOf(batch, i));
  const admittedAt = Float64Array.from(indexes, (i) => batch.admittedAt[i]!);
  const selected = { format: batch.format, data, ends, admittedAt };
  if (batch.weightEnds === undefined) return selected;
  let weight = 0;
  const weightEnds = Uint32Array.from(indexes, (i) => weight += amountBetween(batch, i, i + 1).records);
  return { ...selected, weightEnds };
}

/**
 * Says where records of a selection are in what it was selected from.
 *
 * @param ranges What {@linkcode selectRecords} was given.
 * @param within Which records of its result, ascending.
 * @returns Which records of the batch.
 */
export function rangesWithin(ranges: readonly RecordRange[], within: readonly RecordRange[]): RecordRange[] {
  const found: RecordRange[] = [];
  let before = 0; // records of the selection that are in the ranges before
  for (const { from, to } of ranges) {
    for (const inner of within) {
      const start = Math.max(inner.from - before, 0);
      const end = Math.min(inner.to - before, to - from);
      if (start < end) found.push({ from: from + start, to: from + end });
    }
    before += to - from;
  }
  return found;
}

/**
 * Puts together which records of a batch were lost.
 *
 * @param batch The batch.
 * @param lists The ranges that each of several sinks lost, ascending.
 * @returns Everything that is in at least one of them.
 */
export function lostRecords(batch: BufferedBatch, lists: readonly (readonly RecordRange[])[]): LostRecords {
  const places: RecordRange[] = [];
  let records = 0;
  let bytes = 0;
  let end = 0;
  for (const { from, to } of lists.flat().sort((a, b) => a.from - b.from)) {
    const start = Math.max(from, end);
    if (start >= to) continue;
    const amount = amountBetween(batch, start, to);
    const place = start === 0 ? 0 : amountBetween(batch, 0, start).records;
    places.push({ from: place, to: place + amount.records });
    records += amount.records;
    bytes += amount.bytes;
    end = to;
  }
  return { amount: { records, bytes }, places };
}

function startOf(batch: BufferedBatch, record: number): number {
  return record === 0 ? 0 : batch.ends[record - 1]!;
}
