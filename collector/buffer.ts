import {
  type Amount,
  amountBetween,
  amountOf,
  type Batch,
  type BufferedBatch,
  firstOfTail,
  lastWithin,
  weightOf,
} from "./batch.ts";
import type { BoundedBufferOptions, BufferObserver } from "./buffer_options.ts";
import { ChunkPool } from "./chunk_pool.ts";
import { type ChunkMemory, ChunkQueue } from "./chunk_queue.ts";
import { ProducerQueue, type WaitOptions, type WaitOutcome } from "./producer_queue.ts";
import type { LostRecords } from "./record_ranges.ts";

export type { BoundedBufferOptions, BufferObserver } from "./buffer_options.ts";

const UNBOOKED: ChunkMemory = { tryReserve: () => true, charge() {}, release() {} };

/**
 * The bounded first-in-first-out buffer of one source: bytes in chunks, limited in records **and** in bytes.
 *
 * A record that carries several, an OTLP request, counts by its weight everywhere, and comes and goes as a whole.
 *
 * It has mechanisms and no opinion: what happens to a batch that does not fit is an `OverloadPolicy`'s to say. What a
 * sink has begun to write still counts until it is committed, so that the bound holds whatever the sink does.
 *
 * @example
 * ```ts
 * import { BoundedBuffer } from "./buffer.ts";
 *
 * const buffer = new BoundedBuffer({ records: 2, bytes: 1024 });
 * const data = new TextEncoder().encode("1\n2\n");
 * buffer.append({ format: "json", data, ends: Uint32Array.of(2, 4) });
 * const batch = buffer.take({ records: 10, bytes: 1024 });
 * // ... write the batch ...
 * buffer.commit();
 * ```
 */
export class BoundedBuffer {
  readonly capacity: Amount;
  readonly #observer: BufferObserver | undefined;
  readonly #chunks: ChunkQueue;
  readonly #producers: ProducerQueue;
  #records = 0;
  #bytes = 0;
  #inFlight: Amount | undefined;
  #position = 0;
  #closed = false;

  /**
   * @param options Its limits.
   * @throws {RangeError} If a limit is not a positive integer.
   */
  constructor(
    { records, bytes, waiting = 1024, observer, memory = UNBOOKED, chunks = new ChunkPool() }:
      BoundedBufferOptions,
  ) {
    for (const [name, value] of Object.entries({ records, bytes, waiting })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(
          `Cannot create buffer: '${name}' must be a positive integer, current value is ${value}`,
        );
      }
    }
    this.capacity = { records, bytes };
    this.#observer = observer;
    this.#chunks = new ChunkQueue(chunks, memory);
    this.#producers = new ProducerQueue(waiting, () => this.#serveProducers());
  }

  /** How many records it holds, those in flight included. */
  get records(): number {
    return this.#records;
  }

  /** How many bytes of records it holds, those in flight included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether not one more record, however small, has room. */
  get full(): boolean {
    return this.#records >= this.capacity.records || this.#bytes >= this.capacity.bytes;
  }

  /** What a sink has begun to write and nobody has committed or discarded yet. */
  get inFlight(): Amount | undefined {
    return this.#inFlight;
  }

  /** How many records were ever admitted. */
  get position(): number {
    return this.#position;
  }

  /** When the oldest record that is not in flight was admitted, in milliseconds since the Unix epoch. */
  get oldest(): number | undefined {
    return this.#chunks.oldest;
  }

  /** How many producers wait for room. */
  get producersWaiting(): number {
    return this.#producers.size;
  }

  /** Whether it takes nothing any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Says whether a batch would have room in the empty buffer.
   *
   * @param batch The batch.
   * @returns Whether it would.
   */
  canEverHold(batch: Batch): boolean {
    return weightOf(batch) <= this.capacity.records && batch.data.length <= this.capacity.bytes;
  }

  /**
   * Says whether a whole batch has room now.
   *
   * @param batch The batch.
   * @returns Whether it has.
   */
  fits(batch: Batch): boolean {
    return this.#records + weightOf(batch) <= this.capacity.records &&
      this.#bytes + batch.data.length <= this.capacity.bytes;
  }

  /**
   * Says how many records of a batch, one after the other, have room now.
   *
   * @param batch The batch.
   * @param from Index of the first record that is looked at.
   * @returns How many, from `from` on.
   */
  room(batch: Batch, from: number = 0): number {
    const start = from === 0 ? 0 : batch.ends[from - 1]!;
    const limit = lastWithin(batch, from, this.capacity.records - this.#records);
    const freeBytes = this.capacity.bytes - this.#bytes;
    let end = from;
    while (end < limit && batch.ends[end]! - start <= freeBytes) end++;
    return end - from;
  }

  /**
   * Finds the longest tail of a batch that would have room if everything left that is not in flight.
   *
   * @param batch The batch.
   * @returns Index of the first record of that tail; the number of records when there is none.
   */
  firstThatCouldFit(batch: Batch): number {
    const total = batch.ends.length;
    const records = this.capacity.records - (this.#inFlight?.records ?? 0);
    const bytes = this.capacity.bytes - (this.#inFlight?.bytes ?? 0);
    let first = firstOfTail(batch, records);
    while (first < total && batch.data.length - amountOf(batch, first).bytes > bytes) first++;
    return first;
  }

  /**
   * Admits records. Its caller made sure that there is room.
   *
   * @param batch Where they are; a batch of a single large record that owns its memory is kept as it is, others are copied.
   * @param from Index of the first record.
   * @param to Index behind the last record.
   * @returns What they amount to.
   * @throws {RangeError} If there is no room for them.
   */
  append(batch: Batch, from: number = 0, to: number = batch.ends.length): Amount {
    const amount = amountBetween(batch, from, to);
    if (from === to) return amount;
    const { records, bytes } = amount;
    if (
      this.#records + records > this.capacity.records || this.#bytes + bytes > this.capacity.bytes
    ) {
      throw new RangeError(
        `Cannot append to buffer: ${records} records of ${bytes} bytes have no room beside ${this.#records} of ${this.#bytes}`,
      );
    }
    this.#chunks.append(batch, from, to);
    this.#records += records;
    this.#bytes += bytes;
    this.#position += records;
    this.#observer?.admitted(amount);
    return amount;
  }

  /**
   * Lets the oldest records go that are not in flight, until there is room.
   *
   * @param needed How much room is needed.
   * @returns What left: exactly as many records as it took; the last of them may weigh more than that.
   */
  evictFor(needed: Amount): Amount {
    const held = this.#chunks.weight;
    let records = 0;
    let bytes = 0;
    while (
      this.#chunks.weight > 0 &&
      (this.#records - records + needed.records > this.capacity.records ||
        this.#bytes - bytes + needed.bytes > this.capacity.bytes)
    ) {
      bytes += this.#chunks.dropOldest();
      records = held - this.#chunks.weight;
    }
    const evicted = { records, bytes };
    this.#forget(evicted);
    if (records > 0) this.#observer?.evicted(evicted);
    return evicted;
  }

  /**
   * Hands out the oldest records. They count until `commit()` or `discard()`; only then can more be taken.
   *
   * @param limit The most records and bytes; at least one record is handed out, however large it is.
   * @returns The records, or nothing when there are none or some are in flight already.
   */
  take(limit: Amount): BufferedBatch | undefined {
    if (this.#inFlight !== undefined) return undefined;
    const batch = this.#chunks.take(limit);
    if (batch !== undefined) this.#inFlight = amountOf(batch);
    return batch;
  }

  /** Lets what is in flight go, because every sink has it. The batch that `take()` returned is not valid any more. */
  commit(): void {
    const settled = this.#settle();
    this.#observer?.committed(settled);
    this.#serveProducers();
  }

  /**
   * Lets what is in flight go, because a sink did not take it. The batch that `take()` returned is not valid any more.
   *
   * @param lost What it did not take; everything when left out.
   */
  discard(lost?: LostRecords): void {
    const settled = this.#settle();
    this.#observer?.discarded(settled, lost);
    this.#serveProducers();
  }

  /**
   * Waits until a batch has room, first come first served, and admits it then.
   *
   * @param batch The batch; its caller made sure that the buffer can ever hold it.
   * @param options How long to wait, and the signal that ends it.
   * @returns `admitted` with the position behind the batch, or why it was not: `timeout`, `aborted`, `closed`, or
   * `crowded` when too many wait already.
   */
  waitForRoom(batch: Batch, options: WaitOptions): Promise<WaitOutcome> {
    return this.#producers.wait(batch, options);
  }

  /** Takes nothing any more and sends every waiting producer away. What is in the buffer can still be taken. */
  close(): void {
    this.#closed = true;
    this.#producers.close();
  }

  #settle(): Amount {
    const settled = this.#inFlight;
    if (settled === undefined) throw new TypeError("Cannot settle: nothing of the buffer is in flight");
    this.#inFlight = undefined;
    this.#chunks.releaseTaken();
    this.#forget(settled);
    return settled;
  }

  #forget({ records, bytes }: Amount): void {
    this.#records -= records;
    this.#bytes -= bytes;
  }

  #serveProducers(): void {
    for (let batch = this.#producers.first; batch !== undefined; batch = this.#producers.first) {
      if (!this.fits(batch)) return;
      // It leaves the queue first: whom the observer wakes may settle the buffer again, and must not find it there.
      this.#producers.admitFirst(this.#position + weightOf(batch));
      this.append(batch);
    }
  }
}
