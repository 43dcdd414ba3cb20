// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { setImmediate } from "node:timers/promises";

/** How much of what was missed may be made up for, in milliseconds: a timer is no more exact than this. */
const CATCH_UP = 5;
/** After so many milliseconds without a pause the others get their turn. */
const TURN = 2;

/** Lets something happen so many times a second, evenly. Who was held up goes on at that rate, and not faster. */
export class Pace {
  /** How many times a second; may be changed at any time. */
  perSecond: number;
  #due = -Infinity;
  #paused = performance.now();

  /**
   * @param perSecond How many times a second.
   * @throws {RangeError} If it is not positive.
   */
  constructor(perSecond: number) {
    if (!(perSecond > 0)) {
      throw new RangeError(
        `Cannot create pace: 'perSecond' must be positive, current value is ${perSecond}`,
      );
    }
    this.perSecond = perSecond;
  }

  /** Waits until it may happen once more. */
  async next(): Promise<void> {
    const now = performance.now();
    const due = Math.max(this.#due, now - CATCH_UP);
    this.#due = due + 1000 / this.perSecond;
    if (due <= now && now - this.#paused < TURN) return;
    await (due > now ? delay(due - now) : setImmediate());
    this.#paused = performance.now();
  }
}
