import type { SoakReport } from "./report.ts";
import { median, percentile } from "./statistics.ts";

/** How a soak went. */
export interface SoakVerdict {
  /** The median of resident memory over the first half of the time after the first fifth, in bytes. */
  readonly early: number;
  /** The same over the second half. */
  readonly late: number;
  /** The least of the last fifth of the whole time. */
  readonly end: number;
  /** How much more the second half, and the end, may be than the first half, in bytes. */
  readonly tolerance: number;
  /** How fast it grew from the first fifth on, in bytes a sample: the median slope over all pairs of samples. */
  readonly trend: number;
  /**
   * The least leak that shows for certain, in bytes for each record: what it brings about from one half to the other is twice the tolerance, so
   * that memory would have to go down by more than the tolerance by itself to hide it.
   */
  readonly certain: number;
  readonly isMet: boolean;
}

/** The code and the heap are warm by then: in seconds, the first minute of five. */
const WARM = 1 / 5;
/** How far the middles of the two halves are apart, of the whole time. */
const APART = (1 - WARM) / 2;
/** Memory is taken and given back in chunks of 1 MiB, each with what is known of its records. */
const LEAST_TOLERANCE = 1.2e6;
/** A leak that has to show, in bytes for each record. */
const LEAK = 1 / 50;

/**
 * Says whether memory grew once all was warm.
 *
 * Memory goes up and down with what is in the buffers, by a few MB for up to a minute where the disk is slow, so minutes are compared and not
 * moments: the median of the second half of the time against that of the first. It may be higher by as much as the middle half of the samples of
 * one of them is apart, its trend taken out, or by one chunk; but where the soak is long enough for that, never by more than half of what a leak of one
 * byte in fifty records brings about. What memory does is not taken for a leak, and a leak not for what memory does: it makes the trend
 * steeper and leaves the tolerance as it is. What grows late shows at the end: there, memory has to come down again to that at least once.
 *
 * @param soak Resident memory in equal intervals, at least 10 times, and how many records came in during that time.
 * @returns The verdict.
 * @throws {RangeError} If there are fewer samples.
 */
export function judgeSoak({ resident, records }: Pick<SoakReport, "resident" | "records">): SoakVerdict {
  const { length } = resident;
  if (length < 10) throw new RangeError(`Cannot judge a soak by ${length} samples: it takes at least 10`);
  const warm = resident.slice(Math.floor(length * WARM));
  const half = Math.floor(warm.length / 2);
  const trend = medianSlope(warm);
  const level = warm.map((bytes, n) => bytes - n * trend);
  const spread = Math.max(middleHalf(level.slice(0, half)), middleHalf(level.slice(-half)));
  const most = APART * records * LEAK / 2;
  const tolerance = Math.max(LEAST_TOLERANCE, Math.min(spread, most));
  const [early, late] = [median(warm.slice(0, half)), median(warm.slice(-half))];
  const end = Math.min(...resident.slice(-Math.floor(length / 5)));
  return {
    early,
    late,
    end,
    tolerance,
    trend,
    certain: 2 * tolerance / (APART * records),
    isMet: Math.max(late, end) - early <= tolerance,
  };
}

/** How far the middle half of the values is apart. */
function middleHalf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return percentile(sorted, 75) - percentile(sorted, 25);
}

/** Theil and Sen's estimate: single spikes do not move it. */
function medianSlope(values: readonly number[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < values.length; i++) {
    for (let j = i + 1; j < values.length; j++) slopes.push((values[j]! - values[i]!) / (j - i));
  }
  return median(slopes);
}
