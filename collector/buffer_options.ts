import type { Amount } from "./batch.ts";
import type { ChunkPool } from "./chunk_pool.ts";
import type { ChunkMemory } from "./chunk_queue.ts";
import type { LostRecords } from "./record_ranges.ts";

/** Is told of every record that comes and goes, at the very moment, so that books kept elsewhere always balance. */
export interface BufferObserver {
  /** Records came in. */
  admitted(amount: Amount): void;
  /** Records left to make room for newer ones. */
  evicted(amount: Amount): void;
  /** Records left because every sink has them. */
  committed(amount: Amount): void;
  /** Records left because a sink did not take them, or did not take some of them: then these are `lost`. */
  discarded(amount: Amount, lost: LostRecords | undefined): void;
}

/** Options of a `BoundedBuffer`. */
export interface BoundedBufferOptions {
  /** The most records it holds, those in flight included. */
  readonly records: number;
  /** The most bytes of records it holds, those in flight included. */
  readonly bytes: number;
  /** The most producers that may wait for room at once. @default {1024} */
  readonly waiting?: number;
  /** Who is told of what comes and goes. */
  readonly observer?: BufferObserver;
  /** Where the memory that it takes up is booked. @default nowhere */
  readonly memory?: ChunkMemory;
  /** Where its chunks come from. @default one of its own */
  readonly chunks?: ChunkPool;
}
