import { type Amount, amountOf, type Batch, type BufferedBatch } from "./batch.ts";
import { BoundedBuffer } from "./buffer.ts";
import type { ChunkPool } from "./chunk_pool.ts";
import type { SourceConfig } from "./config.ts";
import { Ledger, type LedgerSnapshot } from "./ledger.ts";
import type { MemoryAccount } from "./memory_budget.ts";
import type { LostRecords } from "./record_ranges.ts";
import { type Settlement, Settlements } from "./settlements.ts";
import {
  type Admission,
  NOTHING,
  type OverloadPolicy,
  type Producer,
  type Rejected,
} from "../policies/mod.ts";

/** Options of {@linkcode Source}. */
export interface SourceOptions {
  /** Its name. */
  readonly name: string;
  /** The rule of the config that it follows. */
  readonly config: SourceConfig;
  /** What happens to records that do not fit. */
  readonly policy: OverloadPolicy;
  /** Where its memory is reserved. */
  readonly memory: MemoryAccount;
  /** Where its buffer's chunks come from. */
  readonly chunks: ChunkPool;
  /** The most producers that may wait for room at once. */
  readonly waiting: number;
  /** Is told how long a producer was blocked, in seconds, whatever came of it. */
  readonly onBlocked?: (seconds: number) => void;
}

/**
 * A named stream of records: one bounded buffer, one overload policy, one ledger.
 *
 * Listeners offer batches, whoever flushes takes them; neither knows of the other.
 */
export class Source {
  readonly name: string;
  readonly config: SourceConfig;
  readonly ledger = new Ledger();
  readonly memory: MemoryAccount;
  readonly buffer: BoundedBuffer;
  readonly policy: OverloadPolicy;
  readonly #settlements = new Settlements();
  readonly #onBlocked: ((seconds: number) => void) | undefined;
  #onAdmitted: () => void = () => {};

  /** @param options What it is made of. */
  constructor({ name, config, policy, memory, chunks, waiting, onBlocked }: SourceOptions) {
    this.name = name;
    this.config = config;
    this.policy = policy;
    this.memory = memory;
    this.#onBlocked = onBlocked;
    this.buffer = new BoundedBuffer({
      ...config.buffer,
      waiting,
      memory,
      chunks,
      observer: {
        admitted: (amount) => {
          this.ledger.received.add(amount);
          this.#onAdmitted();
        },
        evicted: (amount) => {
          this.ledger.dropped.add("evicted", amount);
          this.#settlements.evict(amount.records, this.buffer.inFlight?.records ?? 0);
        },
        committed: (amount) => {
          this.ledger.delivered.add(amount);
          this.#settlements.advance(amount.records, "delivered");
        },
        discarded: ({ records, bytes }, lost) => {
          const amount = lost?.amount ?? { records, bytes };
          this.ledger.dropped.add("sink_failed", amount);
          this.ledger.delivered.add({ records: records - amount.records, bytes: bytes - amount.bytes });
          this.#settlements.advance(records, lost?.places ?? "lost");
        },
      },
    });
  }

  /** @param listener Is called at every admission, and when a producer begins to wait; whoever flushes listens. */
  set onAdmitted(listener: () => void) {
    this.#onAdmitted = listener;
  }

  /** Names of the sinks that its batches go to. */
  get sinks(): readonly string[] {
    return this.config.sinks;
  }

  /** When a flush is worth it, and the most that one takes. */
  get batch(): SourceConfig["batch"] {
    return this.config.batch;
  }

  /** Whether a batch counts as delivered only once it is safe from a loss of power. */
  get synced(): boolean {
    return this.config.ack === "synced";
  }

  /** How many records no flush has taken yet. */
  get pendingRecords(): number {
    return this.buffer.records - (this.buffer.inFlight?.records ?? 0);
  }

  /** How many bytes no flush has taken yet. */
  get pendingBytes(): number {
    return this.buffer.bytes - (this.buffer.inFlight?.bytes ?? 0);
  }

  /** How many producers wait for room. */
  get producersWaiting(): number {
    return this.buffer.producersWaiting;
  }

  /** When the oldest record that no flush has taken was admitted, in milliseconds since the Unix epoch. */
  get oldest(): number | undefined {
    return this.buffer.oldest;
  }

  /**
   * Offers a batch to the buffer; the policy decides.
   *
   * @param batch Its records. The memory that they are in has to stay reserved until the result is there.
   * @param producer Who offers it.
   * @returns What was kept, or why nothing was; at once unless the policy makes the producer wait.
   */
  offer(batch: Batch, producer: Producer): Admission | Promise<Admission> {
    if (batch.ends.length === 0) {
      return { accepted: NOTHING, dropped: NOTHING, evicted: NOTHING, position: this.buffer.position };
    }
    const amount = amountOf(batch);
    const admission = this.policy.admit(this.buffer, batch, producer);
    if (!(admission instanceof Promise)) return this.#book(admission, amount);
    const start = performance.now();
    this.#onAdmitted(); // whoever flushes need not wait for a full batch while somebody waits for room
    return admission.then((admission) => {
      this.#onBlocked?.((performance.now() - start) / 1000);
      return this.#book(admission, amount);
    });
  }

  /**
   * Waits until records have left the buffer.
   *
   * @param position Their place in the stream, as told when they were admitted.
   * @param records How many they are.
   * @returns Whether every sink has all of them.
   */
  settled(position: number, records: number): Promise<Settlement> {
    return this.#settlements.wait(position, records);
  }

  /**
   * Hands out the oldest records for a flush.
   *
   * @param limit The most records and bytes.
   * @returns The records, or nothing when there are none or some are being flushed already.
   */
  take(limit: Amount): BufferedBatch | undefined {
    return this.buffer.take(limit);
  }

  /**
   * Books that one sink has a batch.
   *
   * @param sink Name of the sink.
   * @param amount What the batch amounts to.
   */
  deliveredTo(sink: string, amount: Amount): void {
    this.ledger.deliveredBySink.add(sink, amount);
  }

  /**
   * Books that the dead letter sink has what a sink has given up.
   *
   * @param sink Name of the sink that gave it up.
   * @param amount What the batch amounts to.
   */
  deadLettered(sink: string, amount: Amount): void {
    this.ledger.deadLettered.add(sink, amount);
  }

  /** Lets the batch go that was taken, because every sink has it. */
  commit(): void {
    this.buffer.commit();
  }

  /**
   * Lets the batch go that was taken, because a sink did not take it.
   *
   * @param lost Which of its records the sink did not take; all when left out.
   */
  discard(lost?: LostRecords): void {
    this.buffer.discard(lost);
  }

  /** The books, as plain data. */
  snapshot(): LedgerSnapshot {
    return this.ledger.snapshot(this.buffer);
  }

  /** Takes nothing any more and sends waiting producers away; what it holds can still be flushed. */
  close(): void {
    this.buffer.close();
  }

  /** Tells everybody who waits for an acknowledgement that there will be none. */
  abandon(): void {
    this.#settlements.close();
  }

  #book(admission: Admission, amount: Amount): Admission {
    if ("rejected" in admission) {
      this.ledger.received.add(amount);
      this.ledger.rejected.add(REASON[admission.rejected], amount);
      return admission;
    }
    if (admission.dropped.records > 0) {
      this.ledger.received.add(admission.dropped);
      this.ledger.dropped.add("buffer_full", admission.dropped);
    }
    return admission;
  }
}

/** What a rejection is called in the ledger. */
const REASON: Record<Rejected["rejected"], "overloaded" | "too_large" | "shutting_down" | "aborted"> = {
  overloaded: "overloaded",
  too_large: "too_large",
  closed: "shutting_down",
  aborted: "aborted",
};
