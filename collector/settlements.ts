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
 * Records leave in the order in which they came, so one position tells for all. There are no more waiters than batches
 * in the buffer, whose limit is therefore theirs.
 */
export class Settlements {
  readonly #waiters: Waiter[] = [];
  #position = 0;
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
      this.#waiters.push({ from, to, resolve, lost });
    });
  }

  /**
   * Books that the next records have left.
   *
   * @param records How many.
   * @param settlement What became of them.
   */
  advance(records: number, settlement: Settlement): void {
    this.#position += records;
    if (settlement === "lost") this.#lostUpTo = this.#position;
    if (this.#waiters.length === 0) return;
    let settled = 0;
    for (const waiter of this.#waiters) {
      if (waiter.from >= this.#position) break;
      if (settlement === "lost") waiter.lost = true;
      if (waiter.to > this.#position) break;
      waiter.resolve(waiter.lost ? "lost" : "delivered");
      settled++;
    }
    this.#waiters.splice(0, settled);
  }

  /** Tells everybody who still waits that their records are lost, because nothing will be written any more. */
  close(): void {
    this.#position = this.#lostUpTo = Infinity;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve("lost");
  }
}
