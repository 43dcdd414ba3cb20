/**
 * `FakeTime` with the interface of `jsr:@std/testing/time`, which is not on npm, as a thin adapter over
 * `@sinonjs/fake-timers`. `deno.json` aliases `@std/testing/time` to this file; where JSR is reachable, the alias can
 * point to the original.
 *
 * Faked: `Date`, `setTimeout`, `clearTimeout`, `setInterval`, `clearInterval` and `performance.now`, for modules from
 * npm too. Not faked: `queueMicrotask`, `setImmediate`, and the functions of `node:timers`.
 *
 * Where it differs from the original:
 *
 * - `AbortSignal.timeout` is native and stays real, and with it `@std/async/deadline`. The original fakes it.
 * - `performance.now` is faked. The original leaves it real.
 * - `runToLast` and `runToLastAsync` are additions.
 * - `runAll` gives up after {@linkcode MAX_TIMERS} timers, where the original never returns.
 * - The options `advanceRate` and `advanceFrequency` are left out: time moves only when told to.
 *
 * @module
 */
import { type Clock, createClock } from "@sinonjs/fake-timers";

/** How many timers `runAll` runs before it takes them for an interval that nobody clears. */
export const MAX_TIMERS = 100_000;

/**
 * Time is in the wrong state for what was asked.
 *
 * The original's class extends `Error`.
 */
export class TimeError extends TypeError {
  /** @param message What failed. */
  constructor(message: string) {
    super(message);
    this.name = "TimeError";
  }
}

/** Options of {@linkcode FakeTime.delay}. */
export interface DelayOptions {
  /** Rejects the delay when aborted. */
  signal?: AbortSignal;
}

const NAMES = ["Date", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] as const;
const real = {
  Date,
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  performanceNow: performance.now,
};

let current: FakeTime | undefined;
let clock: Clock | undefined;

function overrideGlobals(fake: Clock): void {
  for (const name of NAMES) Object.assign(globalThis, { [name]: fake[name] });
  performance.now = fake.performance.now;
}

function restoreGlobals(): void {
  for (const name of NAMES) Object.assign(globalThis, { [name]: real[name] });
  performance.now = real.performanceNow;
}

/**
 * Replaces the real time by one that moves only when told to.
 *
 * @example
 * ```ts
 * import { FakeTime } from "@std/testing/time";
 *
 * using time = new FakeTime();
 * let fired = false;
 * setTimeout(() => fired = true, 60_000);
 * time.tick(60_000); // fired === true
 * ```
 */
export class FakeTime implements Disposable {
  readonly #start: number;
  readonly #clock: Clock;

  /**
   * @param start The time to begin at; the real one by default.
   * @throws {TimeError} If time is already faked.
   * @throws {TypeError} If `start` is no time.
   */
  constructor(start?: number | string | Date | null) {
    if (current !== undefined) throw new TimeError("Cannot construct FakeTime: time is already faked");
    const at = typeof start === "number"
      ? Math.floor(start)
      : new real.Date(start ?? real.Date.now()).getTime();
    if (!Number.isFinite(at)) throw new TypeError(`Cannot construct FakeTime: invalid start time ${start}`);
    this.#start = at;
    this.#clock = clock = createClock(at, MAX_TIMERS);
    overrideGlobals(this.#clock);
    current = this;
  }

  /**
   * Brings back the real time of whichever `FakeTime` there is.
   *
   * @throws {TimeError} If there is none.
   */
  static restore(): void {
    if (current === undefined) throw new TimeError("Cannot restore time: time is already restored");
    current.restore();
  }

  /**
   * Calls a function in real time. Fake timers stay as they are meanwhile.
   *
   * @param callback The function; time is real until its promise settles.
   * @param args What to call it with.
   * @returns What it returned. Rejects with a {@linkcode TimeError} if time is not faked.
   */
  static async restoreFor<A extends unknown[], T>(
    callback: (...args: A) => T | Promise<T>,
    ...args: A
  ): Promise<T> {
    const fake = clock;
    if (fake === undefined) throw new TimeError("Cannot restore time: time is not faked");
    restoreGlobals();
    try {
      const result = callback(...args);
      // Not awaited if it is no promise: timers that the caller sets before its next turn have to be fake again.
      return result instanceof Promise ? await result : result;
    } finally {
      if (clock === fake) overrideGlobals(fake);
    }
  }

  /** The fake time, in milliseconds since the Unix epoch. Setting it fires every timer up to there. */
  get now(): number {
    return this.#clock.now;
  }

  /** @throws {RangeError} If that is in the past. */
  set now(value: number) {
    if (value < this.now) {
      throw new RangeError(
        `Cannot set current time in the past, time must be >= ${this.now}: received ${value}`,
      );
    }
    this.#clock.tick(value - this.now);
  }

  /** The fake time at the beginning, in milliseconds since the Unix epoch. */
  get start(): number {
    return this.#start;
  }

  /**
   * Waits in real time.
   *
   * @param ms How many milliseconds.
   * @param options `signal`.
   * @throws {DOMException} Named `AbortError`, if the signal is aborted before.
   */
  async delay(ms: number, options: DelayOptions = {}): Promise<void> {
    const { signal } = options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = () => reject(new DOMException("Delay was aborted.", "AbortError"));
    if (signal?.aborted) abort();
    signal?.addEventListener("abort", abort, { once: true });
    const timer = real.setTimeout(resolve, ms);
    try {
      await promise;
    } finally {
      real.clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Lets every promise callback run that can: waits for one turn of the real event loop. */
  async runMicrotasks(): Promise<void> {
    await this.delay(0);
  }

  /**
   * Advances time and fires what is due.
   *
   * @param ms How many milliseconds.
   */
  tick(ms: number = 0): void {
    this.now += ms;
  }

  /**
   * Runs microtasks, **then** advances time and fires what is due, like the original: a timer that is set by a promise
   * callback of a timer which fires here is not seen by this call. Call it once per step of such a chain.
   *
   * @param ms How many milliseconds.
   */
  async tickAsync(ms: number = 0): Promise<void> {
    await this.runMicrotasks();
    this.tick(ms);
  }

  /**
   * Advances time to the next timer and fires all that are due then.
   *
   * @returns Whether there was one.
   */
  next(): boolean {
    if (this.#clock.countTimers() === 0) return false;
    this.#clock.next();
    // `next` of fake-timers fires one timer, the original all of the same instant.
    this.#clock.tick(0);
    return true;
  }

  /** {@linkcode FakeTime.next} after running microtasks. */
  async nextAsync(): Promise<boolean> {
    await this.runMicrotasks();
    return this.next();
  }

  /** Advances time to the last of the timers there are now; those set meanwhile for later stay. */
  runToLast(): void {
    this.#clock.runToLast();
  }

  /** {@linkcode FakeTime.runToLast} after running microtasks. */
  async runToLastAsync(): Promise<void> {
    await this.runMicrotasks();
    this.runToLast();
  }

  /**
   * Advances time until no timer is left, those set meanwhile included.
   *
   * @throws {TimeError} If that takes more than {@linkcode MAX_TIMERS} steps.
   */
  runAll(): void {
    for (let i = 0; this.next(); ++i) checkProgress(i);
  }

  /**
   * {@linkcode FakeTime.runAll} with microtasks run before each step.
   *
   * @throws {TimeError} If that takes more than {@linkcode MAX_TIMERS} steps.
   */
  async runAllAsync(): Promise<void> {
    for (let i = 0; await this.nextAsync(); ++i) checkProgress(i);
  }

  /**
   * Brings back the real time. Fake timers that are left never fire.
   *
   * @throws {TimeError} If that happened before.
   */
  restore(): void {
    if (current !== this) throw new TimeError("Cannot restore time: time is already restored");
    current = clock = undefined;
    restoreGlobals();
  }

  /** Brings back the real time, at the end of the block that declared it with `using`. */
  [Symbol.dispose](): void {
    this.restore();
  }
}

function checkProgress(steps: number): void {
  if (steps >= MAX_TIMERS) {
    throw new TimeError(`Cannot run all timers: ${MAX_TIMERS} fired, and more are left`);
  }
}
