import { percentile } from "../report/statistics.ts";

/** How long answers took, in milliseconds from when what they answer was due. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** How many answers there were. */
  readonly samples: number;
}

/** Collects latencies, all of them, so that no percentile has to be guessed. */
export class Latencies {
  #values = new Float64Array(1024);
  #count = 0;

  /** @param milliseconds One more. */
  add(milliseconds: number): void {
    if (this.#count === this.#values.length) {
      const more = new Float64Array(2 * this.#count);
      more.set(this.#values);
      this.#values = more;
    }
    this.#values[this.#count++] = milliseconds;
  }

  /**
   * @returns What there is to say of them.
   * @throws {RangeError} If there are none.
   */
  summary(): Latency {
    const sorted = this.#values.slice(0, this.#count).sort();
    return {
      p50: percentile(sorted, 50),
      p99: percentile(sorted, 99),
      p999: percentile(sorted, 99.9),
      max: percentile(sorted, 100),
      samples: this.#count,
    };
  }
}
