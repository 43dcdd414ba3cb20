/**
 * How the records of a batch are delimited, and so how a sink writes them. The last three are OTLP messages in
 * Protobuf's binary form, which do not tell by themselves which signal they carry.
 */
export type RecordFormat = "json" | "binary" | "otlp-logs" | "otlp-metrics" | "otlp-traces";

/**
 * Consecutive records of one source, held as bytes.
 *
 * - `json`: each record is one line of JSON text **with its line feed**, so that `data` is a valid piece of an
 *   NDJSON file. The line feed counts in every byte count.
 * - any other: each record is the payload of one frame, or one message, without any prefix.
 *
 * Record `i` is `data.subarray(i === 0 ? 0 : ends[i - 1], ends[i])`; the last end is `data.length`.
 */
export interface Batch {
  readonly format: RecordFormat;
  readonly data: Uint8Array;
  /** End offset of each record in `data`, ascending. Its length is the number of records. */
  readonly ends: Uint32Array;
  /**
   * What each record and all before it weigh, ascending like `ends`: an OTLP request is one record, and weighs as many
   * as it carries, which is at least 1. Where it is left out, each record weighs 1.
   */
  readonly weightEnds?: Uint32Array;
  /** Whether `data` may be kept as it is, because its memory is nobody else's. Otherwise it is copied. @default {false} */
  readonly owned?: boolean;
}

/** A batch on its way out of a buffer. */
export interface BufferedBatch extends Batch {
  /** When each record was admitted, in milliseconds since the Unix epoch; as many entries as `ends`. */
  readonly admittedAt: Float64Array;
}

/** A number of records and of their bytes: what every limit and every counter is told in. */
export interface Amount {
  /** By weight: a record that carries several counts as so many. */
  readonly records: number;
  readonly bytes: number;
}

/**
 * Says what the first records of a batch weigh together.
 *
 * @param batch The batch.
 * @param records How many of its records, from the first; all when left out.
 * @returns Their weight: their number, where none of them carries several.
 */
export function weightOf({ ends, weightEnds }: Batch, records: number = ends.length): number {
  return weightEnds === undefined ? records : records === 0 ? 0 : weightEnds[records - 1]!;
}

/**
 * Says how much the first records of a batch amount to.
 *
 * @param batch The batch.
 * @param records How many of its records, from the first; all when left out.
 * @returns Their weight and their bytes.
 */
export function amountOf(batch: Batch, records: number = batch.ends.length): Amount {
  return { records: weightOf(batch, records), bytes: records === 0 ? 0 : batch.ends[records - 1]! };
}

/**
 * Says how much some records of a batch amount to.
 *
 * @param batch The batch.
 * @param from Index of the first record.
 * @param to Index behind the last record.
 * @returns Their weight and their bytes.
 */
export function amountBetween(batch: Batch, from: number, to: number): Amount {
  const all = amountOf(batch, to);
  if (from === 0) return all;
  const before = amountOf(batch, from);
  return { records: all.records - before.records, bytes: all.bytes - before.bytes };
}

/**
 * Finds how far the records of a batch reach that weigh at most so much together.
 *
 * @param batch The batch.
 * @param from Index of the first of them.
 * @param weight The most that they may weigh.
 * @returns Index behind the last of them.
 */
export function lastWithin(batch: Batch, from: number, weight: number): number {
  const { ends, weightEnds } = batch;
  if (weightEnds === undefined) return Math.min(ends.length, from + weight);
  const limit = weightOf(batch, from) + weight;
  let end = from;
  while (end < ends.length && weightEnds[end]! <= limit) end++;
  return end;
}

/**
 * Finds the longest tail of a batch that weighs at most so much.
 *
 * @param batch The batch.
 * @param weight The most that it may weigh.
 * @returns Index of its first record; the number of records when there is none.
 */
export function firstOfTail(batch: Batch, weight: number): number {
  const { ends, weightEnds } = batch;
  if (weightEnds === undefined) return Math.max(0, ends.length - weight);
  const all = weightOf(batch);
  let first = 0;
  while (first < ends.length && all - weightOf(batch, first) > weight) first++;
  return first;
}
