// @ts-types="../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { toSinkError } from "./io_error.ts";
import { SinkError } from "./sink.ts";

/** How often and for how long {@linkcode withRetry} tries. */
export interface RetryOptions {
  /** Upper limit of the first delay, in milliseconds. It doubles with every attempt. */
  initial: number;
  /** Upper limit of every delay, in milliseconds. */
  max: number;
  /**
   * For how long after the first failure to go on, in milliseconds. The last attempt is made at the end of it.
   *
   * @default {undefined} no limit
   */
  maxElapsed?: number | undefined;
  /**
   * Ends it. A delay ends at once; an attempt under way is not abandoned, as nobody would know what became of the
   * batch: it has to listen to the same signal if it can take long.
   */
  signal: AbortSignal;
  /**
   * Told of every failed attempt, with the delay that follows in milliseconds, or `undefined` if none does.
   */
  onError: (error: SinkError, delay: number | undefined) => void;
  /**
   * A number from 0 up to, but not including, 1.
   *
   * @default {Math.random}
   */
  random?: () => number;
  /**
   * The clock, in milliseconds; it must not jump.
   *
   * @default {performance.now}
   */
  now?: () => number;
}

/** How it ended: `permanent` is an error that no retry helps against, `expired` the end of `maxElapsed`. */
export type RetryResult =
  | { readonly ok: true }
  | {
    readonly ok: false;
    /** The last one. */
    readonly error: SinkError;
    readonly reason: "permanent" | "expired" | "aborted";
  };

/**
 * Does something until it succeeds, with a random delay after each failure: from 0 to `initial * 2^n`, at most `max`.
 *
 * That is "full jitter" of https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/, which found it to
 * cause the least load when many clients come back to the same server.
 *
 * An error that is no `SinkError` is retried if the operating system reported it, and is a defect and permanent
 * otherwise; see {@linkcode toSinkError}.
 *
 * @param attempt What to do. It must be safe to do again after it failed.
 * @param options How often and for how long.
 * @returns How it ended. It does not reject, unless `onError` throws.
 * @throws {RangeError} If `initial` is not positive, `max` is less than it, or `maxElapsed` is negative.
 */
export async function withRetry(attempt: () => Promise<void>, options: RetryOptions): Promise<RetryResult> {
  const {
    initial,
    max,
    maxElapsed = Infinity,
    signal,
    onError,
    random = Math.random,
    now = () => performance.now(),
  } = options;
  if (!(initial > 0)) {
    throw new RangeError(`Cannot retry: 'initial' must be positive, current value is ${initial}`);
  }
  if (!(max >= initial)) {
    throw new RangeError(
      `Cannot retry: 'max' must be at least 'initial' (${initial}), current value is ${max}`,
    );
  }
  if (!(maxElapsed >= 0)) {
    throw new RangeError(`Cannot retry: 'maxElapsed' must not be negative, current value is ${maxElapsed}`);
  }
  if (signal.aborted) return { ok: false, error: abortedError(signal), reason: "aborted" };
  let deadline: number | undefined;
  for (let n = 0;; n++) {
    let error: SinkError;
    try {
      await attempt();
      return { ok: true };
    } catch (cause) {
      error = signal.aborted && cause === signal.reason
        ? abortedError(signal)
        : toSinkError(cause, "Attempt failed");
    }
    deadline ??= now() + maxElapsed;
    const left = deadline - now();
    // An attempt that was aborted says so with a permanent error: the signal is the reason, not the batch.
    const reason = signal.aborted
      ? "aborted"
      : !error.retryable
      ? "permanent"
      : left <= 0
      ? "expired"
      : undefined;
    if (reason !== undefined) {
      onError(error, undefined);
      return { ok: false, error, reason };
    }
    // Rounded up: a delay shorter than what is left would be followed by more of them.
    const wait = Math.min(random() * Math.min(max, initial * 2 ** n), Math.ceil(left));
    onError(error, wait);
    try {
      await delay(wait, { signal });
    } catch {
      return { ok: false, error, reason: "aborted" };
    }
  }
}

function abortedError(signal: AbortSignal): SinkError {
  return new SinkError("Attempt aborted", { kind: "aborted", retryable: false, cause: signal.reason });
}
