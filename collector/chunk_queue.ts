import type { Amount, Batch, BufferedBatch } from "./batch.ts";
import { Chunk } from "./chunk.ts";

/** Bytes of the first chunk; each further one is twice as large up to the limit, so that an idle source costs little. */
const FIRST_CHUNK_BYTES = 4 * 1024;

/** A single record of at least so many bytes is kept as it came: from here on copying costs more than one more chunk. */
const ADOPT_BYTES = 64 * 1024;

/**
 * The chunks of one buffer, oldest first. It has no limit of its own: the buffer asks it to hold only what it may.
 *
 * Memory goes back at once when the last record of a chunk has left, except for one full-grown chunk that is kept for
 * the next time it is needed.
 */
export class ChunkQueue {
  #head: Chunk | undefined;
  #tail: Chunk | undefined;
  /** The chunk that the batch in flight lies in; its memory must stay as it is. */
  #taken: Chunk | undefined;
  #spare: Chunk | undefined;
  #records = 0;
  #nextCapacity = FIRST_CHUNK_BYTES;

  /** How many records it holds that were not taken. */
  get records(): number {
    return this.#records;
  }

  /** When the oldest record was admitted, in milliseconds since the Unix epoch. */
  get oldest(): number | undefined {
    return this.#records === 0 ? undefined : this.#firstWithRecords().oldest;
  }

  /**
   * Appends records of a batch.
   *
   * @param batch Where they are.
   * @param from Index of the first record.
   * @param to Index behind the last record.
   * @param chunkBytes Bytes of a full-grown chunk.
   */
  append(batch: Batch, from: number, to: number, chunkBytes: number): void {
    const now = Date.now();
    this.#records += to - from;
    if (batch.ends.length === 1 && ownsLargeMemory(batch)) {
      this.#push(Chunk.adopt(batch, now));
      return;
    }
    let next = from;
    while (next < to) {
      const start = next === 0 ? 0 : batch.ends[next - 1]!;
      let tail = this.#tail;
      if (tail === undefined || tail.format !== batch.format || tail.free < batch.ends[next]! - start) {
        tail = this.#grow(batch, batch.ends[next]! - start, chunkBytes);
      }
      const limit = start + tail.free;
      let end = to;
      if (batch.ends[to - 1]! > limit) {
        end = next + 1;
        while (batch.ends[end]! <= limit) end++;
      }
      tail.append(batch, next, end, now);
      next = end;
    }
  }

  /**
   * Lets the oldest record go.
   *
   * @returns How many bytes it had.
   */
  dropOldest(): number {
    const chunk = this.#firstWithRecords();
    const bytes = chunk.drop(1);
    this.#records--;
    this.#tidy();
    return bytes;
  }

  /**
   * Hands out the oldest records.
   *
   * @param limit The most records and bytes; one record at least.
   * @returns The records, contiguous in memory and of one format, or nothing when there are none.
   */
  take(limit: Amount): BufferedBatch | undefined {
    if (this.#records === 0) return undefined;
    const chunk = this.#firstWithRecords();
    const records = chunk.bytes <= limit.bytes
      ? chunk.records
      : Math.max(1, chunk.recordsWithin(limit.bytes));
    const batch = chunk.take(Math.min(records, limit.records));
    this.#records -= batch.ends.length;
    this.#taken = chunk;
    return batch;
  }

  /** Says that the batch that was taken last is not in use any more. */
  releaseTaken(): void {
    const chunk = this.#taken;
    this.#taken = undefined;
    this.#tidy();
    // Evictions may have moved the head past the chunk while it was in use.
    if (chunk !== undefined && chunk.abandoned) this.#recycle(chunk);
  }

  #firstWithRecords(): Chunk {
    let chunk = this.#head!;
    while (chunk.records === 0) chunk = chunk.next!;
    return chunk;
  }

  /** Lets go of chunks at the front that have no record left, and starts the last one afresh when it is empty. */
  #tidy(): void {
    while (this.#head !== undefined && this.#head.records === 0 && this.#head !== this.#tail) {
      const chunk = this.#head;
      this.#head = chunk.next;
      if (chunk === this.#taken) chunk.abandoned = true;
      else this.#recycle(chunk);
    }
    const last = this.#head;
    if (last === undefined || last.records > 0 || last === this.#taken) return;
    if (last.reusable) last.clear();
    else {
      this.#head = this.#tail = undefined;
      last.dispose();
    }
  }

  #grow(batch: Batch, recordBytes: number, chunkBytes: number): Chunk {
    const capacity = Math.max(recordBytes, Math.min(chunkBytes, this.#nextCapacity));
    this.#nextCapacity = Math.min(chunkBytes, this.#nextCapacity * 2);
    const spare = this.#spare;
    if (spare !== undefined && spare.capacity >= capacity && spare.format === batch.format) {
      this.#spare = undefined;
      return this.#push(spare);
    }
    return this.#push(new Chunk(batch.format, new Uint8Array(capacity)));
  }

  #push(chunk: Chunk): Chunk {
    if (this.#tail === undefined) this.#head = chunk;
    else this.#tail.next = chunk;
    this.#tail = chunk;
    this.#tidy();
    return chunk;
  }

  #recycle(chunk: Chunk): void {
    if (this.#spare === undefined && chunk.reusable && chunk.capacity >= this.#nextCapacity) {
      chunk.clear();
      this.#spare = chunk;
    } else chunk.dispose();
  }
}

/** Whether a batch's memory is its own, large, and used well: a record cut out of a much larger body is copied. */
function ownsLargeMemory({ data, owned }: Batch): boolean {
  return owned === true && data.length >= ADOPT_BYTES && data.buffer.byteLength <= data.length * 5 / 4;
}
