/** What a breaker lets through: everything, nothing, or one attempt to see whether it works again. */
export type BreakerState = "closed" | "open" | "half_open";

/** Every state of a breaker. */
export const BREAKER_STATES: readonly BreakerState[] = ["closed", "open", "half_open"];

/** Options of {@linkcode CircuitBreaker}. */
export interface CircuitBreakerOptions {
  /** After how many failures in a row it opens. */
  readonly failures: number;
  /** For how long it then stays open, in milliseconds. */
  readonly pause: number;
  /**
   * The clock, in milliseconds; it must not jump.
   *
   * @default {performance.now}
   */
  readonly now?: () => number;
  /** Is told of every change. */
  readonly onChange?: (to: BreakerState, from: BreakerState) => void;
}

/**
 * Says when it makes no sense to try: after so many failures in a row nobody does for a while, then a single attempt is
 * the probe, and its success lets everybody in again.
 *
 * M. Nygard, "Release It!", 2007, chapter "Circuit Breaker". It knows nothing of waiting: there is no timer in it.
 *
 * Every attempt belongs to the state in which it was let in. One that ends after the breaker has changed says nothing of
 * the state since, and is ignored.
 *
 * @example
 * ```ts
 * import { CircuitBreaker } from "./circuit_breaker.ts";
 *
 * const breaker = new CircuitBreaker({ failures: 1, pause: 5_000 });
 * const era = breaker.enter()!;
 * breaker.fail(era);
 * breaker.enter(); // undefined, for five seconds
 * ```
 */
export class CircuitBreaker {
  readonly #failures: number;
  readonly #pause: number;
  readonly #now: () => number;
  readonly #onChange: ((to: BreakerState, from: BreakerState) => void) | undefined;
  #state: BreakerState = "closed";
  /** Counts the changes. */
  #era = 0;
  #failedInARow = 0;
  /** When it may be tried again, while it is open. */
  #openUntil = 0;
  #opened = 0;

  /**
   * @param options When it opens, and for how long.
   * @throws {RangeError} If `failures` is not a positive integer, or `pause` not positive.
   */
  constructor({ failures, pause, now = () => performance.now(), onChange }: CircuitBreakerOptions) {
    if (!Number.isSafeInteger(failures) || failures < 1) {
      throw new RangeError(
        `Cannot create circuit breaker: 'failures' must be a positive integer, current value is ${failures}`,
      );
    }
    if (!(pause > 0)) {
      throw new RangeError(
        `Cannot create circuit breaker: 'pause' must be positive, current value is ${pause}`,
      );
    }
    this.#failures = failures;
    this.#pause = pause;
    this.#now = now;
    this.#onChange = onChange;
  }

  /** What it lets through now. From the end of the pause on it is half open, whether or not a probe is under way. */
  get state(): BreakerState {
    return this.#state === "open" && this.wait === 0 ? "half_open" : this.#state;
  }

  /** How often it has opened, a failed probe included. */
  get opened(): number {
    return this.#opened;
  }

  /** For how many milliseconds nobody is let in; 0 if an attempt may be made now, `Infinity` while a probe is under way. */
  get wait(): number {
    if (this.#state === "closed") return 0;
    return this.#state === "half_open" ? Infinity : Math.max(0, this.#openUntil - this.#now());
  }

  /**
   * Begins an attempt, the probe if it is time for one.
   *
   * @returns What the attempt is to be ended with by `succeed()`, `fail()` or `cancel()`; nothing if there must be none now.
   */
  enter(): number | undefined {
    if (this.wait > 0) return undefined;
    if (this.#state === "open") this.#change("half_open");
    return this.#era;
  }

  /**
   * Says whether nothing has changed since an attempt was let in.
   *
   * @param era What `enter()` returned.
   * @returns Whether it would be let in still.
   */
  isCurrent(era: number): boolean {
    return era === this.#era;
  }

  /** @param era What `enter()` returned to an attempt that succeeded. */
  succeed(era: number): void {
    if (era !== this.#era) return;
    this.#failedInARow = 0;
    if (this.#state === "half_open") this.#change("closed");
  }

  /** @param era What `enter()` returned to an attempt that failed. */
  fail(era: number): void {
    if (era !== this.#era) return;
    this.#failedInARow++;
    if (this.#state === "half_open" || this.#failedInARow >= this.#failures) this.#open();
  }

  /** @param era What `enter()` returned to an attempt that was not made after all: if it was the probe, another may be. */
  cancel(era: number): void {
    if (era !== this.#era || this.#state !== "half_open") return;
    this.#state = "open";
    this.#era++;
    this.#openUntil = this.#now();
  }

  #open(): void {
    this.#openUntil = this.#now() + this.#pause;
    this.#opened++;
    this.#change("open");
  }

  #change(to: BreakerState): void {
    const from = this.#state;
    this.#state = to;
    this.#era++;
    this.#failedInARow = 0;
    this.#onChange?.(to, from);
  }
}
