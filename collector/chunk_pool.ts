import { Chunk, LARGEST_CHUNK, SMALLEST_CHUNK } from "./chunk.ts";

/**
 * Chunks that no buffer needs at the moment, for the next one that does. All buffers share one pool: a chunk is as good
 * for one source as for another, and what is kept is bounded for all of them together.
 */
export class ChunkPool {
  readonly #limit: number;
  readonly #free = new Map<number, Chunk[]>();
  #bytes = 0;

  /** @param limit The most bytes of memory that are kept. @default {2 MiB} */
  constructor(limit: number = 2 * 1024 * 1024) {
    this.#limit = limit;
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
    const chunk = this.#free.get(capacity)?.pop();
    if (chunk === undefined) return new Chunk(new Uint8Array(capacity));
    this.#bytes -= chunk.memoryBytes;
    return chunk;
  }

  /**
   * Takes a chunk back. Nobody may still use it, or a batch of it.
   *
   * @param chunk The chunk.
   */
  give(chunk: Chunk): void {
    chunk.clear();
    const { capacity, memoryBytes } = chunk;
    if (!chunk.reusable || this.#bytes + memoryBytes > this.#limit) {
      chunk.dispose();
      return;
    }
    this.#bytes += memoryBytes;
    const free = this.#free.get(capacity);
    if (free === undefined) this.#free.set(capacity, [chunk]);
    else free.push(chunk);
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
