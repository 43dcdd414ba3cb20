/** Rows of text under headings. */
export interface Table {
  readonly headings: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * Writes a table so that it can be read as it is, and is Markdown too.
 *
 * @param table The table; the first column is aligned to the left, others to the right.
 * @returns Its lines.
 */
export function formatTable({ headings, rows }: Table): string {
  const widths = headings.map((heading, n) =>
    Math.max(3, heading.length, ...rows.map((row) => row[n]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${
      widths.map((width, n) => n === 0 ? (cells[n] ?? "").padEnd(width) : (cells[n] ?? "").padStart(width))
        .join(" | ")
    } |`;
  const rule = `| ${
    widths.map((width, n) => n === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`).join(" | ")
  } |`;
  return [line(headings), rule, ...rows.map(line)].join("\n");
}
