import type { Amount, Batch } from "./batch.ts";
import { freeMemory } from "./memory.ts";
import { frameNdjson } from "./framing.ts";
import { type FramingFailure, recordTooLarge } from "./record_locator.ts";
import type { MemoryLease } from "./memory_lease.ts";
import type { ReadFailure } from "./body_reader.ts";
import type { Source } from "./source.ts";
import type { Producer, Rejected } from "../policies/mod.ts";

/** Bytes that a window has room for at first. */
const WINDOW = 64 * 1024;

const LINE_FEED = 0x0a;

/** What a stream had got admitted when it ended. */
export interface StreamTotals {
  accepted: number;
  dropped: number;
  evicted: number;
  /** Whether a record was lost that the agent wants to have acknowledged. */
  lost: boolean;
}

/** Why a stream ended before its end. Records and offsets count from its beginning. */
export type StreamFailure =
  | { readonly kind: "read"; readonly failure: ReadFailure }
  | { readonly kind: "framing"; readonly failure: FramingFailure }
  | { readonly kind: "rejected"; readonly rejected: Rejected["rejected"] };

/** Options of {@linkcode ingestStream}. */
export interface IngestStreamOptions {
  readonly source: Source;
  /** Who sends the stream. */
  readonly producer: Producer;
  /** The most bytes of one record. */
  readonly record: number;
  /** Where the window's memory is reserved. */
  readonly lease: MemoryLease;
  /** Waits for memory as the source's policy says; says whether the lease holds so many bytes now. */
  readonly reserve: (lease: MemoryLease, bytes: number) => Promise<ReadFailure | undefined>;
}

/**
 * Admits the records of an NDJSON stream as they arrive, window by window. A stream may go on for as long as its agent
 * likes: no more of it is held than one window, and nothing is read while a window waits to be admitted.
 *
 * Each window is admitted or refused as a whole, unless the buffer is smaller than a window: then in parts. What was
 * admitted before a failure stays.
 *
 * @param pieces The stream, without its content coding. A piece is done with when the next one is asked for.
 * @param options Where the records go, and the limits.
 * @param totals Is kept up to date with what became of the records.
 * @returns Why the stream ended, if that was not its end.
 */
export async function ingestStream(
  pieces: AsyncIterable<Uint8Array | ReadFailure>,
  { source, producer, record: limit, lease, reserve }: IngestStreamOptions,
  totals: StreamTotals,
): Promise<StreamFailure | undefined> {
  let window = new Uint8Array(0);
  let filled = 0;
  let records = 0;
  let offset = 0;
  let settled: Promise<unknown> = Promise.resolve();
  try {
    for await (const piece of pieces) {
      if (typeof piece === "string") return { kind: "read", failure: piece };
      const needed = filled + piece.length + 1; // one more for the line feed that the last line may lack
      if (needed > window.length) {
        const capacity = Math.max(WINDOW, needed, Math.min(2 * window.length, limit + WINDOW));
        const failure = await reserve(lease, capacity);
        if (failure !== undefined) return { kind: "read", failure };
        const larger = new Uint8Array(capacity);
        larger.set(window.subarray(0, filled));
        freeMemory(window);
        window = larger;
      }
      window.set(piece, filled);
      const lineEnd = piece.lastIndexOf(LINE_FEED);
      const whole = lineEnd < 0 ? 0 : filled + lineEnd + 1;
      filled += piece.length;
      if (whole > 0) {
        const failure = await admit(whole);
        if (failure !== undefined) return failure;
        window.copyWithin(0, whole, filled);
        filled -= whole;
      }
      if (filled > limit) {
        return { kind: "framing", failure: recordTooLarge(records + 1, offset, limit) };
      }
    }
    if (filled > 0) {
      const failure = await admit(filled);
      if (failure !== undefined) return failure;
    }
    await settled;
    return undefined;
  } finally {
    freeMemory(window);
  }

  async function admit(length: number): Promise<StreamFailure | undefined> {
    const framing = frameNdjson(window.subarray(0, length), { record: limit });
    if (!framing.ok) {
      const { record, offset: at } = framing;
      return { kind: "framing", failure: { ...framing, record: records + record, offset: offset + at } };
    }
    const { batch } = framing;
    for (const part of partsThatFit(batch, source.buffer.capacity)) {
      const admission = await source.offer(part, producer);
      if ("rejected" in admission) return { kind: "rejected", rejected: admission.rejected };
      totals.accepted += admission.accepted.records;
      totals.dropped += admission.dropped.records;
      totals.evicted += admission.evicted.records;
      if (source.config.ack !== "buffered" && admission.accepted.records > 0) {
        // Settlements come in order, so the last one is the only one that need be awaited.
        settled = source.settled(admission.position, admission.accepted.records).then((settlement) => {
          if (settlement === "lost") totals.lost = true;
        });
      }
    }
    records += batch.ends.length;
    offset += length;
    return undefined;
  }
}

/**
 * Cuts a window that is larger than half of the buffer in parts that are not, as far as its records allow: so one part has room
 * while another is flushed. How large a window is depends on how the stream happened to arrive, so it must not be what a
 * stream is refused for.
 */
function* partsThatFit(batch: Batch, capacity: Amount): Generator<Batch, void> {
  const { format, data, ends } = batch;
  const records = Math.max(1, capacity.records >> 1);
  const bytes = capacity.bytes / 2;
  if (ends.length <= records && data.length <= bytes) {
    yield batch;
    return;
  }
  for (let from = 0, start = 0; from < ends.length;) {
    let to = from + 1;
    while (to < ends.length && to - from < records && ends[to]! - start <= bytes) to++;
    const end = ends[to - 1]!;
    yield { format, data: data.subarray(start, end), ends: ends.slice(from, to).map((end) => end - start) };
    from = to;
    start = end;
  }
}
