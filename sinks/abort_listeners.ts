import { Line, Place } from "../collector/line.ts";

/** Somebody who listens to a signal that many listen to at once. */
export class AbortListener extends Place {
  readonly #signal: AbortSignal;
  readonly #called: () => void;
  #removed = false;

  /**
   * An event target looks through all its listeners whenever one is added or removed; with hundreds of flushes that wait
   * for the end of the daemon, that is what they would mostly do. So the signal gets one listener for all.
   *
   * @param signal A signal that is not aborted yet.
   * @param called Is called once it is, unless {@linkcode AbortListener.remove} was.
   */
  constructor(signal: AbortSignal, called: () => void) {
    super();
    this.#signal = signal;
    this.#called = called;
    let listeners = listening.get(signal);
    if (listeners === undefined) listening.set(signal, listeners = new Line());
    if (listeners.size === 0) signal.addEventListener("abort", callAll, { once: true });
    listeners.join(this);
  }

  /** Listens no more. */
  remove(): void {
    this.#removed = true;
    this.#leave();
  }

  /** Calls everybody who listens to a signal. */
  static callAll(signal: AbortSignal): void {
    const listeners = [...listening.get(signal) ?? []];
    for (const listener of listeners) listener.#leave();
    // One of them may remove another one.
    for (const listener of listeners) if (!listener.#removed) listener.#called();
  }

  #leave(): void {
    const listeners = listening.get(this.#signal);
    if (listeners?.leave(this) && listeners.size === 0) {
      this.#signal.removeEventListener("abort", callAll);
    }
  }
}

/** Of each signal that somebody listens to here, who does. */
const listening = new WeakMap<AbortSignal, Line<AbortListener>>();

/** The same function for all signals, so that whoever is the last to go can take it off. */
function callAll(this: AbortSignal): void {
  AbortListener.callAll(this);
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
    let listener: AbortListener | undefined;
    if (signal.aborted) abort();
    else listener = new AbortListener(signal, abort);
    promise.then(() => {
      listener?.remove();
      resolve();
    }, (error) => {
      listener?.remove();
      reject(error);
    });
  });
}
