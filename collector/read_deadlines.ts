/** Why reading a body was given up. */
export type ReadEnd = "timeout" | "shutting_down";

/** One body, or one piece of a stream, that is being read. */
export interface PendingRead {
  /** Called once when it is given up; not after {@linkcode ReadDeadlines.done}. */
  readonly giveUp: (end: ReadEnd) => void;
}

/**
 * Gives up on agents that begin a body and do not go on, so that they do not keep the memory reserved for it.
 *
 * All reads have the same time, so the one that began first is late first, and one timer is enough for all of them; a
 * request pays for an entry in a set and no timer of its own.
 */
export class ReadDeadlines {
  readonly #timeout: number;
  readonly #pending = new Map<PendingRead, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param timeout How long a read may take, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout;
  }

  /**
   * Says that a read begins.
   *
   * @param read Who is told when it is late.
   */
  begin(read: PendingRead): void {
    if (this.#closed) {
      read.giveUp("shutting_down");
      return;
    }
    this.#pending.set(read, performance.now() + this.#timeout);
    this.#timer ??= setTimeout(() => this.#expire(), this.#timeout);
  }

  /**
   * Says that a read has ended.
   *
   * @param read The same as at its beginning.
   */
  done(read: PendingRead): void {
    this.#pending.delete(read);
  }

  /** Gives up on every read, and on those that begin later too. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const read of this.#pending.keys()) this.#giveUp(read, "shutting_down");
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [read, deadline] of this.#pending) {
      if (deadline > now) {
        this.#timer = setTimeout(() => this.#expire(), Math.ceil(deadline - now));
        return;
      }
      this.#giveUp(read, "timeout");
    }
  }

  #giveUp(read: PendingRead, end: ReadEnd): void {
    this.#pending.delete(read);
    read.giveUp(end);
  }
}
