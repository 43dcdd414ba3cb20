/** Freeing less than this by hand costs more than leaving it to the garbage collector. */
const WORTH_FREEING = 16 * 1024;

/** Blocks come in multiples of this, so that one serves for bodies of about the same size. */
const BLOCK_STEP = 32 * 1024;

/** The most bytes of blocks that are kept for the next body. */
const KEPT_BYTES = 2 * 1024 * 1024;

const kept = new Map<number, ArrayBuffer[]>();
let keptBytes = 0;

/**
 * Gives memory back at once, instead of when the garbage collector gets to it: at full speed that is hundreds of
 * megabytes later. Nobody may still use the bytes, or anything else in the same `ArrayBuffer`.
 *
 * @param bytes What is not needed any more.
 */
export function freeMemory(bytes: Uint8Array): void {
  if (bytes.length < WORTH_FREEING) return;
  const { buffer } = bytes;
  // A part of a larger piece of memory, as node:http reads bodies, is not the only one that uses it.
  if (bytes.length === buffer.byteLength) (buffer as ArrayBuffer).transfer(0);
}

/**
 * Says how large the block is in which something has room.
 *
 * @param bytes How large it is.
 * @returns The size of {@linkcode takeBlock}'s block for it.
 */
export function blockSize(bytes: number): number {
  return Math.ceil(bytes / BLOCK_STEP) * BLOCK_STEP;
}

/**
 * Takes a block of memory for one large body, one that was used before where there is one. The C library keeps freed
 * blocks of such sizes in pieces of its own, so that a process that allocates each anew grows by half.
 *
 * @param bytes How much is needed.
 * @returns A block of {@linkcode blockSize} bytes, with whatever was in it before.
 */
export function takeBlock(bytes: number): ArrayBuffer {
  const size = blockSize(bytes);
  const block = kept.get(size)?.pop();
  if (block === undefined) return new ArrayBuffer(size);
  keptBytes -= size;
  return block;
}

/**
 * Gives a block back. Nobody may still use it.
 *
 * @param block What {@linkcode takeBlock} returned.
 */
export function giveBlock(block: ArrayBuffer): void {
  const size = block.byteLength;
  if (size < WORTH_FREEING) return; // it may be a piece of memory that several share
  if (size % BLOCK_STEP !== 0 || keptBytes + size > KEPT_BYTES) {
    block.transfer(0);
    return;
  }
  keptBytes += size;
  const blocks = kept.get(size);
  if (blocks === undefined) kept.set(size, [block]);
  else blocks.push(block);
}
