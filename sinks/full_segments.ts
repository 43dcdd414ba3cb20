import type { Segment } from "./segment.ts";
import type { Semaphore } from "./semaphore.ts";

/** How many segments of a series may be full and not finished when a batch begins. */
export const MOST_FULL = 4;

/**
 * How many of all series of a sink are finished at once. The runtime has some 30 threads for all files together, and a disk
 * that hangs must not get them all.
 */
export const FINISHED_AT_ONCE = 4;

/**
 * Segments of one series that are full and on their way to their names, oldest first, one at a time.
 *
 * To finish one takes as long as a disk needs for all of it, and the kernel can take the next segment meanwhile. So that
 * is done in the background; whoever has more to write waits only where too many are left. What fails there is tried
 * again by the next who waits, and its error is thrown to that one.
 */
export class FullSegments {
  readonly #segments: Segment[] = [];
  readonly #finishers: Semaphore;
  readonly #onFailure: () => void;
  /** The oldest one is being finished, for all who wait for that. */
  #finishing: Promise<void> | undefined;
  #inBackground = false;
  /** Whether it has failed in the background. */
  #failed = false;

  /**
   * @param finishers How many segments of all series are finished at once.
   * @param onFailure Is told when one could not be finished in the background: where nobody has more to write, nobody tries
   * again.
   */
  constructor(finishers: Semaphore, onFailure: () => void) {
    this.#finishers = finishers;
    this.#onFailure = onFailure;
  }

  /** How many there are. */
  get count(): number {
    return this.#segments.length;
  }

  /** Whether one could not be finished in the background, and has not been since. */
  get failed(): boolean {
    return this.#failed;
  }

  /** Those there are, oldest first. */
  [Symbol.iterator](): Iterator<Segment> {
    return this.#segments.values();
  }

  /**
   * Takes over segments that are whole, and finishes them in the background.
   *
   * @param segments The segments, oldest first.
   */
  add(segments: readonly Segment[]): void {
    this.#segments.push(...segments);
    if (!this.#inBackground) void this.#finishInBackground();
  }

  /** Whether {@linkcode FullSegments.makeRoom} has nothing to wait for. */
  get hasRoom(): boolean {
    return this.#segments.length <= MOST_FULL && !this.#spoiled;
  }

  /**
   * Waits until no more than {@linkcode MOST_FULL} are left; for all of them, where one could not be finished before, or
   * not be synced: who repeats what was in it must not be told of it again.
   *
   * @throws {SinkError} If one could not be finished; it can be called again.
   */
  async makeRoom(): Promise<void> {
    if (this.#spoiled) return await this.finish();
    while (this.#segments.length > MOST_FULL) await this.#finishOldest();
  }

  /**
   * Waits until none is left.
   *
   * @throws {SinkError} If one could not be finished; it can be called again.
   */
  async finish(): Promise<void> {
    while (this.#segments.length > 0) await this.#finishOldest();
    this.#failed = false;
  }

  /** Waits until nothing is done to them any more, and lets go of them as they are. */
  async release(): Promise<void> {
    while (this.#finishing !== undefined) await this.#finishing.catch(() => {}); // who began it has its error
    for (const segment of this.#segments.splice(0)) await segment.release();
  }

  get #spoiled(): boolean {
    return this.#failed || this.#segments.some((segment) => !segment.usable);
  }

  async #finishInBackground(): Promise<void> {
    this.#inBackground = true;
    try {
      while (this.#segments.length > 0) await this.#finishOldest();
      this.#failed = false;
    } catch {
      this.#failed = true; // the next who waits tries again
      this.#onFailure();
    } finally {
      this.#inBackground = false;
    }
  }

  #finishOldest(): Promise<void> {
    return this.#finishing ??= this.#finishFirst().finally(() => this.#finishing = undefined);
  }

  async #finishFirst(): Promise<void> {
    using _finisher = await this.#finishers.acquire();
    // It leaves the list only afterwards, so that a sync meanwhile waits for this one.
    await this.#segments[0]!.finish();
    this.#segments.shift();
  }
}
