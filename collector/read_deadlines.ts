import { Line, Place } from "./line.ts";

/** Why reading a body was given up. */
export type ReadEnd = "timeout" | "shutting_down";

/** One body, or one piece of a stream, that is being read. */
export class PendingRead extends Place {
  readonly giveUp: (end: ReadEnd) => void;
  /** The generation that it belongs to. Only {@linkcode ReadDeadlines} touches this. */
  generation: Line<PendingRead> | undefined;

  /** @param giveUp Called once when it is given up; not after {@linkcode ReadDeadlines.done}. */
  constructor(giveUp: (end: ReadEnd) => void) {
    super();
    this.giveUp = giveUp;
  }
}

/**
 * Gives up on agents that begin a body and do not go on, so that they do not keep the memory reserved for it.
 *
 * Reads are kept in two generations. At every full timeout the older one is given up and the younger one becomes the
 * older, so that a read has at least the timeout and at most twice that. A request pays for a place in a line, and
 * for no timer and no look at the clock.
 */
export class ReadDeadlines {
  /** How long a read may take at least, in milliseconds. */
  readonly timeout: number;
  #younger = new Line<PendingRead>();
  #older = new Line<PendingRead>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  /** @param timeout How long a read may take at least, in milliseconds. */
  constructor(timeout: number) {
    this.timeout = timeout;
  }

  /**
   * Says that a read begins.
   *
   * @param read Who is told when it is late; it has not begun, or has ended.
   */
  begin(read: PendingRead): void {
    if (this.#closed) {
      read.giveUp("shutting_down");
      return;
    }
    read.generation = this.#younger;
    this.#younger.join(read);
    this.#timer ??= setTimeout(() => this.#age(), this.timeout);
  }

  /**
   * Says that a read has ended.
   *
   * @param read The same as at its beginning.
   * @returns Whether it had not been given up before.
   */
  done(read: PendingRead): boolean {
    return leave(read);
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
    this.#younger = new Line();
    this.#timer = this.#older.size > 0 ? setTimeout(() => this.#age(), this.timeout) : undefined;
    giveUp(late, "timeout");
  }
}

function giveUp(reads: Line<PendingRead>, end: ReadEnd): void {
  for (let read = reads.first; read !== undefined; read = reads.first) {
    leave(read);
    read.giveUp(end);
  }
}

/** Says whether it had begun, and had neither ended nor been given up. */
function leave(read: PendingRead): boolean {
  const { generation } = read;
  read.generation = undefined;
  return generation?.leave(read) ?? false;
}
