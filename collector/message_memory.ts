import type { MemoryAccount } from "./memory_budget.ts";
import { MemoryLease } from "./memory_lease.ts";
import type { Source } from "./source.ts";

/**
 * What a connection may hold at any moment, in bytes: what one read of the socket gave, which is at most 64 KiB, and as much
 * again that the socket reads ahead of a pause. Reserved for as long as there is the connection.
 */
export const CONNECTION_MEMORY = 128 * 1024;

/** Up to this size a message and the pieces that it is made of are part of that. */
export const SMALL_MESSAGE = 32 * 1024;

/** Options of {@linkcode MessageMemory}. */
export interface MessageMemoryOptions {
  /** Where memory is reserved. {@linkcode CONNECTION_MEMORY} is reserved already, and given back in the end. */
  readonly source: Source;
  /** Aborted when the connection is gone. */
  readonly signal: AbortSignal;
  /** Is told whether memory is waited for, so that nothing is read meanwhile. */
  readonly onWaiting: (waiting: boolean) => void;
  /** Is told that there is none to be had, however long one waits. */
  readonly onRefused: () => void;
}

/** The memory of one connection, and of the message that it is receiving. */
export class MessageMemory implements Disposable {
  readonly #source: Source;
  readonly #account: MemoryAccount;
  readonly #signal: AbortSignal;
  readonly #onWaiting: (waiting: boolean) => void;
  readonly #onRefused: () => void;
  readonly #connection: MemoryLease;
  readonly #message: MemoryLease;
  #disposed = false;

  /** @param options What it is made of. */
  constructor({ source, signal, onWaiting, onRefused }: MessageMemoryOptions) {
    this.#source = source;
    this.#account = source.memory;
    this.#signal = signal;
    this.#onWaiting = onWaiting;
    this.#onRefused = onRefused;
    this.#connection = new MemoryLease(source.memory, CONNECTION_MEMORY);
    this.#message = new MemoryLease(source.memory, 0);
  }

  /**
   * Reserves what a message needs. Where it is not to be had, it is waited for as long as a blocked producer waits; only
   * policy `reject` does not wait.
   *
   * @param announced How many bytes the message has, as far as is known; 0 if there is none.
   */
  expect(announced: number): void {
    // The pieces of a message and the message that is made of them are there at the same time.
    const needed = announced > SMALL_MESSAGE ? 2 * announced : 0;
    if (this.#message.tryResize(needed)) return;
    if (this.#source.policy.name === "reject") this.#onRefused();
    else this.#wait(needed - this.#message.bytes);
  }

  /** Gives back everything, that of the connection too. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#message[Symbol.dispose]();
    this.#connection[Symbol.dispose]();
  }

  #wait(bytes: number): void {
    this.#onWaiting(true);
    const options = { timeout: this.#source.config.blockTimeout, signal: this.#signal };
    this.#account.reserve(bytes, options).then((outcome) => {
      if (outcome === "ok") {
        if (this.#disposed) this.#account.release(bytes);
        else this.#message.take(bytes);
      } else if (outcome === "timeout" || outcome === "crowded") this.#onRefused();
      this.#onWaiting(false);
    });
  }
}
