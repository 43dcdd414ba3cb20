import { AbortListener } from "./abort_listeners.ts";
import { Line, Place } from "../collector/line.ts";

/** The right to do one thing at a time, given back when it is disposed of; only the first time counts. */
export interface Permit extends Disposable {
  /** How long it was waited for, in milliseconds; 0 when it was granted at once. */
  readonly waited: number;
}

/** Options of {@linkcode Semaphore}. */
export interface SemaphoreOptions {
  /** How many permits there are. */
  readonly permits: number;
  /**
   * Names of the lanes that permits are asked for in. For every lane that holds none a permit is kept back, so that
   * lanes which never give theirs back cannot starve it.
   *
   * @default {[]}
   */
  readonly lanes?: readonly string[];
}

/** Options of {@linkcode Semaphore.acquire}. */
export interface AcquireOptions {
  /** The lane that the permit is for. Without one it is a permit for which nothing is kept back. */
  readonly lane?: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
}

/** Somebody who waits for permits, one at a time and again and again: to wait allocates nothing. */
export class PermitWaiter extends Place {
  readonly lane: string | undefined;
  readonly granted: (permit: Permit) => void;
  /** When the wait began, on the monotonic clock. Only the semaphore touches this. */
  since = 0;

  /**
   * @param lane The lane that the permits are for.
   * @param granted Is called with a permit once there is one, in the turn of whoever gave it back. It must not throw.
   */
  constructor(lane: string | undefined, granted: (permit: Permit) => void) {
    super();
    this.lane = lane;
    this.granted = granted;
  }
}

/**
 * A counting semaphore: at most so many permits are out at once, and those who wait are served first come first served.
 *
 * Lanes make it safe to share among peers of which any may stall: the last permits are kept for the lanes that hold
 * none. Within that rule nobody overtakes.
 *
 * @example
 * ```ts
 * import { Semaphore } from "./semaphore.ts";
 *
 * const semaphore = new Semaphore({ permits: 2 });
 * {
 *   using _permit = await semaphore.acquire();
 *   // at most two at a time get here
 * }
 * ```
 */
export class Semaphore {
  readonly permits: number;
  readonly #held = new Map<string, number>();
  readonly #waiters = new Line<PermitWaiter>();
  #inUse = 0;
  #idleLanes: number;
  #immediate = 0;
  #waited = 0;
  #serving = false;

  /**
   * @param options How many permits there are, and the lanes.
   * @throws {RangeError} If `permits` is not a positive integer or less than the number of lanes.
   */
  constructor({ permits, lanes = [] }: SemaphoreOptions) {
    if (!Number.isSafeInteger(permits) || permits < 1) {
      throw new RangeError(
        `Cannot create semaphore: 'permits' must be a positive integer, current value is ${permits}`,
      );
    }
    for (const lane of lanes) this.#held.set(lane, 0);
    if (permits < this.#held.size) {
      throw new RangeError(
        `Cannot create semaphore: 'permits' must be at least the number of lanes (${this.#held.size}), current value is ${permits}`,
      );
    }
    this.permits = permits;
    this.#idleLanes = this.#held.size;
  }

  /** How many permits are out. */
  get inUse(): number {
    return this.#inUse;
  }

  /** How many wait for a permit. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** How many permits were ever granted at once. */
  get immediate(): number {
    return this.#immediate;
  }

  /** How many permits were ever granted after a wait. */
  get waited(): number {
    return this.#waited;
  }

  /**
   * Waits for a permit.
   *
   * @param options The lane, and the signal that ends the wait.
   * @returns The permit.
   * @throws The signal's reason if it is aborted before the permit is granted.
   * @throws {RangeError} If there is no such lane.
   */
  acquire({ lane, signal }: AcquireOptions = {}): Promise<Permit> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (lane !== undefined && !this.#held.has(lane)) {
      return Promise.reject(
        new RangeError(`Cannot acquire permit: there is no lane '${lane}', only ${[...this.#held.keys()]}`),
      );
    }
    const immediate = this.tryAcquire(lane);
    if (immediate !== undefined) return Promise.resolve(immediate);
    return new Promise((resolve, reject) => {
      const waiter = new PermitWaiter(lane, (permit) => {
        listener?.remove();
        resolve(permit);
      });
      this.wait(waiter);
      const listener = signal && new AbortListener(signal, () => {
        this.leave(waiter);
        reject(signal.reason);
      });
    });
  }

  /**
   * Begins to wait for a permit that {@linkcode Semaphore.tryAcquire} did not give.
   *
   * @param waiter Who waits, and does not wait already.
   */
  wait(waiter: PermitWaiter): void {
    waiter.since = performance.now();
    this.#waiters.join(waiter);
  }

  /**
   * Waits no more.
   *
   * @param waiter Who waits, or does not.
   * @returns Whether it did.
   */
  leave(waiter: PermitWaiter): boolean {
    return this.#waiters.leave(waiter);
  }

  /**
   * Takes a permit if there is one at this moment.
   *
   * @param lane The lane that it is for, one of those that there are.
   * @returns The permit; nothing if it would have to be waited for.
   */
  tryAcquire(lane?: string): Permit | undefined {
    if (!this.#mayHave(lane)) return undefined;
    this.#take(lane);
    this.#immediate++;
    return new HeldPermit(0, lane, this.#release);
  }

  /** Whether a permit could be granted now without taking one that is kept for an idle lane. */
  #mayHave(lane: string | undefined): boolean {
    const free = this.permits - this.#inUse;
    const idle = lane !== undefined && this.#held.get(lane) === 0;
    return free > this.#idleLanes - (idle ? 1 : 0);
  }

  #take(lane: string | undefined): void {
    this.#inUse++;
    if (lane === undefined) return;
    const held = this.#held.get(lane)!;
    if (held === 0) this.#idleLanes--;
    this.#held.set(lane, held + 1);
  }

  readonly #release = (lane: string | undefined): void => {
    this.#inUse--;
    if (lane !== undefined) {
      const held = this.#held.get(lane)! - 1;
      if (held === 0) this.#idleLanes++;
      this.#held.set(lane, held);
    }
    this.#serve();
  };

  /** Grants what has become free to those who have waited longest and may have it. */
  #serve(): void {
    // Who is granted a permit may give it back at once: the loop that is under way goes on with it, however many do.
    if (this.#serving) return;
    this.#serving = true;
    try {
      for (let waiter = this.#next(); waiter !== undefined; waiter = this.#next()) {
        this.#waiters.leave(waiter);
        this.#take(waiter.lane);
        this.#waited++;
        waiter.granted(new HeldPermit(performance.now() - waiter.since, waiter.lane, this.#release));
      }
    } finally {
      this.#serving = false;
    }
  }

  /** Who has waited longest of those who may have a permit now. */
  #next(): PermitWaiter | undefined {
    if (this.#inUse >= this.permits) return undefined;
    let waiter = this.#waiters.first;
    while (waiter !== undefined && !this.#mayHave(waiter.lane)) waiter = this.#waiters.after(waiter);
    return waiter;
  }
}

class HeldPermit implements Permit {
  readonly waited: number;
  readonly #lane: string | undefined;
  #release: ((lane: string | undefined) => void) | undefined;

  constructor(waited: number, lane: string | undefined, release: (lane: string | undefined) => void) {
    this.waited = waited;
    this.#lane = lane;
    this.#release = release;
  }

  [Symbol.dispose](): void {
    const release = this.#release;
    this.#release = undefined;
    release?.(this.#lane);
  }
}
