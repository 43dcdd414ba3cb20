/** Freeing less than this by hand costs more than leaving it to the garbage collector. */
const WORTH_FREEING = 16 * 1024;

/**
 * Gives memory back at once, instead of when the garbage collector gets to it: at full speed that is hundreds of
 * megabytes later. Nobody may still use the bytes, or anything else in the same `ArrayBuffer`.
 *
 * @param bytes What is not needed any more.
 */
export function freeMemory(bytes: Uint8Array): void {
  if (bytes.buffer.byteLength >= WORTH_FREEING) (bytes.buffer as ArrayBuffer).transfer(0);
}
