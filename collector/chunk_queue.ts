import { type Amount, type Batch, type BufferedBatch, weightOf } from "./batch.ts";
import { Chunk, LARGEST_CHUNK, SMALLEST_CHUNK } from "./chunk.ts";
import { type ChunkPool, chunkSize } from "./chunk_pool.ts";

/** A single record of at least so many bytes is kept as it came: from here on copying costs more than one more chunk. */
const ADOPT_BYTES = 64 * 1024;

/** Where the memory of chunks is booked. */
export interface ChunkMemory {
  /** Books bytes if they are to be had. */
  tryReserve(bytes: number): boolean;
  /** Books bytes that are in use already, whether they are to be had or not. */
  charge(bytes: number): void;
  /** Books bytes as free again. */
  release(bytes: number): void;
}

/**
 * The chunks of one buffer, oldest first. It has no limit of its own: the buffer asks it to hold only what it may.
 *
 * What it books is the memory that its chunks take up, used or not, and no less.
 */
export class ChunkQueue {
  readonly #pool: ChunkPool;
  readonly #memory: ChunkMemory;
  #head: Chunk | undefined;
  #tail: Chunk | undefined;
  /** The chunk that the batch in flight lies in; its memory must stay as it is. */
  #taken: Chunk | undefined;
  #weight = 0;
  #nextCapacity = SMALLEST_CHUNK;
  /** What the records have that it holds and that were not taken. */
  #bytes = 0;
  /** The most that a batch was taken of since it was empty. */
  #mostBytes = 0;

  /**
   * @param pool Where chunks come from and go to.
   * @param memory Where their memory is booked.
   */
  constructor(pool: ChunkPool, memory: ChunkMemory) {
    this.#pool = pool;
    this.#memory = memory;
  }

  /** What the records weigh that it holds and that were not taken; each weighs 1 at least. */
  get weight(): number {
    return this.#weight;
  }

  /** When the oldest record was admitted, in milliseconds since the Unix epoch. */
  get oldest(): number | undefined {
    return this.#weight === 0 ? undefined : this.#firstWithRecords().oldest;
  }

  /**
   * Appends records of a batch.
   *
   * @param batch Where they are.
   * @param from Index of the first record.
   * @param to Index behind the last record; there is at least one.
   */
  append(batch: Batch, from: number, to: number): void {
    const now = Date.now();
    this.#weight += weightOf(batch, to) - weightOf(batch, from);
    this.#bytes += batch.ends[to - 1]! - (from === 0 ? 0 : batch.ends[from - 1]!);
    if (batch.ends.length === 1 && ownsLargeMemory(batch)) {
      const chunk = Chunk.adopt(batch, now);
      this.#charge(chunk);
      this.#push(chunk);
      return;
    }
    let next = from;
    while (next < to) {
      const start = next === 0 ? 0 : batch.ends[next - 1]!;
      let tail = this.#tail;
      if (tail === undefined || tail.free < batch.ends[next]! - start) {
        tail = this.#grow(batch.ends[next]! - start, batch.ends[to - 1]! - start);
      }
      const limit = start + tail.free;
      let end = to;
      if (batch.ends[to - 1]! > limit) {
        end = next + 1;
        while (batch.ends[end]! <= limit) end++;
      }
      if (tail.append(batch, next, end, now)) this.#charge(tail);
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
    this.#weight -= chunk.oldestWeight;
    const bytes = chunk.dropOldest();
    this.#bytes -= bytes;
    this.#tidy();
    return bytes;
  }

  /**
   * Hands out the oldest records.
   *
   * @param limit The most records, by weight, and bytes; one record at least.
   * @returns The records, contiguous in memory and of one format, or nothing when there are none.
   */
  take(limit: Amount): BufferedBatch | undefined {
    if (this.#weight === 0) return undefined;
    const chunk = this.#firstWithRecords();
    const batch = chunk.take(limit);
    this.#weight -= weightOf(batch);
    if (this.#bytes > this.#mostBytes) this.#mostBytes = this.#bytes;
    this.#bytes -= batch.data.length;
    this.#taken = chunk;
    return batch;
  }

  /** Says that the batch that was taken last is not in use any more. */
  releaseTaken(): void {
    const chunk = this.#taken;
    this.#taken = undefined;
    this.#tidy();
    // Evictions may have moved the head past the chunk while it was in use.
    if (chunk?.abandoned === true) this.#free(chunk);
  }

  #firstWithRecords(): Chunk {
    let chunk = this.#head!;
    while (chunk.records === 0) chunk = chunk.next!;
    return chunk;
  }

  /** Lets go of chunks at the front that have no record left. */
  #tidy(): void {
    for (let chunk = this.#head; chunk !== undefined && chunk.records === 0; chunk = this.#head) {
      if (chunk === this.#tail) {
        if (chunk === this.#taken) return; // more can be appended behind what is in use
        this.#tail = undefined;
        // The next chunk is for about as much as was there at once this time.
        this.#nextCapacity = chunkSize(this.#mostBytes);
        this.#mostBytes = 0;
      }
      this.#head = chunk.next;
      if (chunk === this.#taken) chunk.abandoned = true;
      else this.#free(chunk);
    }
  }

  /** Puts an empty chunk at the end, for one record at least. */
  #grow(recordBytes: number, wantedBytes: number): Chunk {
    const least = chunkSize(recordBytes);
    const capacity = Math.max(this.#nextCapacity, chunkSize(wantedBytes));
    if (recordBytes <= LARGEST_CHUNK) {
      // Only the first one may be twice as large: if all were, much of the memory would be what is left of them.
      const first = this.#tail === undefined ? this.#pool.fitting(capacity) : capacity;
      for (const bytes of [first, capacity, least]) {
        if (!this.#memory.tryReserve(bytes)) continue;
        const chunk = this.#pool.take(bytes);
        chunk.charged = bytes;
        this.#charge(chunk);
        this.#nextCapacity = Math.min(LARGEST_CHUNK, 2 * Math.min(bytes, capacity));
        return this.#push(chunk);
      }
    }
    // Memory is short, or the record is huge: just what is needed, which the batch itself is about to give back.
    const chunk = new Chunk(new Uint8Array(Math.max(recordBytes, Math.min(wantedBytes, LARGEST_CHUNK))));
    this.#charge(chunk);
    return this.#push(chunk);
  }

  #push(chunk: Chunk): Chunk {
    const last = this.#tail;
    if (last === undefined) this.#head = chunk;
    else {
      last.next = chunk;
      if (last !== this.#taken && last.records > 0 && last.free > last.capacity / 2) this.#shrink(last);
    }
    this.#tail = chunk;
    return chunk;
  }

  /** Records that are unlike one another would otherwise fill the memory with chunks that are mostly empty. */
  #shrink(chunk: Chunk): void {
    this.#nextCapacity = chunkSize(chunk.bytes);
    chunk.shrink();
    this.#memory.release(chunk.charged);
    chunk.charged = 0;
    this.#charge(chunk);
  }

  /** Books what a chunk takes up beyond what is booked for it. */
  #charge(chunk: Chunk): void {
    const bytes = chunk.memoryBytes - chunk.charged;
    if (bytes === 0) return;
    chunk.charged += bytes;
    this.#memory.charge(bytes);
  }

  #free(chunk: Chunk): void {
    this.#memory.release(chunk.charged);
    this.#pool.give(chunk);
  }
}

/** Whether a batch's memory is its own, large, and used well: a record cut out of a much larger body is copied. */
function ownsLargeMemory({ data, owned }: Batch): boolean {
  return owned === true && data.length >= ADOPT_BYTES && data.buffer.byteLength <= data.length * 5 / 4;
}
