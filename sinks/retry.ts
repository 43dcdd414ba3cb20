// @ts-types="../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { toSinkError } from "./io_error.ts";
import { Patience } from "./patience.ts";
import { SinkError } from "./sink.ts";

/**
 * The longest pause that the other side can ask for, in milliseconds: five minutes. It may be overloaded for longer, but a
 * day in its answer, by mistake or not, must not stop a source for a day.
 */
export const MAX_RETRY_AFTER = 5 * 60 * 1_000;

/** How often and for how long {@linkcode withRetry} tries. */
export interface RetryOptions {
  /** Upper limit of the first delay, in milliseconds. It doubles with every attempt. */
  initial: number;
  /** Upper limit of every delay, in milliseconds. */
  max: number;
  /**
   * For how long after the first failure to go on. The last attempt is made at the end of it.
   *
   * @default {undefined} no limit
   */
  patience?: Patience | undefined;
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
}

/** How it ended: `permanent` is an error that no retry helps against, `expired` the end of the patience. */
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
 * Where the other side asked for a pause (`SinkError.retryAfter`), that comes before the random one, so that not all who were
 * told the same come back at the same moment; it is cut to {@linkcode MAX_RETRY_AFTER}. No pause is longer than what is left of
 * the patience.
 *
 * An error that is no `SinkError` is retried if the operating system reported it, and is a defect and permanent
 * otherwise; see {@linkcode toSinkError}.
 *
 * @param attempt What to do. It must be safe to do again after it failed.
 * @param options How often and for how long.
 * @returns How it ended. It does not reject, unless `onError` throws.
 * @throws {RangeError} If `initial` is not positive or `max` is less than it.
 */
export async function withRetry(attempt: () => Promise<void>, options: RetryOptions): Promise<RetryResult> {
  const {
    initial,
    max,
    patience = new Patience({ maxElapsed: Infinity }),
    signal,
    onError,
    random = Math.random,
  } = options;
  if (!(initial > 0)) {
    throw new RangeError(`Cannot retry: 'initial' must be positive, current value is ${initial}`);
  }
  if (!(max >= initial)) {
    throw new RangeError(
      `Cannot retry: 'max' must be at least 'initial' (${initial}), current value is ${max}`,
    );
  }
  if (signal.aborted) return { ok: false, error: abortedError(signal), reason: "aborted" };
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
    patience.begin();
    const { left } = patience;
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
    const asked = Math.min(error.retryAfter ?? 0, MAX_RETRY_AFTER);
    const wait = Math.min(asked + random() * Math.min(max, initial * 2 ** n), Math.ceil(left));
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
