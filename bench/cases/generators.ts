import type { Generator } from "../load/put_load.ts";
import type { GeneratorReport, Round } from "../report/report.ts";
import { BARE } from "../servers/bare.ts";
import { httpCase } from "./cases.ts";
import { inTurns } from "./in_turns.ts";
import { measureRound } from "./measure.ts";

/**
 * Measures the generators themselves: the smallest requests to the bare server, which no server answers faster. A generator is fast
 * enough where it keeps that server's core busy.
 *
 * @param generators Those that there are.
 * @param rounds How many rounds count; one more warms up.
 * @param seconds How long each takes.
 * @returns What they are capable of.
 */
export async function measureGenerators(
  generators: readonly Generator[],
  rounds: number,
  seconds: number,
): Promise<GeneratorReport[]> {
  const benchCase = httpCase(1);
  await using server = await BARE.start(benchCase);
  const entrants = generators.map((name) => ({ name, rounds: [] as Round[] }));
  await inTurns(entrants, 1 + rounds, async (entrant, n) => {
    const { round } = await measureRound(server, benchCase, { generator: entrant.name, seconds });
    if (n > 0) entrant.rounds.push(round);
  });
  return entrants;
}
