// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { DurationHistogram } from "../../collector/duration_histogram.ts";

Deno.test("DurationHistogram.record() counts a duration in the first bucket whose bound it does not exceed", () => {
  const histogram = new DurationHistogram([0.5, 1]);
  for (const seconds of [0, 0.5, 0.75, 1, 1.25, 100]) histogram.record(seconds, "disk");
  assertEquals([...histogram.series], [["disk", { count: 6, sum: 103.5, counts: [2, 2, 2] }]]);
});

Deno.test("DurationHistogram.series has one for each value of the label", () => {
  const histogram = new DurationHistogram([1]);
  histogram.record(2, "disk");
  histogram.record(0.5, "console");
  histogram.record(0.25, "disk");
  assertEquals([...histogram.series], [
    ["disk", { count: 2, sum: 2.25, counts: [1, 1] }],
    ["console", { count: 1, sum: 0.5, counts: [1, 0] }],
  ]);
});

Deno.test("DurationHistogram.record() leaves out what is no duration", () => {
  const histogram = new DurationHistogram([1]);
  for (const seconds of [NaN, -1, -Infinity]) histogram.record(seconds, "disk");
  assertEquals([...histogram.series], []);
  for (const seconds of [2, NaN, -1]) histogram.record(seconds, "disk");
  assertEquals([...histogram.series], [["disk", { count: 1, sum: 2, counts: [0, 1] }]]);
});
