import { overRounds, rate } from "./figures.ts";
import type { Report } from "./report.ts";

/** A server of one thread that uses this part of a core has no more to give. */
const BUSY = 0.95;

/**
 * Says whether the generator was fast enough: whether it is the bare server that is the limit where both are together, or whether
 * it is as fast as `wrk`.
 *
 * @param report What was measured.
 * @returns A sentence.
 */
export function generatorEvidence(
  { generator, generators }: Pick<Report, "generator" | "generators">,
): string {
  const used = generators.find(({ name }) => name === generator);
  if (used === undefined || used.rounds.length === 0) {
    return `Load was put by ${generator}, which was not measured itself.`;
  }
  const cores = overRounds(used.rounds, ({ cores }) => cores).median;
  const busy = `${generator} put the load, and kept ${
    (100 * cores).toFixed(0)
  } % of a core of the bare server busy`;
  if (cores >= BUSY) return `${busy}: it is that server that is the limit.`;
  const wrk = generators.find(({ name }) => name === "wrk");
  if (wrk !== undefined && wrk !== used && wrk.rounds.length > 0) {
    const ratio = overRounds(used.rounds, rate).median / overRounds(wrk.rounds, rate).median;
    if (ratio >= BUSY) return `${busy}; it reaches ${(100 * ratio).toFixed(0)} % of the rate of wrk.`;
  }
  return `${busy}, less than ${
    100 * BUSY
  } %: the bare server could do more, so that ratios to it may be too high. Either ` +
    "the generator is too slow for this machine, or something else was running on it.";
}
