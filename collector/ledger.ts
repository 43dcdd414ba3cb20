import type { Amount } from "./batch.ts";

/** Why records were rejected: they were counted, and nothing of their request was kept. */
export type RejectReason = "overloaded" | "too_large" | "shutting_down" | "aborted";

/** Why admitted or offered records were lost. */
export type DropReason = "buffer_full" | "evicted" | "sink_failed";

/** Why a request was refused before its records could be counted. */
export type RefusalReason =
  | "invalid_record"
  | "too_large"
  | "unsupported_media_type"
  | "overloaded"
  | "shutting_down"
  | "timeout"
  | "aborted"
  | "protocol_error";

/** Why a request that was no error made no records, or fewer than it may have been meant to. */
export type OversightReason =
  /** There was nothing in it. */
  | "empty"
  /** Beside its records it holds others under names that OTLP does not have there, which had to be ignored. */
  | "misnamed";

/** Records and bytes that only ever grow. */
export class Tally implements Amount {
  records = 0;
  bytes = 0;

  /** @param amount What is added. */
  add(amount: Amount): void {
    this.records += amount.records;
    this.bytes += amount.bytes;
  }

  /** The present figures, as a value of their own. */
  get amount(): Amount {
    return { records: this.records, bytes: this.bytes };
  }
}

/** A tally for each of several reasons. */
export class TallyBy<Key extends string> {
  readonly #tallies = new Map<Key, Tally>();

  /**
   * @param key The reason.
   * @param amount What is added.
   */
  add(key: Key, amount: Amount): void {
    let tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, tally = new Tally());
    tally.add(amount);
  }

  /** The sum over all reasons. */
  get total(): Amount {
    const sum = new Tally();
    for (const tally of this.#tallies.values()) sum.add(tally);
    return sum;
  }

  /** Every reason that was ever given, with its tally. */
  entries(): IterableIterator<[Key, Tally]> {
    return this.#tallies.entries();
  }
}

/** A ledger as plain data, for `/status` and for the last line of the log. */
export interface LedgerSnapshot {
  readonly received: Amount;
  readonly rejected: Amount;
  readonly dropped: Amount;
  readonly delivered: Amount;
  readonly buffered: Amount;
}

/**
 * The books of one source. At every moment, in records and in bytes:
 *
 * `received = rejected + dropped + delivered + buffered`
 *
 * `buffered` is not booked but counted by the buffer itself, so that the equation is a check and not a definition.
 * A request that was refused before its records could be counted, because it was not valid or not read, is in
 * `refusals` and in nothing else; one that made no records without being an error is in `oversights`.
 */
export class Ledger {
  readonly received = new Tally();
  readonly rejected = new TallyBy<RejectReason>();
  readonly dropped = new TallyBy<DropReason>();
  /** What every sink of the source has, or its dead letter sink in its place. */
  readonly delivered = new Tally();
  /** What each sink has, dead letter sinks included. */
  readonly deliveredBySink = new TallyBy<string>();
  /** What each sink has given up and its dead letter sink has. It is part of what is delivered. */
  readonly deadLettered = new TallyBy<string>();
  /** Requests refused before their records could be counted. */
  readonly refusals = new Map<RefusalReason, number>();

  /** Requests that were no error and of which nothing, or not everything, became records. */
  readonly oversights = new Map<OversightReason, number>();

  /** @param reason Why a request that was no error made no records, or too few. */
  overlook(reason: OversightReason): void {
    this.oversights.set(reason, (this.oversights.get(reason) ?? 0) + 1);
  }

  /** @param reason Why a request was refused before its records could be counted. */
  refuse(reason: RefusalReason): void {
    this.refusals.set(reason, (this.refusals.get(reason) ?? 0) + 1);
  }

  /**
   * @param buffered What the buffer holds.
   * @returns The books as plain data.
   */
  snapshot(buffered: Amount): LedgerSnapshot {
    return {
      received: this.received.amount,
      rejected: this.rejected.total,
      dropped: this.dropped.total,
      delivered: this.delivered.amount,
      buffered: { records: buffered.records, bytes: buffered.bytes },
    };
  }
}
