import type { Amount } from "../collector/batch.ts";
import { type Drainable, Flusher } from "./flusher.ts";
import { Semaphore } from "./semaphore.ts";
import type { Sink, SinkError } from "./sink.ts";
import type { SinkFigure } from "./sink_figures.ts";

/** A sink, its name, and how attempts at it are repeated. */
export interface SinkSlot {
  readonly name: string;
  readonly sink: Sink;
  readonly retry: {
    /** Longest pause before the second attempt, in milliseconds; each further one may be twice as long. */
    readonly initial: number;
    /** Longest pause between two attempts, in milliseconds. */
    readonly max: number;
    /** How long after its first failure a batch is given up, in milliseconds; never when left out. */
    readonly maxElapsed?: number;
  };
}

/** Is told what flushes do: once per flush, never per record. */
export interface FlushObserver {
  /** A permit was granted, after so many seconds; 0 when at once. */
  permitGranted(sink: string, seconds: number): void;
  /** A sink took a batch of a source, of that amount, in so many seconds. */
  flushed(sink: string, seconds: number, source: string, amount: Amount): void;
  /**
   * An attempt to write a batch of a source failed; `retryIn` is the pause until the next one in milliseconds, nothing
   * when there is none.
   */
  failed(sink: string, error: SinkError, retryIn: number | undefined, source: string): void;
}

/** Options of {@linkcode FlushPool}. */
export interface FlushPoolOptions {
  /** How many flushes may be under way at once, over all sinks; at least one per sink. */
  readonly permits: number;
  readonly sinks: readonly SinkSlot[];
  readonly observer: FlushObserver;
}

/**
 * The flush workers of all sinks together. A semaphore limits how many write at once; each source has one flusher, so
 * that a source is never flushed twice at a time, and the semaphore's order serves sources in turn.
 */
export class FlushPool {
  readonly semaphore: Semaphore;
  readonly #sinks: ReadonlyMap<string, SinkSlot>;
  readonly #observer: FlushObserver;
  readonly #flushers: Flusher[] = [];
  readonly #abort = new AbortController();

  /**
   * @param options The permits, the sinks and who observes.
   * @throws {RangeError} If there are fewer permits than sinks.
   */
  constructor({ permits, sinks, observer }: FlushPoolOptions) {
    // A permit is kept back for every sink, or a single stalled one would in time hold them all.
    this.semaphore = new Semaphore({ permits, lanes: sinks.map(({ name }) => name) });
    this.#sinks = new Map(sinks.map((slot) => [slot.name, slot]));
    this.#observer = observer;
  }

  /**
   * Makes every sink ready.
   *
   * @throws {Error} If one of them cannot be used.
   */
  async open(): Promise<void> {
    for (const { sink } of this.#sinks.values()) await sink.open?.();
  }

  /**
   * @param name Name of a sink.
   * @returns What the sink tells of itself.
   */
  figures(name: string): Iterable<SinkFigure> {
    return this.#sinks.get(name)?.sink.figures?.() ?? [];
  }

  /**
   * Flushes a source from now on.
   *
   * @param source The source.
   * @throws {TypeError} If it names a sink that the pool does not have.
   */
  attach(source: Drainable): void {
    const sinks = source.sinks.map((name) => {
      const slot = this.#sinks.get(name);
      if (slot === undefined) {
        throw new TypeError(`Cannot flush source '${source.name}': there is no sink '${name}'`);
      }
      return slot;
    });
    const { semaphore } = this;
    const { signal } = this.#abort;
    this.#flushers.push(new Flusher({ source, sinks, semaphore, observer: this.#observer, signal }));
  }

  /**
   * Flushes whatever is buffered, without regard to whether it is worth it, until nothing is left or time is up.
   *
   * @param timeout After how many milliseconds what is still under way is abandoned.
   */
  async drain(timeout: number): Promise<void> {
    const timer = setTimeout(() => {
      this.#abort.abort(new DOMException("The time to drain is up", "TimeoutError"));
    }, timeout);
    try {
      await Promise.all(this.#flushers.map((flusher) => flusher.drain()));
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Syncs and closes every sink.
   *
   * @returns The errors of those that failed, by the sink's name.
   */
  async close(): Promise<Map<string, unknown>> {
    const errors = new Map<string, unknown>();
    await Promise.all([...this.#sinks.values()].map(async ({ name, sink }) => {
      try {
        await sink.close();
      } catch (error) {
        errors.set(name, error);
      }
    }));
    return errors;
  }
}
