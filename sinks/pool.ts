import { BREAKER_STATES, type BreakerState } from "./circuit_breaker.ts";
import type { FlushObserver } from "./flush_observer.ts";
import { type Drainable, Flusher } from "./flusher.ts";
import { LingerLine } from "./linger_line.ts";
import { Semaphore } from "./semaphore.ts";
import type { SinkFigure } from "./sink_figures.ts";
import { type SinkLoad, SinkSender, type SinkSlot } from "./sink_sender.ts";

/** How a sink is doing at a moment, and its breaker where it has one. */
export interface SinkCondition extends SinkLoad {
  readonly breaker?: { readonly state: BreakerState; readonly opened: number };
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
  readonly #senders: ReadonlyMap<string, SinkSender>;
  readonly #flushers: Flusher[] = [];
  /** By how long is lingered there. */
  readonly #lines = new Map<number, LingerLine>();
  readonly #abort = new AbortController();

  /**
   * @param options The permits, the sinks and who observes.
   * @throws {RangeError} If there are fewer permits than sinks.
   * @throws {TypeError} If a dead letter sink does not exist, or a chain of them is a circle.
   */
  constructor({ permits, sinks, observer }: FlushPoolOptions) {
    // A permit is kept back for every sink, or a single stalled one would in time hold them all.
    this.semaphore = new Semaphore({ permits, lanes: sinks.map(({ name }) => name) });
    const { semaphore } = this;
    const { signal } = this.#abort;
    this.#senders = new Map(
      sinks.map((slot) => [slot.name, new SinkSender({ slot, semaphore, observer, signal })]),
    );
    for (const { name } of sinks) this.#checkChain(name);
  }

  /** A batch that went round in a circle would wait for itself. */
  #checkChain(from: string): void {
    const chain = [from];
    for (let next = this.#senders.get(from)?.deadLetter; next !== undefined;) {
      const fault = chain.includes(next)
        ? "comes back to itself"
        : this.#senders.has(next)
        ? undefined
        : "does not exist";
      chain.push(next);
      if (fault !== undefined) {
        throw new TypeError(
          `Cannot create pool: dead letter sink '${next}' ${fault} (${chain.join(" -> ")})`,
        );
      }
      next = this.#senders.get(next)?.deadLetter;
    }
  }

  /**
   * Makes every sink ready.
   *
   * @throws {Error} If one of them cannot be used.
   */
  async open(): Promise<void> {
    for (const { sink } of this.#senders.values()) await sink.open?.();
  }

  /**
   * @param name Name of a sink.
   * @returns What the sink tells of itself, and how it is doing.
   */
  *figures(name: string): Generator<SinkFigure> {
    const sender = this.#senders.get(name);
    if (sender === undefined) return;
    yield* sender.sink.figures?.() ?? [];
    const { inProgress, waiting, overdue, breaker } = this.condition(name);
    yield { name: "flushes_in_progress", value: inProgress };
    yield { name: "flushes_waiting", value: waiting };
    yield { name: "flushes_overdue", value: overdue };
    if (breaker === undefined) return;
    yield { name: "breaker_opened", value: breaker.opened };
    for (const state of BREAKER_STATES) {
      yield { name: "breaker_state", value: breaker.state === state ? 1 : 0, labels: { state } };
    }
  }

  /**
   * @param name Name of a sink.
   * @returns How it is doing.
   * @throws {TypeError} If there is no such sink.
   */
  condition(name: string): SinkCondition {
    const sender = this.#senders.get(name);
    if (sender === undefined) throw new TypeError(`Cannot tell of sink '${name}': there is no such sink`);
    const { load, breaker } = sender;
    return breaker === undefined
      ? load
      : { ...load, breaker: { state: breaker.state, opened: breaker.opened } };
  }

  /**
   * Flushes a source from now on.
   *
   * @param source The source.
   * @throws {TypeError} If it names a sink that the pool does not have.
   */
  attach(source: Drainable): void {
    const senders = this.#senders;
    const { linger } = source.batch;
    let line = this.#lines.get(linger);
    if (line === undefined) this.#lines.set(linger, line = new LingerLine(linger));
    this.#flushers.push(new Flusher({ source, senders, line, signal: this.#abort.signal }));
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
    await Promise.all([...this.#senders.values()].map(async ({ name, sink }) => {
      try {
        await sink.close();
      } catch (error) {
        errors.set(name, error);
      }
    }));
    return errors;
  }
}
