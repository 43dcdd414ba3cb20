import type { RecordRange } from "./record_ranges.ts";

/** What became of records that somebody waits for: every sink has them, or at least one record was lost. */
export type Settlement = "delivered" | "lost";

interface Waiter {
  readonly from: number;
  readonly to: number;
  readonly resolve: (settlement: Settlement) => void;
  lost: boolean;
}

/**
 * Tells producers when their records have left the buffer, for sources that acknowledge only what is written.
 *
 * Records leave in the order in which they came, so one position tells for all; only those that are evicted while a
 * sink writes older ones leave before them. There are no more waiters than batches in the buffer, whose limit is
 * therefore theirs.
 */
export class Settlements {
  /** In the order of their records, which is not always the order in which they began to wait. */
  readonly #waiters: Waiter[] = [];
  /** Behind the last record before which all have left. */
  #position = 0;
  /** How many have left behind those in flight. */
  #evicted = 0;
  /** Behind the last record that was lost. */
  #lostUpTo = 0;

  /**
   * Waits for records to leave the buffer.
   *
   * @param to The place of the last record in the stream, as told when it was admitted.
   * @param records How many records up to there are waited for.
   * @returns What became of them, `lost` in case of doubt; it never rejects.
   */
  wait(to: number, records: number): Promise<Settlement> {
    const from = to - records;
    const lost = from < this.#lostUpTo;
    if (to <= this.#position) return Promise.resolve(lost ? "lost" : "delivered");
    return new Promise((resolve) => {
      // A producer that was blocked learns of its admission a little later than one that was not.
      const behind = this.#waiters.findLastIndex((waiter) => waiter.from <= from) + 1;
      this.#waiters.splice(behind, 0, { from, to, resolve, lost });
    });
  }

  /**
   * Books that the oldest records have left: those in flight, if there are any.
   *
   * @param records How many.
   * @param settlement What became of them, or which of them were lost, counted from the first, ascending.
   */
  advance(records: number, settlement: Settlement | readonly RecordRange[]): void {
    if (settlement === "lost") this.#lose(this.#position, this.#position + records);
    else if (settlement !== "delivered") {
      for (const { from, to } of settlement) this.#lose(this.#position + from, this.#position + to);
    }
    this.#position += records + this.#evicted;
    this.#evicted = 0;
    let settled = 0;
    for (const { to, lost, resolve } of this.#waiters) {
      if (to > this.#position) break;
      resolve(lost ? "lost" : "delivered");
      settled++;
    }
    if (settled > 0) this.#waiters.splice(0, settled);
  }

  /**
   * Books that the oldest records were lost that are not in flight.
   *
   * @param records How many.
   * @param inFlight How many older ones are in flight.
   */
  evict(records: number, inFlight: number): void {
    if (inFlight === 0) return this.advance(records, "lost");
    const from = this.#position + inFlight + this.#evicted;
    this.#lose(from, from + records);
    this.#evicted += records;
  }

  /** Tells everybody who still waits that their records are lost, because nothing will be written any more. */
  close(): void {
    this.#position = this.#lostUpTo = Infinity;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve("lost");
  }

  #lose(from: number, to: number): void {
    this.#lostUpTo = to;
    for (const waiter of this.#waiters) {
      if (waiter.from >= to) break;
      if (waiter.to > from) waiter.lost = true;
    }
  }
}
