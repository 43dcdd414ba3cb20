import { freeMemory } from "./memory.ts";
import type { MessageUnderWay } from "./message_memory.ts";

/**
 * The pieces of memory that a socket was read into, until nobody needs what was in them. They are freed by hand: left to the
 * garbage collector, the memory of what passes through makes it run far more often than the small objects do, which took a
 * third of the time at 200 bytes a message, and stays with the process for a while.
 */
export class SpentPieces {
  readonly #pieces: Uint8Array[] = [];

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
    const index = this.#pieces.findIndex(({ buffer }) => buffer === message.buffer);
    if (index >= 0) this.#pieces.splice(index, 1);
  }

  /**
   * Frees the pieces whose messages have been offered or copied: all, but for those of a message that the library is putting
   * together.
   *
   * @param message What is under way: whether the library puts it together, and whether it began in the last piece.
   */
  free({ leaves, began }: Pick<MessageUnderWay, "leaves" | "began">): void {
    if (leaves && !began) return;
    const spent = this.#pieces.length - (leaves ? 1 : 0);
    for (let i = 0; i < spent; i++) freeMemory(this.#pieces[i]!);
    if (spent > 0) this.#pieces.splice(0, spent);
  }

  /** Leaves them all to the garbage collector. */
  clear(): void {
    this.#pieces.length = 0;
  }
}
