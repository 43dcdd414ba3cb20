import { Chunk, LARGEST_CHUNK, SMALLEST_CHUNK } from "./chunk.ts";

/**
 * For how long at least as much is kept as was in use at once, in milliseconds: agents that send what they have gathered do so
 * every ten seconds or so, and chunks made anew for each such burst are a third of what it costs with a thousand sources.
 */
const PERIOD = 10_000;

/** Options of {@linkcode ChunkPool}. */
export interface ChunkPoolOptions {
  /** The most bytes of memory that are kept in any case. @default {2 MiB} */
  readonly limit?: number;
  /** Tells how many bytes of memory nobody has reserved: what is kept beyond the limit comes out of that. @default none */
  readonly rest?: () => number;
}

/**
 * Chunks that no buffer needs at the moment, for the next one that does. All buffers share one pool: a chunk is as good
 * for one source as for another, and what is kept is bounded for all of them together.
 *
 * Between two flushes dozens of megabytes are handed out and given back. To have the system find and clear memory anew for
 * each takes longer than to copy the records there: at 100 records a request 11 of 80 us. So as much is
 * kept as was in use at once in the last ten or twenty seconds, as long as nobody reserves that memory for something else.
 */
export class ChunkPool {
  readonly #limit: number;
  readonly #rest: () => number;
  /** By capacity; that of which a chunk was given back last is last. */
  readonly #free = new Map<number, Chunk[]>();
  #bytes = 0;
  /** Capacity of all chunks that were taken and not given back. */
  #lent = 0;
  /** The most that was lent at once, in this period and in the one before. */
  #mostLent = 0;
  #mostLentBefore = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param options How much is kept. */
  constructor({ limit = 2 * 1024 * 1024, rest = () => 0 }: ChunkPoolOptions = {}) {
    this.#limit = limit;
    this.#rest = rest;
  }

  /** How many bytes of memory are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Says how large a chunk to take: what is wanted, or twice that where only such are kept. What a source gets between two
   * flushes changes, and where each change had one chunk made and another one given up, half of them were new with a thousand
   * sources.
   *
   * @param capacity How many bytes are wanted.
   * @returns The capacity to take.
   */
  fitting(capacity: number): number {
    return this.#keeps(capacity) || !this.#keeps(2 * capacity) ? capacity : 2 * capacity;
  }

  /**
   * Takes a chunk, or makes one.
   *
   * @param capacity How many bytes it shall hold.
   * @returns An empty chunk.
   */
  take(capacity: number): Chunk {
    this.#lent += capacity;
    if (this.#lent > this.#mostLent) this.#mostLent = this.#lent;
    let chunk = this.#free.get(capacity)?.pop();
    if (chunk === undefined) {
      this.#keepWhatMayBe(); // a new one takes the place of one that is kept
      chunk = new Chunk(new Uint8Array(capacity));
    } else {
      this.#bytes -= chunk.memoryBytes;
    }
    chunk.lent = capacity;
    return chunk;
  }

  /**
   * Takes a chunk back, whether it comes from the pool or not. Nobody may still use it, or a batch of it.
   *
   * @param chunk The chunk.
   */
  give(chunk: Chunk): void {
    this.#lent -= chunk.lent;
    chunk.clear();
    if (chunk.reusable) {
      this.#bytes += chunk.memoryBytes;
      const chunks = this.#free.get(chunk.capacity) ?? [];
      chunks.push(chunk);
      this.#free.delete(chunk.capacity);
      this.#free.set(chunk.capacity, chunks);
    } else {
      chunk.dispose();
    }
    this.#keepWhatMayBe();
  }

  /** Gives up what is kept of memory that somebody has reserved. Called whenever somebody has. */
  makeWay(): void {
    if (this.#bytes > this.#limit) this.#keepWhatMayBe();
  }

  /** Gives up all that is kept, and keeps nothing from now on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#keepWhatMayBe();
  }

  #keeps(capacity: number): boolean {
    return (this.#free.get(capacity)?.length ?? 0) > 0;
  }

  #keepWhatMayBe(): void {
    if (this.#closed) return this.#keep(0);
    if (this.#bytes <= this.#limit) return;
    const spare = Math.max(this.#mostLent, this.#mostLentBefore) - this.#lent;
    this.#keep(Math.max(this.#limit, Math.min(this.#limit + spare, this.#rest())));
    if (this.#bytes > this.#limit) this.#timer ??= setTimeout(() => this.#age(), PERIOD);
  }

  #age(): void {
    this.#timer = undefined;
    this.#mostLentBefore = this.#mostLent;
    this.#mostLent = this.#lent;
    this.#keepWhatMayBe();
  }

  /** Keeps at most so many bytes. Chunks of a size that nobody uses any more go first, or they would stay for good. */
  #keep(limit: number): void {
    if (this.#bytes <= limit) return;
    for (const chunks of this.#free.values()) {
      for (let chunk = chunks.pop(); chunk !== undefined; chunk = chunks.pop()) {
        this.#bytes -= chunk.memoryBytes;
        chunk.dispose();
        if (this.#bytes <= limit) return;
      }
    }
  }
}

/**
 * Says how large the chunk is in which something fits.
 *
 * @param bytes How large it is.
 * @returns The least power of two that is not less, within the smallest and the largest chunk.
 */
export function chunkSize(bytes: number): number {
  if (bytes <= SMALLEST_CHUNK) return SMALLEST_CHUNK;
  if (bytes >= LARGEST_CHUNK) return LARGEST_CHUNK;
  return 2 ** (32 - Math.clz32(bytes - 1));
}
