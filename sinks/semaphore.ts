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

class Waiter extends Place {
  readonly lane: string | undefined;
  readonly grant: () => void;

  constructor(lane: string | undefined, grant: () => void) {
    super();
    this.lane = lane;
    this.grant = grant;
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
  readonly #waiters = new Line<Waiter>();
  #inUse = 0;
  #idleLanes: number;
  #immediate = 0;
  #waited = 0;

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
      const start = performance.now();
      const waiter = new Waiter(lane, () => {
        listener?.remove();
        resolve(new HeldPermit(performance.now() - start, lane, this.#release));
      });
      this.#waiters.join(waiter);
      const listener = signal && new AbortListener(signal, () => {
        this.#waiters.leave(waiter);
        reject(signal.reason);
      });
    });
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
    for (let waiter = this.#waiters.first, next; waiter !== undefined; waiter = next) {
      if (this.#inUse >= this.permits) return;
      next = this.#waiters.after(waiter);
      if (!this.#mayHave(waiter.lane)) continue;
      this.#waiters.leave(waiter);
      this.#take(waiter.lane);
      this.#waited++;
      waiter.grant();
    }
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
