/**
 * How long a generator sends before anything counts, in milliseconds: until its own code is compiled, it is slower than a
 * server that has been running for a while.
 */
export const WARM_UP = 200;

/** Moments that are closer than this are the same, in milliseconds: sums of fractions are not exact. */
export const SAME_MOMENT = 1e-3;

/**
 * When what is sent at a steady rate is due. The moments are fixed from the start: what is sent late, because whoever
 * is to take it was slow, was due when it was due, and its latency counts from then.
 */
export class Pace {
  readonly #start: number;
  readonly #interval: number;

  /**
   * @param start The first moment, in milliseconds on any clock.
   * @param perSecond How many there are in a second.
   */
  constructor(start: number, perSecond: number) {
    this.#start = start;
    this.#interval = 1000 / perSecond;
  }

  /**
   * @param n A number, from 0 on.
   * @returns When it is due, in milliseconds on the same clock.
   */
  at(n: number): number {
    return this.#start + n * this.#interval;
  }
}
