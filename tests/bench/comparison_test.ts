// @ts-types="../types/deno_std_assert.d.ts"
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { compareFigures, compareReports } from "../../bench/report/comparison.ts";
import { ratios } from "../../bench/report/figures.ts";
import { parseReport } from "../../bench/report/saved_report.ts";
import { changeTable } from "../../bench/report/tables.ts";
import { contestant, report } from "./reports.ts";

function figure(...values: number[]) {
  return { name: "http-1/file per second", values, digits: 0 };
}

Deno.test("compareFigures() tells a change of the median that is within the spread as such", () => {
  const change = compareFigures(figure(90, 100, 110), figure(105, 120, 130));
  assertAlmostEquals(change.change, 0.2);
  assertEquals(change.beyond, 0);
});

Deno.test("compareFigures() tells by how much a change is beyond the spread: the gap between the nearest rounds", () => {
  const more = compareFigures(figure(90, 100, 110), figure(130, 150, 160));
  assertAlmostEquals(more.change, 0.5);
  assertAlmostEquals(more.beyond, 0.2);
  const less = compareFigures(figure(90, 100, 110), figure(50, 70, 80));
  assertAlmostEquals(less.change, -0.3);
  assertAlmostEquals(less.beyond, -0.1);
});

Deno.test("compareFigures() takes rounds that touch for noise", () => {
  assertEquals(compareFigures(figure(90, 100, 110), figure(110, 150, 160)).beyond, 0);
});

Deno.test("compareFigures() says where there is no spread to be beyond of", () => {
  assertEquals(compareFigures(figure(100), figure(110, 120, 130)).isSingle, true);
  assertEquals(compareFigures(figure(100, 101), figure(110, 120, 130)).isSingle, false);
});

Deno.test("ratios() compares rounds that were measured one after the other, not medians", () => {
  // The machine was half as fast in the second round: the ratio is the same.
  const servers = [contestant("bare", [100, 50, 100]), contestant("file", [70, 35, 80])];
  assertEquals(ratios(servers, "file", "bare", ({ perSecond }) => perSecond), [0.7, 0.7, 0.8]);
  assertEquals(ratios(servers, "vector", "bare", ({ perSecond }) => perSecond), []);
});

Deno.test("compareReports() lists figures that changed beyond the spread, and counts the others", () => {
  const before = report([contestant("bare", [100, 101, 102]), contestant("file", [70, 71, 72], 2)]);
  const after = report([contestant("bare", [101, 102, 103]), contestant("file", [80, 81, 82], 2)]);
  const comparison = compareReports(before, after);
  const table = changeTable(comparison);
  assertEquals(table.rows.map(([name]) => name), ["http-1/file per second", "http-1/file ratio to bare"]);
  assertEquals(table.rows[0], ["http-1/file per second", "71 (70–72)", "81 (80–82)", "+14.1 %", "+11.3 %"]);
  // Rate, CPU and peak of both, and the ratio of one.
  assertEquals(comparison.changes.length, 7);
  assertEquals(comparison.warnings, []);
});

Deno.test("compareReports() names figures that one of the two does not have, and what makes them differ", () => {
  const before = report([contestant("bare", [100]), contestant("nowhere", [70])]);
  const after = report([contestant("bare", [100])], { generator: "built-in", seconds: 0.6 });
  const { unmatched, warnings } = compareReports(before, after);
  assertEquals(unmatched.every((name) => name.startsWith("http-1/nowhere ")), true);
  assertEquals(unmatched.length, 4);
  assertEquals(warnings, [
    "The load generator was wrk and is built-in.",
    "The length of a round, in seconds, was 2 and is 0.6.",
  ]);
});

Deno.test("parseReport() reads what was saved, and refuses what is no report of this version", () => {
  const saved = report([contestant("bare", [100])]);
  assertEquals(parseReport(JSON.stringify(saved), "f"), saved);
  for (const text of ["{}", "null", "1", "{", "", JSON.stringify({ ...saved, version: 0 })]) {
    assertThrows(() => parseReport(text, "f.json"), SyntaxError, "Cannot read report 'f.json'");
  }
});
