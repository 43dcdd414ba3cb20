import type { Batch, RecordFormat } from "../collector/batch.ts";
import { giveBlock, takeBlock } from "../collector/memory.ts";

/** What the names of files end with. OTLP messages do not tell their signal, so each signal has files of its own. */
export const EXTENSIONS: Readonly<Record<RecordFormat, string>> = {
  json: "ndjson",
  binary: "frames",
  "otlp-logs": "logs.otlp",
  "otlp-metrics": "metrics.otlp",
  "otlp-traces": "traces.otlp",
};

/** Bytes of the length, big-endian, that stands before each frame of a `.frames` file. */
export const FRAME_PREFIX_BYTES = 4;

/** Frames are gathered into pieces of at most this many bytes: one write for most flushes, at a bounded cost. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Says how many bytes some records of a batch take in a file.
 *
 * @param batch The batch.
 * @param from Index of the first record.
 * @param to Index after the last record.
 * @returns Their number of bytes, prefixes included.
 */
export function encodedBytes(batch: Batch, from: number, to: number): number {
  const prefixes = batch.format !== "json" ? FRAME_PREFIX_BYTES * (to - from) : 0;
  return endOf(batch, to) - endOf(batch, from) + prefixes;
}

/**
 * Encodes some records of a batch as they stand in a file: JSON lines as they are, and each frame after its length.
 *
 * A piece is valid until the next one is asked for, because small frames share one buffer. JSON and frames larger than
 * that buffer are not copied.
 *
 * @param batch The batch.
 * @param from Index of the first record.
 * @param to Index after the last record.
 * @returns The bytes, in pieces to be written one after the other.
 */
export function encodeRecords(batch: Batch, from: number, to: number): Iterable<Uint8Array> {
  if (batch.format !== "json") return encodeInPieces(batch, from, to);
  return [
    to - from === batch.ends.length ? batch.data : batch.data.subarray(endOf(batch, from), endOf(batch, to)),
  ];
}

function* encodeInPieces(batch: Batch, from: number, to: number): Generator<Uint8Array> {
  const block = takeBlock(Math.min(encodedBytes(batch, from, to), PIECE_BYTES));
  try {
    yield* encodeFrames(batch, from, to, new Uint8Array(block));
  } finally {
    giveBlock(block); // whoever asks for the next piece, or for no more, has written the last one
  }
}

function* encodeFrames(batch: Batch, from: number, to: number, piece: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(piece.buffer);
  let used = 0;
  for (let record = from; record < to; record++) {
    const frame = batch.data.subarray(endOf(batch, record), endOf(batch, record + 1));
    const fits = FRAME_PREFIX_BYTES + frame.length <= PIECE_BYTES;
    if (used + FRAME_PREFIX_BYTES + (fits ? frame.length : 0) > piece.length) {
      yield piece.subarray(0, used);
      used = 0;
    }
    view.setUint32(used, frame.length);
    used += FRAME_PREFIX_BYTES;
    if (fits) {
      piece.set(frame, used);
      used += frame.length;
    } else {
      yield piece.subarray(0, used);
      yield frame;
      used = 0;
    }
  }
  if (used > 0) yield piece.subarray(0, used);
}

/** Where a record begins in `data`, which is where the one before it ends. */
function endOf(batch: Batch, record: number): number {
  return record === 0 ? 0 : batch.ends[record - 1]!;
}
