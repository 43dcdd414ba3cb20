/**
 * Why a socket is not read:
 *
 * - `turn`: others have their turn.
 * - `room`: a message waits for room.
 * - `memory`: there is no memory for the message that is to come.
 * - `drain`: the daemon drains.
 */
export type ReadHold = "turn" | "room" | "memory" | "drain";

/** What a client may still send once nobody wants it, in bytes: its close frame comes behind it. */
const MOST_IN_VAIN = 4 * 2 ** 20;

/** What can be read or left unread. */
export interface Readable {
  /** Reads no more. */
  pause(): void;
  /** Reads on. */
  resume(): void;
}

/** Lets a socket be read while nothing speaks against it. */
export class ReadGate {
  readonly #readable: Readable;
  readonly #holds = new Set<ReadHold>();
  #isShut = false;
  #inVain = 0;

  /** @param readable What is read. */
  constructor(readable: Readable) {
    this.#readable = readable;
  }

  /** Whether it is not read for longer than a turn. */
  get isHeld(): boolean {
    return this.#holds.size > (this.#holds.has("turn") ? 1 : 0);
  }

  /**
   * Reads no more.
   *
   * @param hold Why.
   */
  hold(hold: ReadHold): void {
    this.#holds.add(hold);
    this.#readable.pause();
  }

  /**
   * Reads on, unless something else speaks against it.
   *
   * @param hold What does not any more.
   */
  release(hold: ReadHold): void {
    if (this.#holds.delete(hold) && this.#holds.size === 0 && !this.#isShut) this.#readable.resume();
  }

  /** Reads on, whatever spoke against it. */
  releaseAll(): void {
    for (const hold of this.#holds) this.release(hold);
  }

  /**
   * Counts what was read and not wanted. Beyond 4 MiB no more is read.
   *
   * @param bytes How much.
   */
  readInVain(bytes: number): void {
    this.#inVain += bytes;
    if (this.#inVain > MOST_IN_VAIN) this.shut();
  }

  /** Reads no more, for good. */
  shut(): void {
    this.#isShut = true;
    this.#readable.pause();
  }
}
