import { LineOutput, OutputError } from "./line_output.ts";
import { reportTable } from "./report_table.ts";
import { inspectSegment, type SegmentReport } from "./segment_report.ts";

/** What is to be looked at, and what is told of it. */
export interface InspectOptions {
  readonly files: readonly string[];
  /** `table` and `json` tell what is known of each file; `records` writes their records as NDJSON. */
  readonly output: "table" | "json" | "records";
}

/**
 * Tells what segments hold, on the standard output; of `records`, what is wrong with a file goes to the standard error.
 *
 * @param options Which, and what of them.
 * @returns Whether all of them are whole, as far as they were looked at.
 */
export async function inspect({ files, output }: InspectOptions): Promise<boolean> {
  const text = new TextEncoder();
  const out = new LineOutput();
  const reports: SegmentReport[] = [];
  let allWhole = true;
  try {
    for (const file of files) {
      const report = await inspectSegment(file, output === "records" ? (line) => out.write(line) : undefined);
      allWhole &&= report.state === "whole";
      if (output === "table") reports.push(report);
      else if (output === "json") await out.write(text.encode(`${JSON.stringify(report)}\n`));
      else if (report.problem !== "") {
        await out.flush();
        await Deno.stderr.write(text.encode(`${file}: ${report.problem}\n`));
      }
    }
    if (output === "table") await out.write(text.encode(`${reportTable(reports)}\n`));
    await out.flush();
  } catch (error) {
    if (!(error instanceof OutputError)) throw error;
    // Whoever reads has seen enough: `head`, for one. No reason to complain.
    if (error.cause instanceof Deno.errors.BrokenPipe) return allWhole;
    await Deno.stderr.write(text.encode(`${error.message}\n`));
    return false;
  }
  return allWhole;
}
