/**
 * Types of `deno-std/async/{delay,deadline}.js` (`@std/async/*`), which ship none. Signatures follow those of
 * `jsr:@std/async@1`. One file serves the three modules: import from each only what it exports.
 *
 * @module
 */

/** Options of {@linkcode delay}. */
export interface DelayOptions {
  /** Rejects the delay with its reason when aborted. */
  signal?: AbortSignal;
  /**
   * Whether the process stays alive for the delay.
   *
   * @default {true}
   */
  persistent?: boolean;
}

/**
 * `@std/async/delay`: resolves after `ms` milliseconds; more than 2^31 - 1 of them are fine.
 *
 * @throws The signal's reason, if it is aborted before.
 */
export function delay(ms: number, options?: DelayOptions): Promise<void>;

/** Options of {@linkcode deadline}. */
export interface DeadlineOptions {
  /** Rejects with its reason when aborted. */
  signal?: AbortSignal;
}

/**
 * `@std/async/deadline`: the value of `p`, if it comes within `ms` milliseconds. Times with `AbortSignal.timeout`, which
 * `FakeTime` does not control.
 *
 * @throws {DOMException} Named `TimeoutError`, if it does not.
 * @throws The signal's reason, if it is aborted before.
 */
export function deadline<T>(p: Promise<T>, ms: number, options?: DeadlineOptions): Promise<T>;
