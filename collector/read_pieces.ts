import { freeMemory } from "./memory.ts";

/**
 * The pieces of memory that a socket was read into and that are not needed any more, or soon will not be. They are freed by
 * hand: left to the garbage collector, the memory of what passes through makes it run far more often than the small
 * objects do, which took a third of the time at 200 bytes a message.
 */
export class ReadPieces {
  #pieces: Uint8Array[] = [];

  /**
   * Takes a piece over.
   *
   * @param piece What was read.
   */
  add(piece: Uint8Array): void {
    this.#pieces.push(piece);
  }

  /**
   * Leaves a piece to somebody else, because a message is the whole of it.
   *
   * @param message The message.
   */
  leave(message: Uint8Array): void {
    this.#pieces = this.#pieces.filter(({ buffer }) => buffer !== message.buffer);
  }

  /**
   * Frees the pieces that no message is made of any more.
   *
   * @param kept How many of the last ones are still needed.
   */
  free(kept: number): void {
    const { length } = this.#pieces;
    if (length <= kept) return;
    for (const piece of this.#pieces.splice(0, length - kept)) freeMemory(piece);
  }

  /** Leaves them all to the garbage collector. */
  clear(): void {
    this.#pieces = [];
  }
}
