import type { Generator } from "../load/put_load.ts";
import type { CaseReport } from "../report/report.ts";
import { median } from "../report/statistics.ts";
import type { Contestant } from "../servers/contestant.ts";
import type { BenchCase } from "./bench_case.ts";
import { Entrant } from "./entrant.ts";
import { inTurns } from "./in_turns.ts";

/** How much is measured. */
export interface Effort {
  readonly generator: Generator;
  /** How many rounds count; one more warms up. */
  readonly rounds: number;
  /** How long each takes. */
  readonly seconds: number;
  /** How often latency is measured. */
  readonly latencyRounds: number;
  /** How long each time. */
  readonly latencySeconds: number;
}

/** What part of the top rate latency is measured at. */
const STEADY = 0.5;
/** At more than this part of its own top rate, a server's latency says only that it is too much. */
const TOO_MUCH = 0.9;

/**
 * Measures a case: the rate of every server, then the latency of its answers at half the rate that Penstock takes to files.
 *
 * @param benchCase The case.
 * @param contestants Who takes part.
 * @param effort How much is measured.
 * @returns What was measured.
 */
export async function runCase(
  benchCase: BenchCase,
  contestants: readonly Contestant[],
  effort: Effort,
): Promise<CaseReport> {
  await using stack = new AsyncDisposableStack();
  const entrants: Entrant[] = [];
  for (const contestant of contestants) {
    if (contestant.takes(benchCase)) entrants.push(stack.use(await Entrant.start(contestant, benchCase)));
  }
  await inTurns(entrants, 1 + effort.rounds, (entrant, round) => entrant.measure(round > 0, effort));
  const top = topRate(entrants.find(({ name }) => name === "file"));
  const steadyPerSecond = top === undefined ? undefined : STEADY * top;
  if (steadyPerSecond !== undefined) {
    const able = entrants.filter((entrant) => steadyPerSecond < TOO_MUCH * (topRate(entrant) ?? 0));
    await inTurns(
      able,
      effort.latencyRounds,
      (entrant) => entrant.measureLatency(steadyPerSecond, effort.latencySeconds),
    );
  }
  const { name, title, transport, connections, records, body } = benchCase;
  return {
    name,
    title,
    transport,
    connections,
    records,
    bytes: body.length,
    ...(steadyPerSecond !== undefined && { steadyPerSecond }),
    contestants: await Promise.all(entrants.map((entrant) => entrant.report())),
  };
}

/** What a server takes. */
function topRate(entrant: Entrant | undefined): number | undefined {
  if (entrant === undefined || entrant.rounds.length === 0) return undefined;
  return median(entrant.rounds.map(({ perSecond }) => perSecond));
}
