import type { Amount, Batch, BufferedBatch } from "./batch.ts";
import { freeMemory, giveBlock } from "./memory.ts";
import { RecordMarks } from "./record_marks.ts";

/** Bytes of the smallest chunk, so that a source that gets a record now and then costs little. */
export const SMALLEST_CHUNK = 4 * 1024;

/**
 * Bytes of the largest chunk that holds several records. It is also the most small records that one flush writes: at
 * 1 MiB a flush pays for its system call and its turn of the event loop about once in five thousand records.
 */
export const LARGEST_CHUNK = 1024 * 1024;

/**
 * Bytes that a chunk takes up beside its records and what is known of them: its object, those of its arrays and of their
 * memory, and what the allocator adds. Measured on chunks of one record: 1.5 KB, and 1.9 KB with weights.
 */
export const CHUNK_OVERHEAD = 2 * 1024;

/**
 * A piece of a buffer: records in one block of memory, appended at its end and taken from its start.
 *
 * A chunk is what keeps a buffer cheap: a record costs its bytes, four bytes for its end and eight for its time, and no
 * object; another five where weights and formats differ. Small batches are copied in, because a slice of a request's body
 * would keep the whole body alive.
 */
export class Chunk {
  /** The chunk behind this one, nearer to the newest record. */
  next: Chunk | undefined;
  /** Whether it left its queue while a batch of it was still in use. */
  abandoned = false;
  /** How many bytes of memory are booked for it. */
  charged = 0;
  /** Its capacity when it was taken from the pool; 0 where it was not. */
  lent = 0;
  #data: Uint8Array;
  readonly #adopted: boolean;
  readonly #marks: RecordMarks;
  /** Index of the first record that has not left yet. */
  #head = 0;
  /** How many records were appended. */
  #count = 0;

  /**
   * @param data The memory that records are copied to; its length is the capacity.
   * @param adopted The batch that fills that memory already, and when it was admitted.
   */
  constructor(data: Uint8Array, adopted?: { readonly batch: Batch; readonly now: number }) {
    this.#data = data;
    this.#adopted = adopted !== undefined;
    this.#marks = new RecordMarks(adopted?.batch, adopted?.now);
    this.#count = adopted?.batch.ends.length ?? 0;
  }

  /**
   * Makes a full chunk of a batch without copying its bytes.
   *
   * @param batch The batch; its memory belongs to the chunk from now on.
   * @param now When its records were admitted, in milliseconds since the Unix epoch.
   * @returns The chunk.
   */
  static adopt(batch: Batch, now: number): Chunk {
    return new Chunk(batch.data, { batch, now });
  }

  /** How many bytes of records it can hold. */
  get capacity(): number {
    return this.#data.length;
  }

  /** How many bytes of memory it takes up. */
  get memoryBytes(): number {
    return this.#data.buffer.byteLength + this.#marks.memoryBytes + CHUNK_OVERHEAD;
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
    return this.#marks.end(this.#count) - this.#marks.end(this.#head);
  }

  /** How many bytes can still be appended. */
  get free(): number {
    return this.#data.length - this.#marks.end(this.#count);
  }

  /** When its oldest record was admitted, in milliseconds since the Unix epoch. The chunk must not be empty. */
  get oldest(): number {
    return this.#marks.admittedAt(this.#head);
  }

  /**
   * Copies the records `from` to `to` of a batch behind those that it has. Its caller made sure that there is room.
   *
   * @param batch Where they are.
   * @param from Index of the first record.
   * @param to Index behind the last record.
   * @param now When they were admitted, in milliseconds since the Unix epoch.
   * @returns Whether it takes up more memory than before.
   */
  append(batch: Batch, from: number, to: number, now: number): boolean {
    const source = from === 0 ? 0 : batch.ends[from - 1]!;
    const whole = source === 0 && to === batch.ends.length;
    const data = whole ? batch.data : batch.data.subarray(source, batch.ends[to - 1]!);
    this.#data.set(data, this.#marks.end(this.#count));
    const grows = this.#marks.add(batch, from, to, this.#count, now);
    this.#count += to - from;
    return grows;
  }

  /** What its oldest record weighs. The chunk must not be empty. */
  get oldestWeight(): number {
    return this.#marks.weightEnd(this.#head + 1) - this.#marks.weightEnd(this.#head);
  }

  /**
   * Lets go of its oldest record. The chunk must not be empty.
   *
   * @returns How many bytes it had.
   */
  dropOldest(): number {
    const before = this.#marks.end(this.#head);
    this.#head++;
    return this.#marks.end(this.#head) - before;
  }

  /**
   * Lets go of the oldest records that are of one format and hands them out, still in the chunk's memory. The chunk must not
   * be empty.
   *
   * @param limit The most records, by weight, and bytes; one record at least.
   * @returns The records, valid until the chunk is used again.
   */
  take({ records, bytes }: Amount): BufferedBatch {
    const first = this.#head;
    this.#head = Math.max(first + 1, this.#marks.endOfRun(first, this.#count, bytes, records));
    return this.#marks.batch(first, this.#head, this.#data);
  }

  /** Moves its records to memory of just their size. Nobody may still use a batch of it. */
  shrink(): void {
    const memory = this.#data;
    this.#data = memory.slice(this.#marks.end(this.#head), this.#marks.end(this.#count));
    this.#marks.keep(this.#head, this.#count);
    this.#count -= this.#head;
    this.#head = 0;
    freeMemory(memory);
  }

  /** Forgets every record, so that the memory can be filled again. Nobody may still use a batch of it. */
  clear(): void {
    this.#head = 0;
    this.#count = 0;
    this.#marks.clear();
    this.next = undefined;
    this.abandoned = false;
    this.charged = 0;
    this.lent = 0;
  }

  /** Gives the memory back. Nobody may still use a batch of it. */
  dispose(): void {
    if (this.#adopted) giveBlock(this.#data.buffer as ArrayBuffer);
    else freeMemory(this.#data);
  }
}
