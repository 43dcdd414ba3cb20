/** Of each signal that somebody listens to here, who does. */
const listening = new WeakMap<AbortSignal, Set<() => void>>();

/** The same function for all signals, so that whoever is the last to go can take it off. */
function tellAll(this: AbortSignal): void {
  const listeners = [...listening.get(this) ?? []];
  for (const listener of listeners) offAbort(this, listener);
  for (const listener of listeners) listener();
}

/**
 * Listens to a signal that many listen to at once. An event target looks through all its listeners whenever one is added
 * or removed; with hundreds of flushes that wait for the end of the daemon, that is what they would mostly do. So the
 * signal gets one listener for all.
 *
 * @param signal A signal that is not aborted yet.
 * @param listener Is called once it is, unless it was removed.
 */
export function onAbort(signal: AbortSignal, listener: () => void): void {
  let listeners = listening.get(signal);
  if (listeners === undefined) listening.set(signal, listeners = new Set());
  if (listeners.size === 0) signal.addEventListener("abort", tellAll, { once: true });
  listeners.add(listener);
}

/**
 * Ends what {@linkcode onAbort} began.
 *
 * @param signal The signal.
 * @param listener Who listened to it.
 */
export function offAbort(signal: AbortSignal, listener: () => void): void {
  const listeners = listening.get(signal);
  if (listeners?.delete(listener) && listeners.size === 0) signal.removeEventListener("abort", tellAll);
}

/**
 * Waits for something, but no longer than until a signal is aborted.
 *
 * @param promise What is waited for.
 * @param signal What ends the wait.
 * @returns Nothing, when it has come.
 * @throws What it rejects with, or the reason of the signal.
 */
export function untilAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else onAbort(signal, abort);
    promise.then(() => {
      offAbort(signal, abort);
      resolve();
    }, (error) => {
      offAbort(signal, abort);
      reject(error);
    });
  });
}
