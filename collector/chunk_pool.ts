import { Chunk, LARGEST_CHUNK, SMALLEST_CHUNK } from "./chunk.ts";

/**
 * Chunks that no buffer needs at the moment, for the next one that does. All buffers share one pool: a chunk is as good
 * for one source as for another, and what is kept is bounded for all of them together.
 *
 * With a thousand sources, dozens of megabytes are handed out and given back several times a second; to allocate them anew
 * each time costs more than what is done with them. So as much may be kept as is in use. It does not add up to more memory
 * than was in use at once, apart from the limit: a new chunk takes the place of one that is kept.
 */
export class ChunkPool {
  readonly #limit: number;
  /** By capacity, the smallest first. */
  readonly #free = new Map<number, Chunk[]>();
  #bytes = 0;
  /** Capacity of all chunks that were taken and not given back. */
  #lent = 0;

  /** @param limit The most bytes of memory that are kept when less than that is in use. @default {2 MiB} */
  constructor(limit: number = 2 * 1024 * 1024) {
    this.#limit = limit;
    for (let size = SMALLEST_CHUNK; size <= LARGEST_CHUNK; size *= 2) this.#free.set(size, []);
  }

  /** How many bytes of memory are kept. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes a chunk, or makes one.
   *
   * @param capacity How many bytes it shall hold.
   * @returns An empty chunk.
   */
  take(capacity: number): Chunk {
    let chunk = this.#free.get(capacity)?.pop();
    if (chunk === undefined) {
      this.#keep(Math.max(this.#limit, this.#bytes - capacity));
      chunk = new Chunk(new Uint8Array(capacity));
    } else {
      this.#bytes -= chunk.memoryBytes;
    }
    chunk.lent = capacity;
    this.#lent += capacity;
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
      this.#free.get(chunk.capacity)!.push(chunk);
    } else {
      chunk.dispose();
    }
    this.#keep(Math.max(this.#limit, this.#lent));
  }

  /** Keeps at most so many bytes; the largest chunks go first. */
  #keep(limit: number): void {
    if (this.#bytes <= limit) return;
    for (const chunks of [...this.#free.values()].reverse()) {
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
