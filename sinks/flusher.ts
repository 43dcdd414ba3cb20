import type { Amount, BufferedBatch } from "../collector/batch.ts";
import { type LostRecords, lostRecords } from "../collector/record_ranges.ts";
import { Delivery, type DeliveryOrigin } from "./delivery.ts";
import type { Sending, Sent, SinkSender } from "./sink_sender.ts";

/** What a flusher needs to know of whatever it flushes. */
export interface Drainable extends DeliveryOrigin {
  /** Names of the sinks that its batches go to. */
  readonly sinks: readonly string[];
  /** When a flush is worth it and the most that one takes, and after how many milliseconds it is worth it anyway. */
  readonly batch: Amount & { readonly linger: number };
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
  /** Lets the batch go, because it was lost, or because these records of it were. */
  discard(lost?: LostRecords): void;
}

/** Options of {@linkcode Flusher}. */
export interface FlusherOptions {
  readonly source: Drainable;
  /** Every sink by its name, dead letter sinks included. */
  readonly senders: ReadonlyMap<string, SinkSender>;
  /** Aborted when nothing more shall be written. */
  readonly signal: AbortSignal;
}

/**
 * Flushes one source: one batch at a time, to all of its sinks side by side.
 *
 * A source's sinks go in step. A batch leaves the buffer when all of them have it, and only then is the next one taken;
 * so every sink sees the records in order, and one position is enough to tell what is delivered.
 */
export class Flusher {
  readonly #source: Drainable;
  readonly #senders: ReadonlyMap<string, SinkSender>;
  readonly #sinks: readonly SinkSender[];
  readonly #signal: AbortSignal;
  #linger: ReturnType<typeof setTimeout> | undefined;
  readonly #lingered = () => this.#start();
  /** Settles with whether the last attempt flushed a batch. */
  #running: Promise<boolean> | undefined;
  #draining = false;

  /**
   * @param options What to flush, and where to.
   * @throws {TypeError} If the source names a sink that there is not.
   */
  constructor({ source, senders, signal }: FlusherOptions) {
    this.#source = source;
    this.#senders = senders;
    this.#sinks = source.sinks.map((name) => {
      const sender = senders.get(name);
      if (sender === undefined) {
        throw new TypeError(`Cannot flush source '${source.name}': there is no sink '${name}'`);
      }
      return sender;
    });
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
    else this.#linger ??= setTimeout(this.#lingered, this.#source.batch.linger);
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
      this.#lingered,
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
    const sending = await first.begin();
    if (sending === undefined) return false;
    const batch = this.#source.take(this.#source.batch);
    if (batch === undefined) {
      sending[Symbol.dispose]();
      return false;
    }
    const outcomes = others.length === 0 && first.deadLetter === undefined
      ? [await first.send(batch, this.#source, sending)] // of most sources, and with half of the promises
      : await this.#deliver(batch, sending);
    if (outcomes.includes("aborted")) return false; // it stays in flight, and so in the count of the undelivered
    const untaken = outcomes.flatMap((sent) => typeof sent === "object" ? [sent.untaken] : []);
    if (outcomes.includes("given_up")) this.#source.discard();
    else if (untaken.length > 0) this.#source.discard(lostRecords(batch, untaken));
    else this.#source.commit();
    return true;
  }

  async #deliver(batch: BufferedBatch, sending: Sending): Promise<Sent[]> {
    const delivery = new Delivery(batch, this.#source, this.#senders);
    return await Promise.all(
      this.#sinks.map((sender, i) => delivery.to(sender, i === 0 ? sending : undefined)),
    );
  }
}
