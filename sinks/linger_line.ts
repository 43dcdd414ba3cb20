import { Line, Place } from "../collector/line.ts";

/** Somebody who lingers, again and again. */
export class Lingerer extends Place {
  /** Is called when its time is over. */
  readonly called: () => void;
  /** When that is. Only the line touches this. */
  due = 0;
  /** Whether it stands in the line. */
  lingers = false;

  /** @param called Is called when its time is over. */
  constructor(called: () => void) {
    super();
    this.called = called;
  }
}

/**
 * Those who linger for the same time, in the order in which that is over, with one timer for all: thousands of flushes are
 * lingered for every second, and a timer of the runtime for each is 1 KB that outlives two collections of garbage and more.
 */
export class LingerLine {
  readonly #linger: number;
  readonly #line = new Line<Lingerer>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Whom the timer goes off for. Others may have come before, who have left since. */
  #timed = Infinity;

  /** @param linger For how long everybody lingers, in milliseconds. */
  constructor(linger: number) {
    this.#linger = linger;
  }

  /**
   * Begins to linger. Who does already goes on.
   *
   * @param lingerer Who lingers.
   * @param age For how much of its time it has already, in milliseconds.
   */
  join(lingerer: Lingerer, age = 0): void {
    if (lingerer.lingers) return;
    const now = performance.now();
    lingerer.due = now + Math.max(0, this.#linger - age);
    lingerer.lingers = true;
    this.#line.joinInOrder(lingerer, isLater);
    if (lingerer.due < this.#timed) this.#setTimer(lingerer.due, now);
  }

  /**
   * Lingers no more.
   *
   * @param lingerer Who does, or does not anyway.
   */
  leave(lingerer: Lingerer): void {
    if (!lingerer.lingers) return;
    lingerer.lingers = false;
    this.#line.leave(lingerer);
    if (this.#line.size === 0) this.#stopTimer();
  }

  #callDue(): void {
    this.#stopTimer();
    const now = performance.now();
    // Nobody twice: who comes back at once may have no time to wait.
    for (let left = this.#line.size; left > 0; left--) {
      const { first } = this.#line;
      if (first === undefined || first.due > now) break;
      this.leave(first);
      first.called();
    }
    const { first } = this.#line;
    if (first !== undefined && first.due < this.#timed) this.#setTimer(first.due, performance.now()); // calls take their time
  }

  #setTimer(due: number, now: number): void {
    clearTimeout(this.#timer);
    this.#timed = due;
    this.#timer = setTimeout(() => this.#callDue(), Math.ceil(due - now));
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timed = Infinity;
  }
}

function isLater(a: Lingerer, b: Lingerer): boolean {
  return a.due > b.due;
}
