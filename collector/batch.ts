/** How the records of a batch are delimited, and so how a sink writes them. */
export type RecordFormat = "json" | "binary";

/**
 * Consecutive records of one source, held as bytes.
 *
 * - `json`: each record is one line of JSON text **with its line feed**, so that `data` is a valid piece of an
 *   NDJSON file. The line feed counts in every byte count.
 * - `binary`: each record is the payload of one frame, without any prefix.
 *
 * Record `i` is `data.subarray(i === 0 ? 0 : ends[i - 1], ends[i])`; the last end is `data.length`.
 */
export interface Batch {
  readonly format: RecordFormat;
  readonly data: Uint8Array;
  /** End offset of each record in `data`, ascending. Its length is the number of records. */
  readonly ends: Uint32Array;
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
  readonly records: number;
  readonly bytes: number;
}

/**
 * Says how much the first records of a batch amount to.
 *
 * @param batch The batch.
 * @param records How many of its records, from the first; all when left out.
 * @returns Their number and their bytes.
 */
export function amountOf(batch: Batch, records: number = batch.ends.length): Amount {
  return { records, bytes: records === 0 ? 0 : batch.ends[records - 1]! };
}
