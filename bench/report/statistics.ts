/** Several measurements of the same thing: the one in the middle, and the outermost. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/**
 * @param values Some values; in any order.
 * @returns The one in the middle; of an even number, the mean of the two.
 * @throws {RangeError} If there are none.
 */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot tell the median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * @param values Some values; in any order.
 * @returns Their median, the smallest and the largest.
 * @throws {RangeError} If there are none.
 */
export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * @param sorted Values in ascending order.
 * @param percent From above 0 to 100.
 * @returns The smallest value that so many percent of all do not exceed (nearest rank: one that was measured, and no
 * mean of two).
 * @throws {RangeError} If there are no values, or `percent` is out of range.
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  if (sorted.length === 0) throw new RangeError("Cannot tell a percentile of no values");
  if (!(percent > 0 && percent <= 100)) {
    throw new RangeError(
      `Cannot tell percentile: it must be above 0 and at most 100, current value is ${percent}`,
    );
  }
  // The product is rounded before it is rounded up: 99.9 % of 1000 is 999, and not 999.0000000000001.
  const rank = Math.ceil(Number((sorted.length * percent / 100).toFixed(6)));
  return sorted[rank - 1]!;
}

/**
 * @param spread What was measured.
 * @param digits How many digits behind the point.
 * @returns `0.70 (0.65–0.74)`; `0.70` where all values are the same, as a single one is.
 */
export function formatSpread({ median, min, max }: Spread, digits: number): string {
  if (min === max) return median.toFixed(digits);
  return `${median.toFixed(digits)} (${min.toFixed(digits)}–${max.toFixed(digits)})`;
}
