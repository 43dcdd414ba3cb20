import { type Amount, amountOf, type BufferedBatch } from "../collector/batch.ts";
import { lostRecords, type RecordRange } from "../collector/record_ranges.ts";
import { withTimeout } from "./attempt_timeout.ts";
import { CircuitBreaker } from "./circuit_breaker.ts";
import type { FlushObserver } from "./flush_observer.ts";
import { toSinkError } from "./io_error.ts";
import type { Pass } from "./pass.ts";
import { Patience } from "./patience.ts";
import { withRetry } from "./retry.ts";
import type { Semaphore } from "./semaphore.ts";
import type { Sink, SinkError } from "./sink.ts";
import { SinkGate } from "./sink_gate.ts";
import { Sending, Turn } from "./turn.ts";

/** A sink, its name, and what is around it. */
export interface SinkSlot {
  readonly name: string;
  readonly sink: Sink;
  readonly retry: {
    /** Longest pause before the second attempt, in milliseconds; each further one may be twice as long. */
    readonly initial: number;
    /** Longest pause between two attempts, in milliseconds. */
    readonly max: number;
    /**
     * How long after its first failure a batch is given up, in milliseconds.
     *
     * @default {Infinity}
     */
    readonly maxElapsed?: number;
  };
  /**
   * How long one attempt may take, in milliseconds.
   *
   * @default {Infinity}
   */
  readonly timeout?: number | undefined;
  /**
   * How many attempts may be under way at once.
   *
   * @default {Infinity}
   */
  readonly concurrency?: number | undefined;
  /** After how many failures in a row nobody tries for how many milliseconds. Without it everybody always does. */
  readonly breaker?: { readonly failures: number; readonly pause: number } | undefined;
  /** Name of the sink that gets what this one does not take. Without it that is lost. */
  readonly deadLetter?: string | undefined;
}

/** Where a batch comes from, as far as a sink has to know it. */
export interface Origin {
  readonly name: string;
  /** Whether a batch counts as delivered only once it is synced. */
  readonly synced: boolean;
  /** Books that a sink has a batch. */
  deliveredTo(sink: string, amount: Amount): void;
}

/** Options of {@linkcode SinkSender}. */
export interface SinkSenderOptions {
  readonly slot: SinkSlot;
  /** The permits of all sinks together. */
  readonly semaphore: Semaphore;
  readonly observer: FlushObserver;
  /** Aborted when nothing more shall be written. */
  readonly signal: AbortSignal;
}

/** How the sending of a batch ended: `aborted` leaves it where it was; records are told where others were delivered. */
export type Sent = "delivered" | "given_up" | "aborted" | PartlySent;

/** That a sink took some records of a batch. */
export interface PartlySent {
  /** The others, ascending. */
  readonly untaken: readonly RecordRange[];
}

/** How a sink is doing at a moment. */
export interface SinkLoad {
  /** Flushes under way. */
  readonly inProgress: number;
  /** Flushes that wait for the sink: for its breaker, or for one of those under way. */
  readonly waiting: number;
  /** Of those under way, how many are over their time and have not come to rest. */
  readonly overdue: number;
}

/**
 * Sends batches to one sink, each until it is there or is given up. It does nothing by itself but to put what does in the
 * right order: retry around gate around timeout around one write.
 */
export class SinkSender {
  readonly name: string;
  readonly sink: Sink;
  readonly breaker: CircuitBreaker | undefined;
  readonly #slot: SinkSlot;
  readonly #gate: SinkGate;
  readonly #observer: FlushObserver;
  readonly #signal: AbortSignal;
  #overdue = 0;

  /** @param options Where to, and how. */
  constructor({ slot, semaphore, observer, signal }: SinkSenderOptions) {
    const { name, sink, concurrency, breaker } = slot;
    this.name = name;
    this.sink = sink;
    this.breaker = breaker && new CircuitBreaker({
      ...breaker,
      onChange: (to, from) => observer.breakerChanged(name, to, from),
    });
    this.#slot = slot;
    this.#gate = new SinkGate({ name, semaphore, concurrency, breaker: this.breaker });
    this.#observer = observer;
    this.#signal = signal;
  }

  /** Name of the sink that gets what this one does not take. */
  get deadLetter(): string | undefined {
    return this.#slot.deadLetter;
  }

  /** How the sink is doing. */
  get load(): SinkLoad {
    return { inProgress: this.#gate.inside, waiting: this.#gate.waiting, overdue: this.#overdue };
  }

  /**
   * Makes the place where a source waits until a first attempt may be made, so that a batch need be chosen only then.
   *
   * @param begin Is called with each beginning, to be handed to `send()` or to be disposed of; with nothing if there will be
   *   no attempt any more.
   * @returns The place.
   */
  turn(begin: (sending: Sending | undefined) => void): Turn {
    return new Turn({
      gate: this.#gate,
      signal: this.#signal,
      patience: () => this.#patience(),
      onEntered: (pass) => this.#entered(pass),
      begin,
    });
  }

  /**
   * Sends a batch.
   *
   * @param batch The batch. Its memory has to stay as it is until the end.
   * @param source Where it comes from.
   * @param sending What its turn began with, if it had to wait for one.
   * @returns How it ended.
   */
  async send(
    batch: BufferedBatch,
    source: Origin,
    sending: Sending = new Sending(this.#patience()),
  ): Promise<Sent> {
    using _unused = sending; // where there is no attempt any more, nobody takes its pass
    const { name } = this;
    const result = await withRetry(() => this.#attempt(batch, source, sending), {
      ...this.#slot.retry,
      patience: sending.patience,
      signal: this.#signal,
      onError: (error, pause) => {
        if (pause !== undefined) this.#observer.retrying(name, error, pause, source.name);
      },
    });
    if (result.ok) {
      source.deliveredTo(name, amountOf(batch));
      return "delivered";
    }
    if (result.reason === "aborted") return "aborted";
    this.#observer.givenUp(name, result.error, source.name, this.deadLetter);
    const { untaken } = result.error;
    if (untaken === undefined) return "given_up";
    source.deliveredTo(name, without(amountOf(batch), lostRecords(batch, [untaken]).amount));
    return { untaken };
  }

  #patience(): Patience {
    return new Patience({ maxElapsed: this.#slot.retry.maxElapsed ?? Infinity });
  }

  #entered(pass: Pass): Pass {
    this.#observer.permitGranted(this.name, pass.waited / 1000);
    return pass;
  }

  async #attempt(batch: BufferedBatch, source: Origin, sending: Sending): Promise<void> {
    const { patience } = sending;
    let granted = sending.takePass() ?? this.#entered(await this.#gate.enter(patience, this.#signal));
    while (granted.stale) { // the breaker has opened in the few turns since
      granted[Symbol.dispose]();
      granted = this.#entered(await this.#gate.enter(patience, this.#signal));
    }
    using pass = granted;
    const start = performance.now();
    let overdue: SinkError | undefined;
    try {
      await withTimeout((signal) => this.#write(batch, source, signal), {
        timeout: this.#slot.timeout ?? Infinity,
        signal: this.#signal,
        onTimeout: (error) => {
          overdue = error;
          this.#overdue++;
          this.#failed(error, pass, source);
        },
      });
    } catch (cause) {
      if (this.#signal.aborted) throw cause;
      const error = toSinkError(cause, "Attempt failed");
      if (error !== overdue) this.#failed(error, pass, source);
      throw error;
    } finally {
      if (overdue !== undefined) this.#overdue--;
    }
    pass.succeeded();
    this.#observer.flushed(this.name, (performance.now() - start) / 1000, source.name, amountOf(batch));
  }

  #write(batch: BufferedBatch, { name: source, synced }: Origin, signal: AbortSignal): Promise<void> {
    const written = this.sink.write(batch, { source, signal });
    return synced ? this.#sync(written, source) : written;
  }

  async #sync(written: Promise<void>, source: string): Promise<void> {
    await written;
    // When this fails, the whole attempt is repeated: a kernel tells of lost pages once, and calls the next sync of the
    // same file a success. So the batch may be there twice, but an acknowledgement is never a lie.
    await this.sink.sync(source);
  }

  #failed(error: SinkError, pass: Pass, source: Origin): void {
    this.#observer.failed(this.name, error, source.name);
    // Who refuses a batch for good has looked at it, and works. So does who says when to come again: it may be this source
    // alone that there is no room for, and the others must not wait for that.
    if (error.retryable && error.retryAfter === undefined) pass.failed();
    else pass.succeeded();
  }
}

function without(all: Amount, some: Amount): Amount {
  return { records: all.records - some.records, bytes: all.bytes - some.bytes };
}
