import type { SegmentReport } from "./segment_report.ts";

const HEADS = [
  "file",
  "state",
  "records",
  "weight",
  "bytes",
  "on disk",
  "first",
  "last",
  "times from",
] as const;
const NUMBERS: ReadonlySet<string> = new Set(["records", "weight", "bytes", "on disk"]);

/**
 * Writes reports as a table, and below it what is wrong with which file.
 *
 * @param reports The reports.
 * @returns Lines of text, without a line feed behind the last one.
 */
export function reportTable(reports: readonly SegmentReport[]): string {
  const rows = [HEADS, ...reports.map(cellsOf)];
  const widths = HEADS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) =>
      NUMBERS.has(HEADS[column]!) ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
    ).join("  ").trimEnd()
  );
  for (const { file, problem } of reports) if (problem !== "") lines.push(`${file}: ${problem}`);
  return lines.join("\n");
}

function cellsOf(report: SegmentReport): readonly string[] {
  const { file, state, open, records, weight, bytes, fileBytes, firstTime, lastTime, timesFrom } = report;
  return [
    file,
    open ? `${state}, open` : state,
    `${records}`,
    `${weight}`,
    `${bytes}`,
    `${fileBytes}`,
    firstTime ?? "-",
    lastTime ?? "-",
    timesFrom === "records" ? "records" : "name, mtime",
  ];
}
