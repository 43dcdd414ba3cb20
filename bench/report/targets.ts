import { costOfSources, rate, ratios } from "./figures.ts";
import type { Report } from "./report.ts";
import { median } from "./statistics.ts";

/** What must hold on any machine, and whether it does. */
export interface Verdict {
  readonly target: string;
  /** What is compared: medians. */
  readonly measured: number;
  readonly limit: number;
  readonly isMet: boolean;
  readonly digits: number;
}

/** How many of the bare server's requests or messages a second the daemon must take, to files. */
const RATIOS = [
  { name: "http-1", least: 0.75 },
  { name: "http-100", least: 0.35 },
  { name: "ws-200B", least: 0.6 },
  { name: "ws-20kB", least: 0.7 },
] as const;

/** How many sources cost no more than {@linkcode MOST_COST} times what one costs, for each record. */
const SOURCES = 1000;
const MOST_COST = 1.3;
/** Memory at rest, in bytes. */
const MOST_AT_REST = 70e6;

/**
 * Says which targets were reached.
 *
 * @param report What was measured.
 * @returns A verdict on each target that there are figures for.
 */
export function judge({ cases, sources, atRest }: Pick<Report, "cases" | "sources" | "atRest">): Verdict[] {
  const verdicts: Verdict[] = [];
  for (const { name, least } of RATIOS) {
    const values = ratios(
      cases.find((report) => report.name === name)?.contestants ?? [],
      "file",
      "bare",
      rate,
    );
    if (values.length === 0) continue;
    const measured = median(values);
    const target = `${name}: rate to files, against the bare server's, at least`;
    verdicts.push({ target, measured, limit: least, isMet: measured >= least, digits: 2 });
  }
  const costs = costOfSources({ sources }, SOURCES);
  if (costs.length > 0) {
    const measured = median(costs);
    const target = `CPU per record with ${SOURCES} sources, against one source, at most`;
    verdicts.push({ target, measured, limit: MOST_COST, isMet: measured <= MOST_COST, digits: 2 });
  }
  if (atRest.length > 0) {
    const measured = median(atRest);
    const target = "resident memory at rest in MB, at most";
    const [megabytes, limit] = [measured / 1e6, MOST_AT_REST / 1e6];
    verdicts.push({ target, measured: megabytes, limit, isMet: measured <= MOST_AT_REST, digits: 0 });
  }
  return verdicts;
}
