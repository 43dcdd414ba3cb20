// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import { formatSpread, median, percentile, spreadOf } from "../../bench/report/statistics.ts";

Deno.test("median() takes the one in the middle, whatever the order, and leaves the values as they are", () => {
  const values = [9, 1, 5, 100, 2];
  assertEquals(median(values), 5);
  assertEquals(values, [9, 1, 5, 100, 2]);
});

Deno.test("median() takes the mean of the two in the middle where their number is even", () => {
  assertEquals(median([4, 1, 3, 2]), 2.5);
});

Deno.test("median() compares numbers, not their digits", () => {
  assertEquals(median([10, 9, 100]), 10);
});

Deno.test("median() of no values is an error", () => {
  assertThrows(() => median([]), RangeError, "no values");
});

Deno.test("spreadOf() tells the median and the outermost values", () => {
  assertEquals(spreadOf([3, 1, 2]), { median: 2, min: 1, max: 3 });
});

Deno.test("percentile() is a value that was measured: the smallest that so many percent do not exceed", () => {
  const values = Array.from({ length: 1000 }, (_, n) => n + 1);
  assertEquals([50, 99, 99.9, 100].map((percent) => percentile(values, percent)), [500, 990, 999, 1000]);
  assertEquals([0.1, 50, 75, 100].map((percent) => percentile([10, 20, 30], percent)), [10, 20, 30, 30]);
  assertEquals(percentile([7], 99.9), 7);
});

Deno.test("percentile() works on typed arrays, as those of latencies are", () => {
  assertEquals(percentile(Float64Array.of(1.5, 2.5, 1000.5), 50), 2.5);
});

Deno.test("percentile() refuses no values, and percentages out of range", () => {
  assertThrows(() => percentile([], 50), RangeError, "no values");
  for (const percent of [0, -1, 100.1, NaN]) {
    assertThrows(() => percentile([1], percent), RangeError, `${percent}`);
  }
});

Deno.test("formatSpread() tells the outermost values only where they differ", () => {
  assertEquals(formatSpread({ median: 0.7, min: 0.649, max: 0.741 }, 2), "0.70 (0.65–0.74)");
  assertEquals(formatSpread({ median: 3, min: 3, max: 3 }, 1), "3.0");
});
