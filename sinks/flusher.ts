import type { Amount, BufferedBatch } from "../collector/batch.ts";
import { type LostRecords, lostRecords } from "../collector/record_ranges.ts";
import { Delivery, type DeliveryOrigin } from "./delivery.ts";
import { Lingerer, type LingerLine } from "./linger_line.ts";
import type { Sent, SinkSender } from "./sink_sender.ts";
import type { Sending, Turn } from "./turn.ts";

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
  /** Where sources linger that do so for as long as this one. */
  readonly line: LingerLine;
  /** Aborted when nothing more shall be written. */
  readonly signal: AbortSignal;
}

/**
 * Flushes one source: one batch at a time, to all of its sinks side by side.
 *
 * A source's sinks go in step. A batch leaves the buffer when all of them have it, and only then is the next one taken;
 * so every sink sees the records in order, and one position is enough to tell what is delivered.
 *
 * With a thousand sources a flush is of a few requests only, and several thousand of them a second wait for their time and
 * their turn. What a flush needs for that is made once for its source.
 */
export class Flusher {
  readonly #source: Drainable;
  readonly #senders: ReadonlyMap<string, SinkSender>;
  readonly #sinks: readonly SinkSender[];
  readonly #signal: AbortSignal;
  readonly #line: LingerLine;
  readonly #lingerer = new Lingerer(() => this.#start());
  /** At the first sink; there is none where there is no sink. */
  readonly #turn: Turn | undefined;
  /** From asking for a turn until the end of the flush. */
  #running = false;
  /** What is being flushed. */
  #batch: BufferedBatch | undefined;
  /** Whether the last attempt flushed a batch. */
  #flushed = false;
  #draining = false;
  /** Settles at the end of what is under way; made by who waits for it. */
  #rest: PromiseWithResolvers<void> | undefined;

  /**
   * @param options What to flush, and where to.
   * @throws {TypeError} If the source names a sink that there is not.
   */
  constructor({ source, senders, line, signal }: FlusherOptions) {
    this.#source = source;
    this.#senders = senders;
    this.#sinks = source.sinks.map((name) => {
      const sender = senders.get(name);
      if (sender === undefined) {
        throw new TypeError(`Cannot flush source '${source.name}': there is no sink '${name}'`);
      }
      return sender;
    });
    this.#line = line;
    this.#signal = signal;
    this.#turn = this.#sinks[0]?.turn((sending) => this.#begin(sending));
    source.onAdmitted = () => this.#admitted();
  }

  /** Flushes everything that is pending, and resolves when nothing is left or the signal is aborted. */
  async drain(): Promise<void> {
    this.#draining = true;
    while (!this.#signal.aborted && (this.#running || this.#source.pendingRecords > 0)) {
      this.#start();
      if (this.#running) await (this.#rest ??= Promise.withResolvers()).promise;
      // Nothing more comes in by now: where nothing was flushed, nothing ever will be.
      if (!this.#flushed) break;
    }
    this.#line.leave(this.#lingerer);
  }

  /** Called at every admission, so it does next to nothing. */
  #admitted(): void {
    if (this.#running) return;
    if (this.#worthIt()) this.#start();
    else this.#line.join(this.#lingerer);
  }

  #worthIt(): boolean {
    const { pendingRecords, pendingBytes, producersWaiting, batch } = this.#source;
    return pendingRecords >= batch.records || pendingBytes >= batch.bytes ||
      pendingRecords > 0 && (producersWaiting > 0 || this.#draining);
  }

  #start(): void {
    this.#line.leave(this.#lingerer);
    if (this.#running || this.#turn === undefined) return;
    this.#running = true;
    this.#turn.ask();
  }

  /** Takes a batch, only now that there is a permit: until then its records could be evicted and joined by more. */
  #begin(sending: Sending | undefined): void {
    try {
      const batch = sending && this.#source.take(this.#source.batch);
      if (batch !== undefined) return this.#flush(batch, sending);
    } catch (error) {
      sending?.[Symbol.dispose]();
      return this.#failed(error);
    }
    sending?.[Symbol.dispose]();
    this.#end(false);
  }

  #flush(batch: BufferedBatch, sending: Sending | undefined): void {
    this.#batch = batch;
    const [first, ...others] = this.#sinks;
    if (others.length === 0 && first!.deadLetter === undefined) { // as most sources have it, and with half of the promises
      first!.send(batch, this.#source, sending).then(this.#sent, this.#failed);
    } else this.#deliver(batch, sending).then(this.#delivered, this.#failed);
  }

  async #deliver(batch: BufferedBatch, sending: Sending | undefined): Promise<Sent[]> {
    const delivery = new Delivery(batch, this.#source, this.#senders);
    return await Promise.all(
      this.#sinks.map((sender, i) => delivery.to(sender, i === 0 ? sending : undefined)),
    );
  }

  readonly #sent = (sent: Sent): void => this.#delivered([sent]);

  readonly #delivered = (outcomes: readonly Sent[]): void => {
    if (outcomes.includes("aborted")) return this.#end(false); // it stays in flight, and so in the count of the undelivered
    try {
      this.#settle(outcomes);
    } catch (error) {
      return this.#failed(error);
    }
    this.#end(true);
  };

  #settle(outcomes: readonly Sent[]): void {
    const untaken = outcomes.flatMap((sent) => typeof sent === "object" ? [sent.untaken] : []);
    if (outcomes.includes("given_up")) this.#source.discard();
    else if (untaken.length > 0) this.#source.discard(lostRecords(this.#batch!, untaken));
    else this.#source.commit();
  }

  /** Goes on as long as it is worth it. */
  #end(flushed: boolean): void {
    this.#batch = undefined;
    this.#flushed = flushed;
    if (flushed && this.#worthIt()) return this.#turn!.ask();
    this.#running = false;
    this.#rest?.resolve();
    this.#rest = undefined;
    this.#lingerOn();
  }

  /**
   * A defect. It is not thrown: whoever called may be another source that gives a permit back, for which it would be a failure
   * of its own flush.
   */
  readonly #failed = (error: unknown): void => {
    this.#batch = undefined;
    this.#flushed = false;
    this.#running = false;
    if (this.#rest === undefined) return reportError(error);
    this.#rest.reject(error);
    this.#rest = undefined;
  };

  /**
   * What a flush left behind waits for the rest of its time. Where nothing was flushed, because a defect left a batch in
   * flight, it waits too, however much it is: to start at once would come back here at once, for ever.
   */
  #lingerOn(): void {
    const { oldest, batch } = this.#source;
    if (oldest === undefined || this.#signal.aborted || this.#draining) return;
    // The clock may have been set back or forth.
    const age = Math.min(Math.max(0, Date.now() - oldest), batch.linger);
    this.#line.join(this.#lingerer, this.#flushed ? age : 0);
  }
}
