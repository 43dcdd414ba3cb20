/**
 * Upper bounds of the buckets of every histogram, in seconds: from a write that stays in the page cache to the longest
 * that a producer is usually left waiting.
 */
export const BOUNDARIES: readonly number[] = [
  0.0005,
  0.001,
  0.0025,
  0.005,
  0.01,
  0.025,
  0.05,
  0.1,
  0.25,
  0.5,
  1,
  2.5,
  5,
  10,
];

/** The histograms, by what they are called here. */
export const HISTOGRAMS = {
  blockDuration: {
    name: "penstock_block_duration_seconds",
    description: "How long producers waited for room in the buffer, whatever came of it.",
    label: "source",
  },
  poolWait: {
    name: "penstock_pool_wait_seconds",
    description: "How long permits were waited for, 0 where they were granted at once.",
    label: undefined,
  },
  sinkFlush: {
    name: "penstock_sink_flush_seconds",
    description: "How long a sink took to take a batch, failed attempts left out.",
    label: "sink",
  },
} as const;

/** What a histogram is called here. */
export type HistogramKey = keyof typeof HISTOGRAMS;
