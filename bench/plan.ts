import type { Effort } from "./cases/run_case.ts";
import type { Generator } from "./load/put_load.ts";
import type { Options } from "./options.ts";
import { UsageError } from "./usage_error.ts";

/** What one run measures, and how thoroughly. */
export interface Plan {
  readonly effort: Effort;
  /** Names of cases. */
  readonly cases: readonly string[];
  /** Whether Penstock with a sink to nowhere takes part. */
  readonly nowhere: boolean;
  /** Whether other collectors take part. */
  readonly peers: boolean;
  /** How many sources, each by itself. */
  readonly sources: readonly number[];
  /** How many connections, each by itself. */
  readonly connections: readonly number[];
  /** How often memory at rest is measured. */
  readonly starts: number;
  /** For how long each time, in seconds. */
  readonly rest: number;
}

/** All that is measured beside cases. */
export const OTHERS = ["sources", "connections", "at-rest"] as const;

/** At rest is what has been idle for a while: what the start leaves behind is collected some 6 s after it. */
const REST_SECONDS = 10;

/** How long rounds are where nothing else is asked for, in seconds. */
export const FULL_SECONDS = 2;
export const QUICK_SECONDS = 0.4;

/** What a quick run does not leave out. */
const QUICK_CASES = ["http-1", "http-100", "ws-200B", "ws-20kB", "otlp-protobuf"];

/**
 * Decides what a run measures.
 *
 * @param options What was asked for.
 * @param allCases The names of all cases.
 * @param generator What puts the load.
 * @returns The plan.
 * @throws {UsageError} If `only` names something that there is not.
 */
export function planOf(options: Options, allCases: readonly string[], generator: Generator): Plan {
  const { quick, only, rounds, seconds } = options;
  const all = [...allCases, ...OTHERS];
  const unknown = only.filter((name) => !all.includes(name));
  if (unknown.length > 0) {
    throw new UsageError(`--only: there is no ${unknown.join(", ")}; there are ${all.join(", ")}`);
  }
  const isWanted = (name: string) => only.length === 0 || only.includes(name);
  const common = { nowhere: !quick, peers: !quick, cases: allCases.filter(isWanted) };
  const growth = { sources: isWanted("sources"), connections: isWanted("connections") };
  if (quick) {
    return {
      ...common,
      cases: only.length === 0 ? QUICK_CASES : common.cases,
      effort: {
        generator,
        rounds: rounds ?? 3,
        seconds: seconds ?? QUICK_SECONDS,
        latencyRounds: 1,
        latencySeconds: seconds ?? QUICK_SECONDS,
      },
      sources: growth.sources ? [1, 1000] : [],
      connections: growth.connections && only.length > 0 ? [1, 256] : [],
      starts: isWanted("at-rest") ? 1 : 0,
      rest: REST_SECONDS,
    };
  }
  const effort = { generator, rounds: rounds ?? 5, seconds: seconds ?? FULL_SECONDS };
  return {
    ...common,
    effort: {
      ...effort,
      // One round has thousands of answers, but the highest percentiles are made by few of them.
      latencyRounds: Math.min(3, effort.rounds),
      latencySeconds: 1.5 * effort.seconds,
    },
    sources: growth.sources ? [1, 10, 100, 1000] : [],
    connections: growth.connections ? [1, 16, 256, 2000] : [],
    starts: isWanted("at-rest") ? 3 : 0,
    rest: REST_SECONDS,
  };
}
