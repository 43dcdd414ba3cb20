// @ts-types="../collector/types/deno_std_async.d.ts"
import { abortable } from "@std/async/abortable";
import { type Amount, amountOf, type BufferedBatch } from "../collector/batch.ts";
import type { FlushObserver, SinkSlot } from "./pool.ts";
import { withRetry } from "./retry.ts";
import type { Permit, Semaphore } from "./semaphore.ts";

/** What a flusher needs to know of whatever it flushes. */
export interface Drainable {
  readonly name: string;
  /** Names of the sinks that its batches go to. */
  readonly sinks: readonly string[];
  /** When a flush is worth it and the most that one takes, and after how many milliseconds it is worth it anyway. */
  readonly batch: Amount & { readonly linger: number };
  /** Whether a batch counts as delivered only once it is synced. */
  readonly synced: boolean;
  readonly pendingRecords: number;
  readonly pendingBytes: number;
  /** How many producers wait for room. */
  readonly producersWaiting: number;
  /** When the oldest pending record was admitted, in milliseconds since the Unix epoch. */
  readonly oldest: number | undefined;
  /** Is called when records were admitted, and when a producer begins to wait. */
  onAdmitted: () => void;
  take(limit: Amount): BufferedBatch | undefined;
  commit(): void;
  discard(): void;
  deliveredTo(sink: string, amount: Amount): void;
}

/** Options of {@linkcode Flusher}. */
export interface FlusherOptions {
  readonly source: Drainable;
  readonly sinks: readonly SinkSlot[];
  readonly semaphore: Semaphore;
  readonly observer: FlushObserver;
  /** Aborted when nothing more shall be written. */
  readonly signal: AbortSignal;
}

/**
 * Flushes one source: one batch at a time, to all of its sinks side by side, each write under a permit.
 *
 * A source's sinks go in step. A batch leaves the buffer when all of them have it, and only then is the next one taken;
 * so every sink sees the records in order, and one position is enough to tell what is delivered.
 */
export class Flusher {
  readonly #source: Drainable;
  readonly #sinks: readonly SinkSlot[];
  readonly #semaphore: Semaphore;
  readonly #observer: FlushObserver;
  readonly #signal: AbortSignal;
  #linger: ReturnType<typeof setTimeout> | undefined;
  /** Settles with whether the last attempt flushed a batch. */
  #running: Promise<boolean> | undefined;
  #draining = false;

  /** @param options What to flush, and where to. */
  constructor({ source, sinks, semaphore, observer, signal }: FlusherOptions) {
    this.#source = source;
    this.#sinks = sinks;
    this.#semaphore = semaphore;
    this.#observer = observer;
    this.#signal = signal;
    source.onAdmitted = () => this.#admitted();
  }

  /** Flushes everything that is pending, and resolves when nothing is left or the signal is aborted. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (!this.#signal.aborted && (this.#running !== undefined || this.#source.pendingRecords > 0)) {
      this.#start();
      // Nothing more comes in by now: where nothing was flushed, nothing ever will be.
      if (!await this.#running) break;
    }
    this.#stopLingering();
  }

  /** Called at every admission, so it does next to nothing. */
  #admitted(): void {
    if (this.#running !== undefined) return;
    if (this.#worthIt()) this.#start();
    else this.#linger ??= setTimeout(() => this.#start(), this.#source.batch.linger);
  }

  #worthIt(): boolean {
    const { pendingRecords, pendingBytes, producersWaiting, batch } = this.#source;
    return pendingRecords >= batch.records || pendingBytes >= batch.bytes ||
      pendingRecords > 0 && (producersWaiting > 0 || this.#draining);
  }

  #start(): void {
    this.#stopLingering();
    if (this.#running !== undefined) return;
    this.#running = this.#run().then((flushed) => {
      this.#running = undefined;
      this.#lingerOn(flushed);
      return flushed;
    }, (error) => {
      this.#running = undefined;
      throw error;
    });
  }

  /**
   * What a flush left behind waits for the rest of its time. Where nothing was flushed, because a defect left a batch in
   * flight, it waits too, however much it is: to start at once would come back here at once, for ever.
   */
  #lingerOn(flushed: boolean): void {
    const { oldest, batch } = this.#source;
    if (oldest === undefined || this.#signal.aborted || this.#draining) return;
    if (flushed && this.#worthIt()) return this.#start();
    const age = Math.max(0, Date.now() - oldest); // the clock may have been set back
    this.#linger ??= setTimeout(
      () => this.#start(),
      flushed ? Math.max(0, batch.linger - age) : batch.linger,
    );
  }

  #stopLingering(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
  }

  /** Flushes as long as it is worth it. Says whether the last attempt flushed a batch. */
  async #run(): Promise<boolean> {
    do {
      if (!await this.#flush()) return false;
    } while (this.#worthIt());
    return true;
  }

  /** Flushes one batch. Says whether to go on. */
  async #flush(): Promise<boolean> {
    const [first, ...others] = this.#sinks;
    if (first === undefined) return false;
    // The batch is taken only once there is a permit: until then its records can still be evicted and joined by more.
    const permit = await this.#acquire(first.name);
    if (permit === undefined) return false;
    const batch = this.#source.take(this.#source.batch);
    if (batch === undefined) {
      permit[Symbol.dispose]();
      return false;
    }
    const outcomes = await Promise.all([
      this.#deliver(first, batch, permit),
      ...others.map((slot) => this.#deliver(slot, batch)),
    ]);
    if (outcomes.includes("aborted")) return false; // it stays in flight, and so in the count of the undelivered
    if (outcomes.includes("given_up")) this.#source.discard();
    else this.#source.commit();
    return true;
  }

  async #deliver(
    { name, sink, retry }: SinkSlot,
    batch: BufferedBatch,
    granted?: Permit,
  ): Promise<"delivered" | "given_up" | "aborted"> {
    const context = { source: this.#source.name, signal: this.#signal };
    const signal = this.#signal;
    const result = await withRetry(async () => {
      using permit = granted ?? await this.#acquire(name);
      granted = undefined;
      if (permit === undefined) throw signal.reason;
      const start = performance.now();
      // A write that never ends, to a pipe that nobody reads, must not keep the daemon from ending.
      await abortable(sink.write(batch, context), signal);
      // When this fails, the whole attempt is repeated: a kernel tells of lost pages once, and calls the next sync of the
      // same file a success. So the batch may be there twice, but an acknowledgement is never a lie.
      if (this.#source.synced) await abortable(sink.sync(this.#source.name), signal);
      const seconds = (performance.now() - start) / 1000;
      this.#observer.flushed(name, seconds, this.#source.name, amountOf(batch));
    }, {
      ...retry,
      signal,
      onError: (error, retryIn) => {
        if (!signal.aborted) this.#observer.failed(name, error, retryIn, this.#source.name);
      },
    });
    if (!result.ok) return result.reason === "aborted" ? "aborted" : "given_up";
    this.#source.deliveredTo(name, amountOf(batch));
    return "delivered";
  }

  /** A permit, or nothing when the signal was aborted before there was one. */
  async #acquire(lane: string): Promise<Permit | undefined> {
    try {
      const permit = await this.#semaphore.acquire({ lane, signal: this.#signal });
      if (this.#signal.aborted) { // between the grant and this turn: nobody would use the permit, and nobody give it back
        permit[Symbol.dispose]();
        return undefined;
      }
      this.#observer.permitGranted(lane, permit.waited / 1000);
      return permit;
    } catch (error) {
      if (this.#signal.aborted) return undefined;
      throw error;
    }
  }
}
