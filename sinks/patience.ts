const monotonicNow = () => performance.now();

/** Options of {@linkcode Patience}. */
export interface PatienceOptions {
  /** How long it lasts once it is tried, in milliseconds; `Infinity` for ever. */
  readonly maxElapsed: number;
  /**
   * The clock, in milliseconds; it must not jump.
   *
   * @default {performance.now}
   */
  readonly now?: () => number;
}

/**
 * For how long somebody goes on with what does not work: a time that begins with the first trouble, whichever that is,
 * and is not stopped by a success of somebody else.
 */
export class Patience {
  readonly #maxElapsed: number;
  readonly #now: () => number;
  #end: number | undefined;

  /**
   * @param options How long it lasts.
   * @throws {RangeError} If `maxElapsed` is negative.
   */
  constructor({ maxElapsed, now = monotonicNow }: PatienceOptions) {
    if (!(maxElapsed >= 0)) {
      throw new RangeError(
        `Cannot be patient: 'maxElapsed' must not be negative, current value is ${maxElapsed}`,
      );
    }
    this.#maxElapsed = maxElapsed;
    this.#now = now;
  }

  /** Begins its time, unless it has begun. */
  begin(): void {
    this.#end ??= this.#now() + this.#maxElapsed;
  }

  /** How much of it is left, in milliseconds; all of it before it has begun, nothing or less when it is over. */
  get left(): number {
    return this.#end === undefined ? this.#maxElapsed : this.#end - this.#now();
  }
}
