/** What was recorded for one value of the label. */
export interface HistogramSeries {
  /** How many durations. */
  count: number;
  /** All of them together, in seconds. */
  sum: number;
  /** How many are in each bucket: up to its bound and over the one before. The last has no bound. */
  readonly counts: number[];
}

/** Counts durations in buckets, as plain numbers, a series for each value of one label. */
export class DurationHistogram {
  readonly #boundaries: readonly number[];
  readonly #series = new Map<string, HistogramSeries>();

  /** @param boundaries Upper bounds of the buckets, in seconds, in ascending order. */
  constructor(boundaries: readonly number[]) {
    this.#boundaries = boundaries;
  }

  /** Every series that something was recorded in, by the value of the label, oldest first. */
  get series(): ReadonlyMap<string, Readonly<HistogramSeries>> {
    return this.#series;
  }

  /**
   * Records a duration. What is none, because it is negative or not a number, is left out, as OpenTelemetry's instruments
   * do: a single `NaN` would be the sum for good.
   *
   * @param seconds How long.
   * @param value Of the label; any single one where there is no label.
   */
  record(seconds: number, value: string): void {
    if (!(seconds >= 0)) return;
    let series = this.#series.get(value);
    if (series === undefined) {
      series = this.empty();
      this.#series.set(value, series);
    }
    series.count++;
    series.sum += seconds;
    const bucket = this.#boundaries.findIndex((bound) => seconds <= bound);
    series.counts[bucket < 0 ? this.#boundaries.length : bucket]!++;
  }

  /** A series in which nothing was recorded. */
  empty(): HistogramSeries {
    return { count: 0, sum: 0, counts: new Array(this.#boundaries.length + 1).fill(0) };
  }
}
