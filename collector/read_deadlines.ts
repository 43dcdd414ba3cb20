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
 * Reads are kept in two generations. At every full timeout the older one is given up and the younger one becomes the
 * older, so that a read has at least the timeout and at most twice that. A request pays for an entry in a set, and for
 * no timer and no look at the clock.
 */
export class ReadDeadlines {
  /** How long a read may take at least, in milliseconds. */
  readonly timeout: number;
  #younger = new Set<PendingRead>();
  #older = new Set<PendingRead>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param timeout How long a read may take at least, in milliseconds. */
  constructor(timeout: number) {
    this.timeout = timeout;
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
    this.#younger.add(read);
    this.#timer ??= setTimeout(() => this.#age(), this.timeout);
  }

  /**
   * Says that a read has ended.
   *
   * @param read The same as at its beginning.
   * @returns Whether it had not been given up before.
   */
  done(read: PendingRead): boolean {
    return this.#younger.delete(read) || this.#older.delete(read);
  }

  /** Gives up on every read, and on those that begin later too. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    giveUp(this.#older, "shutting_down");
    giveUp(this.#younger, "shutting_down");
  }

  #age(): void {
    const late = this.#older;
    this.#older = this.#younger;
    this.#younger = new Set();
    this.#timer = this.#older.size > 0 ? setTimeout(() => this.#age(), this.timeout) : undefined;
    giveUp(late, "timeout");
  }
}

function giveUp(reads: Set<PendingRead>, end: ReadEnd): void {
  for (const read of reads) {
    reads.delete(read);
    read.giveUp(end);
  }
}
