import { AbortListener, untilAborted } from "./abort_listeners.ts";
import { SinkError } from "./sink.ts";

/** Options of {@linkcode withTimeout}. */
export interface TimeoutOptions {
  /** How long it may take, in milliseconds; `Infinity` for as long as it likes. */
  readonly timeout: number;
  /** Ends the wait at once, whatever becomes of what was begun. */
  readonly signal: AbortSignal;
  /** Is told that the time is up, at that moment. */
  readonly onTimeout: (error: SinkError) => void;
}

/**
 * Gives something a time, and when it is up, tells it to stop and **waits until it has**.
 *
 * A write that is under way cannot be taken back by looking away: if the same batch were written again meanwhile, it
 * would be there twice. So what is over its time is told so by its signal, `onTimeout` is told at once, and the result is
 * only there when the thing has come to rest: an error of kind `timeout` if it failed, whatever it failed with; no error if
 * it did its work after all, for then there is nothing left to be done again.
 *
 * @param attempt What to do. Its signal is aborted when the time is up, or the other signal is.
 * @param options How long it may take.
 * @throws {SinkError} Of kind `timeout` and retryable, if it failed after its time was up.
 * @throws What the attempt throws in its time, or the reason of the signal.
 */
export function withTimeout(
  attempt: (signal: AbortSignal) => Promise<void>,
  options: TimeoutOptions,
): Promise<void> {
  return options.timeout === Infinity
    ? untilAborted(attempt(options.signal), options.signal)
    : withTimer(attempt, options);
}

async function withTimer(
  attempt: (signal: AbortSignal) => Promise<void>,
  { timeout, signal, onTimeout }: TimeoutOptions,
): Promise<void> {
  const controller = new AbortController();
  const abort = () => controller.abort(signal.reason);
  const listener = signal.aborted ? undefined : new AbortListener(signal, abort);
  if (listener === undefined) abort();
  let overdue: SinkError | undefined;
  const timer = setTimeout(() => {
    const message = `The attempt took longer than ${timeout} ms`;
    overdue = new SinkError(message, { kind: "timeout", retryable: true });
    controller.abort(overdue);
    onTimeout(overdue);
  }, timeout);
  try {
    await untilAborted(attempt(controller.signal), signal);
  } catch (error) {
    // What an attempt throws that was told to stop is that it was told to stop, or the same trouble that took so long.
    throw overdue === undefined || signal.aborted ? error : overdue;
  } finally {
    clearTimeout(timer);
    listener?.remove();
  }
}
