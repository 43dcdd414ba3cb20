import type { MemoryAccount } from "./memory_budget.ts";
import { MemoryLease } from "./memory_lease.ts";
import type { Source } from "./source.ts";

/**
 * What a connection may hold at any moment, in bytes: what one read of the socket gave, which is at most 64 KiB, and as much
 * again that the socket reads ahead of a pause. Reserved for as long as there is the connection.
 */
export const CONNECTION_MEMORY = 128 * 1024;

/** Up to so many bytes a message and the pieces that it is made of are part of that. */
const INCLUDED = 96 * 1024;

/** Up to so many bytes a message is part of that which does not keep the pieces alive that it came in. */
export const INCLUDED_MESSAGE = 16 * 1024;

/** What a piece or a fragment costs beside its bytes, as an object of the runtime. */
const OBJECT_BYTES = 512;

/** The most bytes that one read of a socket gives. */
const READ_BYTES = 64 * 1024;

/**
 * Says what a connection holds while it receives a message that comes in one frame and as fast as it is read; in smaller
 * pieces it costs more.
 *
 * @param bytes How large the message is.
 * @returns How many bytes that takes, those of the connection itself included.
 */
export function messageMemory(bytes: number): number {
  return CONNECTION_MEMORY + memoryBeside(bytes, bytes + OBJECT_BYTES * Math.ceil(bytes / READ_BYTES), 1);
}

/** What a message needs beside that which its connection has anyway. */
function memoryBeside(announced: number, pinned: number, fragments: number): number {
  // The pieces of a message and the message that is made of them are there at the same time.
  const needed = Math.max(announced, pinned) + announced + OBJECT_BYTES * fragments;
  return needed > INCLUDED ? needed : 0;
}

/** Options of {@linkcode MessageMemory}. */
export interface MessageMemoryOptions {
  /** Where memory is reserved. {@linkcode CONNECTION_MEMORY} is reserved already, and given back in the end. */
  readonly source: Source;
  /** Is told whether memory is waited for, so that nothing is read meanwhile. */
  readonly onWaiting: (waiting: boolean) => void;
  /** Is told that there is none to be had, however long one waits. */
  readonly onRefused: () => void;
}

/** What is known of a message that has begun and not ended. */
export interface MessageUnderWay {
  /** How many bytes it has, as far as is known; 0 if there is none. */
  readonly announced: number;
  /** How many fragments of it have begun. */
  readonly fragments: number;
  /** Whether it began in the piece that was read last. */
  readonly began: boolean;
  /** Whether it is made of the pieces that were read, once all are there, and not put together as they come. */
  readonly leaves: boolean;
}

/** The memory of one connection, and of the message that it is receiving. */
export class MessageMemory implements Disposable {
  readonly #source: Source;
  readonly #account: MemoryAccount;
  readonly #givenUp = new AbortController();
  readonly #onWaiting: (waiting: boolean) => void;
  readonly #onRefused: () => void;
  readonly #connection: MemoryLease;
  readonly #message: MemoryLease;
  /** Bytes of the pieces that the message under way is in: all of each, however little of it is the message's. */
  #pinned = 0;
  #disposed = false;

  /** @param options What it is made of. */
  constructor({ source, onWaiting, onRefused }: MessageMemoryOptions) {
    this.#source = source;
    this.#account = source.memory;
    this.#onWaiting = onWaiting;
    this.#onRefused = onRefused;
    this.#connection = new MemoryLease(source.memory, CONNECTION_MEMORY);
    this.#message = new MemoryLease(source.memory, 0);
  }

  /** Bytes of the pieces that the message under way is in. */
  get pinned(): number {
    return this.#pinned;
  }

  /**
   * Counts a piece that was read.
   *
   * @param piece The piece.
   * @param message The message that it ends in.
   */
  read(piece: Uint8Array, { began, leaves }: MessageUnderWay): void {
    if (began) this.#pinned = 0;
    if (leaves) this.#pinned += piece.length + OBJECT_BYTES;
  }

  /**
   * Reserves what a message needs. Where it is not to be had, it is waited for as long as a blocked producer waits; only
   * policy `reject` does not wait.
   *
   * @param message The message under way.
   */
  expect({ announced, fragments, leaves }: MessageUnderWay): void {
    if (!leaves) return this.#reserve(announced > INCLUDED_MESSAGE ? announced : 0);
    this.#reserve(memoryBeside(announced, this.#pinned, fragments));
  }

  /**
   * @param message The message under way.
   * @returns Whether it needs more than what a connection has anyway.
   */
  exceeds({ announced, leaves }: MessageUnderWay): boolean {
    return leaves && Math.max(announced, this.#pinned) + announced > CONNECTION_MEMORY;
  }

  /**
   * @param message A whole message that has to wait.
   * @returns Whether there is memory for it at the moment.
   */
  hasRoomFor(message: Uint8Array): boolean {
    if (!this.#account.tryReserve(message.length)) return false;
    this.#account.release(message.length); // whoever queues it books it
    return true;
  }

  /** Gives back what was reserved for a message. */
  expectNothing(): void {
    this.#pinned = 0;
    this.#reserve(0);
  }

  /** Expects no message any more: gives back what was reserved for one, and waits for nothing. */
  giveUp(): void {
    this.#givenUp.abort();
    this.expectNothing();
  }

  #reserve(needed: number): void {
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
    const options = { timeout: this.#source.config.blockTimeout, signal: this.#givenUp.signal };
    this.#account.reserve(bytes, options).then((outcome) => {
      if (outcome === "ok") {
        if (this.#disposed) this.#account.release(bytes);
        else this.#message.take(bytes);
      } else if (outcome === "timeout" || outcome === "crowded") this.#onRefused();
      this.#onWaiting(false);
    });
  }
}
