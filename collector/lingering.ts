/** The part of a body's reader that is needed to let go of it. */
export interface HeldBody {
  /** Lets go of the body; the server then ends the connection, where the answer is out already. */
  cancel(): Promise<void>;
}

/** Options of {@linkcode Lingering}. */
export interface LingeringOptions {
  /** How long a body is held, in milliseconds. */
  readonly time: number;
  /** The most bodies that are held at once; one more, and the oldest is let go of early. */
  readonly limit: number;
}

/**
 * Holds the unread bodies of refused requests for a while.
 *
 * As long as somebody holds the reader of a body and does not read, the server does not read either: the agent stays
 * blocked after what the kernel takes, which costs nothing, and has time to take the answer in and to stop by itself.
 * All are held for the same time, so the first is due first and one timer is enough.
 */
export class Lingering {
  readonly #time: number;
  readonly #limit: number;
  readonly #held = new Map<HeldBody, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param options For how long, and how many. */
  constructor({ time, limit }: LingeringOptions) {
    this.#time = time;
    this.#limit = limit;
  }

  /** @param body What is held, and let go of later. */
  hold(body: HeldBody): void {
    if (this.#held.size >= this.#limit) {
      for (const oldest of this.#held.keys()) {
        this.#letGo(oldest);
        break;
      }
    }
    this.#held.set(body, performance.now() + this.#time);
    this.#timer ??= setTimeout(() => this.#expire(), this.#time);
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const [body, due] of this.#held) {
      if (due > now) {
        this.#timer = setTimeout(() => this.#expire(), Math.ceil(due - now));
        return;
      }
      this.#letGo(body);
    }
  }

  #letGo(body: HeldBody): void {
    this.#held.delete(body);
    body.cancel().catch(() => {}); // the agent has hung up by itself
  }
}
