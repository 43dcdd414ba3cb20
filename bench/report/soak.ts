import { median, percentile } from "./statistics.ts";

/** How a soak went. */
export interface SoakVerdict {
  /** The median of resident memory over the tenth of the time that follows the first fifth, in bytes. */
  readonly early: number;
  /** The same over the last tenth. */
  readonly late: number;
  /** How much more the end may be, in bytes. */
  readonly tolerance: number;
  /** How fast it grew from the first fifth on, in bytes a sample: the median slope over all pairs of samples. */
  readonly trend: number;
  readonly isMet: boolean;
}

/** Memory that is freed and taken again comes and goes in pieces of this size. */
const LEAST_TOLERANCE = 2e6;

/**
 * Says whether memory grew once all was warm. It goes up and down with what is in the buffers, so one sample says nothing: medians are
 * compared, and the end may be higher by as much as the middle half of the early samples is apart, or by 2 MB. In
 * four minutes at a million records a second, a leak of one byte in fifty records is more than twice that.
 *
 * @param resident Resident memory in equal intervals, in bytes; at least 10.
 * @returns The verdict.
 * @throws {RangeError} If there are fewer.
 */
export function judgeSoak(resident: readonly number[]): SoakVerdict {
  const { length } = resident;
  if (length < 10) throw new RangeError(`Cannot judge a soak by ${length} samples: it takes at least 10`);
  const from = Math.floor(length / 5);
  const tenth = Math.floor(length / 10);
  const first = resident.slice(from, from + tenth);
  const sorted = first.toSorted((a, b) => a - b);
  const tolerance = Math.max(LEAST_TOLERANCE, percentile(sorted, 75) - percentile(sorted, 25));
  const early = median(first);
  const late = median(resident.slice(-tenth));
  return {
    early,
    late,
    tolerance,
    trend: medianSlope(resident.slice(from)),
    isMet: late - early <= tolerance,
  };
}

/** Theil and Sen's estimate: single spikes do not move it. */
function medianSlope(values: readonly number[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) slopes.push((values[j]! - values[i]!) / (j - i));
  }
  return median(slopes);
}
