import type { BufferedBatch, RecordFormat } from "../../collector/batch.ts";

/**
 * Makes a batch of whole records.
 *
 * @param format How they are delimited.
 * @param records Their bytes; JSON with its line feed.
 * @param admittedAt When all of them were admitted.
 */
export function batchOf(format: RecordFormat, records: Uint8Array[], admittedAt = 0): BufferedBatch {
  const data = new Uint8Array(records.reduce((bytes, record) => bytes + record.length, 0));
  const ends = new Uint32Array(records.length);
  let end = 0;
  records.forEach((record, i) => {
    data.set(record, end);
    ends[i] = end += record.length;
  });
  return { format, data, ends, admittedAt: new Float64Array(records.length).fill(admittedAt) };
}

/** Makes a batch of JSON records, given without their line feeds. */
export function jsonBatch(lines: string[], admittedAt?: number): BufferedBatch {
  return batchOf("json", lines.map((line) => new TextEncoder().encode(line + "\n")), admittedAt);
}

/** Makes a batch of frames. */
export function binaryBatch(frames: Uint8Array[], admittedAt?: number): BufferedBatch {
  return batchOf("binary", frames, admittedAt);
}
