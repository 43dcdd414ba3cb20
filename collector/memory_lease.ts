import type { MemoryAccount } from "./memory_budget.ts";

/**
 * Memory reserved for one request, from before its body is read until its records are in a buffer or gone. Buffers book
 * their own memory.
 */
export class MemoryLease implements Disposable {
  readonly #account: MemoryAccount;
  #bytes: number;

  /**
   * @param account Where the bytes are reserved.
   * @param bytes How many are reserved already.
   */
  constructor(account: MemoryAccount, bytes: number) {
    this.#account = account;
    this.#bytes = bytes;
  }

  /** How many bytes it holds. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Makes it as large as is needed now.
   *
   * @param bytes How many bytes it shall hold.
   * @returns Whether it holds them; making it smaller always works.
   */
  tryResize(bytes: number): boolean {
    if (bytes > this.#bytes) {
      if (!this.#account.tryReserve(bytes - this.#bytes)) return false;
    } else {
      this.#account.release(this.#bytes - bytes);
    }
    this.#bytes = bytes;
    return true;
  }

  /**
   * Takes in bytes that were reserved on its account elsewhere.
   *
   * @param bytes How many.
   */
  take(bytes: number): void {
    this.#bytes += bytes;
  }

  /**
   * Hands bytes over to another lease of the same account.
   *
   * @param other The other lease.
   * @param bytes How many of those that it holds.
   */
  moveTo(other: MemoryLease, bytes: number): void {
    this.#bytes -= bytes;
    other.take(bytes);
  }

  /** Gives back what it still holds. */
  [Symbol.dispose](): void {
    this.#account.release(this.#bytes);
    this.#bytes = 0;
  }
}
