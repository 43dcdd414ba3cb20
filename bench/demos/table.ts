/** A value in a table: text is aligned to the left, numbers to the right. */
export type Cell = string | number;

/**
 * Lays a table out in columns for a terminal.
 *
 * @param head The names of the columns.
 * @param rows The rows, each with as many cells as there are columns. Numbers are rounded to whole ones and their
 * thousands set apart.
 * @returns Its lines: the head, a rule, the rows.
 */
export function tableLines(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const texts = rows.map((row) => row.map((cell) => typeof cell === "string" ? cell : grouped(cell)));
  const widths = head.map((name, i) => Math.max(name.length, ...texts.map((row) => row[i]!.length)));
  const numeric = head.map((_, i) => rows.length > 0 && rows.every((row) => typeof row[i] === "number"));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => numeric[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)).join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...texts.map(line)];
}

/**
 * Writes a number with its thousands set apart.
 *
 * @param value The number.
 * @returns It, rounded to a whole one: `90 000`.
 */
export function grouped(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, " ");
}
