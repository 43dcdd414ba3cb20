import type { Batch, BufferedBatch, RecordFormat } from "./batch.ts";
import { freeMemory, giveBlock } from "./memory.ts";

/** Bytes of the smallest chunk, so that a source that gets a record now and then costs little. */
export const SMALLEST_CHUNK = 4 * 1024;

/**
 * Bytes of the largest chunk that holds several records. It is also the most small records that one flush writes: at
 * 1 MiB a flush pays for its system call and its turn of the event loop about once in five thousand records.
 */
export const LARGEST_CHUNK = 1024 * 1024;

/** Room for the ends and times of this many records is made at first; it doubles as records come. */
const FIRST_ENDS = 16;

/** Bytes that the end and the time of one record take up. */
const BYTES_PER_RECORD = Uint32Array.BYTES_PER_ELEMENT + Float64Array.BYTES_PER_ELEMENT;

/**
 * A piece of a buffer: records of one format in one block of memory, appended at its end and taken from its start.
 *
 * A chunk is what keeps a buffer cheap: a record costs its bytes, four bytes for its end and eight for its time, and no
 * object. Small batches are copied in, because a slice of a request's body would keep the whole body alive.
 */
export class Chunk {
  /** What its records are; changed only while it is empty. */
  format: RecordFormat;
  /** Whether its records have weights; changed only while it is empty. */
  weighted = false;
  /** The chunk behind this one, nearer to the newest record. */
  next: Chunk | undefined;
  /** Whether it left its queue while a batch of it was still in use. */
  abandoned = false;
  /** How many bytes of memory are booked for it. */
  charged = 0;
  #data: Uint8Array;
  readonly #adopted: boolean;
  #ends: Uint32Array;
  #admittedAt: Float64Array;
  /** As in a batch, counted from the first record ever appended; made when the first record with a weight comes. */
  #weightEnds: Uint32Array | undefined;
  /** Index of the first record that has not left yet. */
  #head = 0;
  /** How many records were appended. */
  #count = 0;

  /**
   * @param format What its records are.
   * @param data The memory that records are copied to; its length is the capacity.
   * @param adopted Where the memory is full of records already: their ends, and when they were admitted.
   */
  constructor(format: RecordFormat, data: Uint8Array, adopted?: { ends: Uint32Array; now: number }) {
    this.format = format;
    this.#data = data;
    this.#adopted = adopted !== undefined;
    this.#ends = adopted?.ends ?? new Uint32Array(FIRST_ENDS);
    this.#count = adopted?.ends.length ?? 0;
    this.#admittedAt = new Float64Array(this.#ends.length).fill(adopted?.now ?? 0);
  }

  /**
   * Makes a full chunk of a batch without copying its bytes.
   *
   * @param batch The batch; its memory belongs to the chunk from now on.
   * @param now When its records were admitted, in milliseconds since the Unix epoch.
   * @returns The chunk.
   */
  static adopt(batch: Batch, now: number): Chunk {
    const chunk = new Chunk(batch.format, batch.data, { ends: batch.ends, now });
    chunk.weighted = batch.weightEnds !== undefined;
    chunk.#weightEnds = batch.weightEnds;
    return chunk;
  }

  /** How many bytes of records it can hold. */
  get capacity(): number {
    return this.#data.length;
  }

  /** How many bytes of memory it takes up. */
  get memoryBytes(): number {
    const weights = this.#weightEnds === undefined ? 0 : this.#weightEnds.byteLength;
    return this.#data.buffer.byteLength + this.#ends.length * BYTES_PER_RECORD + weights;
  }

  /** Whether it is of a size that is used again: a power of two. What came with a batch never is. */
  get reusable(): boolean {
    const bytes = this.#data.length;
    return !this.#adopted && bytes >= SMALLEST_CHUNK && bytes <= LARGEST_CHUNK &&
      (bytes & (bytes - 1)) === 0;
  }

  /** How many records have not left yet. */
  get records(): number {
    return this.#count - this.#head;
  }

  /** How many bytes the records that have not left yet have. */
  get bytes(): number {
    return this.#end(this.#count) - this.#end(this.#head);
  }

  /** How many bytes can still be appended. */
  get free(): number {
    return this.#data.length - this.#end(this.#count);
  }

  /** When its oldest record was admitted, in milliseconds since the Unix epoch. The chunk must not be empty. */
  get oldest(): number {
    return this.#admittedAt[this.#head]!;
  }

  /**
   * Copies the records `from` to `to` of a batch behind those that it has. Its caller made sure of format and room.
   *
   * @param batch Where they are.
   * @param from Index of the first record.
   * @param to Index behind the last record.
   * @param now When they were admitted, in milliseconds since the Unix epoch.
   * @returns Whether it takes up more memory than before.
   */
  append(batch: Batch, from: number, to: number, now: number): boolean {
    const count = this.#count;
    const added = to - from;
    let grows = count + added > this.#ends.length;
    if (grows) this.#makeRoomForEnds(count + added);
    if (this.weighted && this.#appendWeights(batch, from, to)) grows = true;
    const source = from === 0 ? 0 : batch.ends[from - 1]!;
    const target = this.#end(count);
    const whole = source === 0 && to === batch.ends.length;
    this.#data.set(whole ? batch.data : batch.data.subarray(source, batch.ends[to - 1]!), target);
    const shift = target - source;
    for (let i = 0; i < added; i++) {
      this.#ends[count + i] = batch.ends[from + i]! + shift;
      this.#admittedAt[count + i] = now;
    }
    this.#count = count + added;
    return grows;
  }

  /**
   * Says how many of its oldest records have at most so many bytes together.
   *
   * @param bytes The most bytes.
   * @returns A number of records; 0 when the first alone has more.
   */
  recordsWithin(bytes: number): number {
    const limit = this.#end(this.#head) + bytes;
    let low = this.#head;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#ends[middle]! <= limit) low = middle + 1;
      else high = middle;
    }
    return low - this.#head;
  }

  /**
   * Says how many of its oldest records weigh at most so much together.
   *
   * @param weight The most that they weigh.
   * @returns A number of records, which may be more than there are where each weighs 1.
   */
  recordsWeighing(weight: number): number {
    if (!this.weighted) return weight;
    const limit = this.#weightEnd(this.#head) + weight;
    let end = this.#head;
    while (end < this.#count && this.#weightEnds![end]! <= limit) end++;
    return end - this.#head;
  }

  /**
   * Says what its oldest records weigh together.
   *
   * @param records How many.
   * @returns Their weight.
   */
  weightOfFirst(records: number): number {
    return this.weighted ? this.#weightEnd(this.#head + records) - this.#weightEnd(this.#head) : records;
  }

  /**
   * Lets go of the oldest records.
   *
   * @param records How many; no more than there are.
   * @returns How many bytes they had.
   */
  drop(records: number): number {
    const before = this.#end(this.#head);
    this.#head += records;
    return this.#end(this.#head) - before;
  }

  /**
   * Lets go of the oldest records and hands them out, still in the chunk's memory.
   *
   * @param records How many; at least one, and no more than there are.
   * @returns The records, valid until the chunk is used again.
   */
  take(records: number): BufferedBatch {
    const start = this.#end(this.#head);
    const first = this.#head;
    const last = first + records;
    this.#head = last;
    let ends = this.#ends.subarray(first, last);
    if (start > 0) ends = ends.map((end) => end - start);
    const batch = {
      format: this.format,
      data: this.#data.subarray(start, this.#ends[last - 1]!),
      ends,
      admittedAt: this.#admittedAt.subarray(first, last),
    };
    if (!this.weighted) return batch;
    const before = this.#weightEnd(first);
    return { ...batch, weightEnds: this.#weightEnds!.subarray(first, last).map((end) => end - before) };
  }

  /** Moves its records to memory of just their size. Nobody may still use a batch of it. */
  shrink(): void {
    const memory = this.#data;
    const start = this.#end(this.#head);
    this.#data = memory.slice(start, this.#end(this.#count));
    this.#ends = this.#ends.slice(this.#head, this.#count).map((end) => end - start);
    if (this.weighted) {
      const before = this.#weightEnd(this.#head);
      this.#weightEnds = this.#weightEnds!.slice(this.#head, this.#count).map((end) => end - before);
    }
    this.#admittedAt = this.#admittedAt.slice(this.#head, this.#count);
    this.#count -= this.#head;
    this.#head = 0;
    freeMemory(memory);
  }

  /** Forgets every record, so that the memory can be filled again. Nobody may still use a batch of it. */
  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.weighted = false;
    this.#weightEnds = undefined;
    this.next = undefined;
    this.abandoned = false;
    this.charged = 0;
  }

  /** Gives the memory back. Nobody may still use a batch of it. */
  dispose(): void {
    if (this.#adopted) giveBlock(this.#data.buffer as ArrayBuffer);
    else freeMemory(this.#data);
  }

  #end(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  #weightEnd(index: number): number {
    return index === 0 ? 0 : this.#weightEnds![index - 1]!;
  }

  /** Says whether it takes up more memory than before. */
  #appendWeights({ weightEnds }: Batch, from: number, to: number): boolean {
    const count = this.#count;
    let kept = this.#weightEnds;
    const grows = kept === undefined || kept.length < this.#ends.length;
    if (grows) {
      const larger = new Uint32Array(this.#ends.length);
      if (kept !== undefined) larger.set(kept);
      this.#weightEnds = kept = larger;
    }
    const shift = this.#weightEnd(count) - (from === 0 ? 0 : weightEnds![from - 1]!);
    for (let i = from; i < to; i++) kept![count + i - from] = weightEnds![i]! + shift;
    return grows;
  }

  #makeRoomForEnds(count: number): void {
    const capacity = Math.max(count, this.#ends.length * 2);
    const ends = new Uint32Array(capacity);
    ends.set(this.#ends);
    this.#ends = ends;
    const admittedAt = new Float64Array(capacity);
    admittedAt.set(this.#admittedAt);
    this.#admittedAt = admittedAt;
  }
}
