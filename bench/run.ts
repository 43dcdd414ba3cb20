import { measureAtRest } from "./cases/at_rest.ts";
import type { BenchCase } from "./cases/bench_case.ts";
import { allCases } from "./cases/cases.ts";
import { measureGenerators } from "./cases/generators.ts";
import { growConnections, growSources, mostConnections } from "./cases/growth.ts";
import { runCase } from "./cases/run_case.ts";
import { findGenerator, type Generator } from "./load/put_load.ts";
import type { Options } from "./options.ts";
import { FULL_SECONDS, type Plan, planOf, QUICK_SECONDS } from "./plan.ts";
import { describeMachine } from "./report/machine.ts";
import {
  type CaseReport,
  type ContestantReport,
  type GrowthReport,
  type Report,
  REPORT_VERSION,
} from "./report/report.ts";
import { BARE } from "./servers/bare.ts";
import type { Contestant } from "./servers/contestant.ts";
import type { FoundPeers } from "./servers/peers.ts";
import { PENSTOCK } from "./servers/penstock.ts";
import { UsageError } from "./usage_error.ts";

/** Is told how far a run is. */
export interface Progress {
  /** Something is measured from now on. */
  begins(what: string): void;
  /** A case is over. */
  measured(report: CaseReport): void;
}

/**
 * Measures all that was asked for.
 *
 * @param options What was asked for.
 * @param peers Other collectors.
 * @param progress Is told how far it is.
 * @returns The report.
 * @throws {UsageError} If something is asked for that there is not.
 */
export async function run(options: Options, peers: FoundPeers, progress: Progress): Promise<Report> {
  const date = new Date().toISOString();
  const all = allCases();
  const found = await findGenerator();
  const generator = generatorFor(options, found);
  const plan = planOf(options, all.map(({ name }) => name), generator);
  const absent = plan.peers ? [...peers.absent] : ["Quick: no sink to nowhere, and no other collectors."];
  if (found !== "wrk") {
    absent.push("wrk is not installed: there is nothing to compare the built-in generator with.");
  }
  const { effort } = plan;
  progress.begins("load generators");
  const available: Generator[] = found === "wrk" && Number.isInteger(effort.seconds)
    ? ["wrk", "built-in"]
    : ["built-in"];
  const generators = await measureGenerators(available, effort.rounds, effort.seconds);
  const cases: CaseReport[] = [];
  for (const benchCase of all.filter(({ name }) => plan.cases.includes(name))) {
    progress.begins(benchCase.title);
    const report = await runCase(benchCase, contestantsOf(plan, peers), effort);
    cases.push(report);
    progress.measured(report);
  }
  if (plan.sources.length > 0) progress.begins(`${plan.sources.join(", ")} sources`);
  const sources = await growSources(plan.sources, effort);
  const connections = await growAsFarAsPossible(plan, absent, progress);
  if (plan.starts > 0) progress.begins("memory at rest");
  const atRest = await measureAtRest(plan.starts, plan.rest);
  return {
    version: REPORT_VERSION,
    date,
    quick: options.quick,
    machine: await describeMachine(),
    rounds: effort.rounds,
    seconds: effort.seconds,
    generator,
    generators,
    cases,
    sources,
    connections,
    atRest,
    absent,
    errors: errorsOf(cases, sources, connections),
  };
}

function generatorFor({ generator, quick, seconds }: Options, found: Generator): Generator {
  // wrk knows whole seconds only.
  const isWhole = Number.isInteger(seconds ?? (quick ? QUICK_SECONDS : FULL_SECONDS));
  if (generator === "wrk" && found !== "wrk") {
    throw new UsageError("--generator is wrk, which is not installed");
  }
  if (generator === "wrk" && !isWhole) {
    throw new UsageError("--generator wrk needs --seconds to be an integer");
  }
  return generator ?? (isWhole ? found : "built-in");
}

function contestantsOf({ nowhere, peers: withPeers }: Plan, peers: FoundPeers): Contestant[] {
  const own = PENSTOCK.filter(({ name }) => name !== "nowhere" || nowhere);
  return [BARE, ...own, ...withPeers ? peers.contestants : []];
}

async function growAsFarAsPossible(
  plan: Plan,
  absent: string[],
  progress: Progress,
): Promise<GrowthReport[]> {
  const most = await mostConnections();
  const counts = plan.connections.filter((count) => count <= most);
  const skipped = plan.connections.filter((count) => count > most);
  if (skipped.length > 0) {
    absent.push(`${skipped.join(", ")} connections were not measured: see \`ulimit -n\`.`);
  }
  if (counts.length > 0) progress.begins(`${counts.join(", ")} connections`);
  return await growConnections(counts, plan.effort);
}

/** What became of the bare server and of Penstock; a peer that fails is its own affair. */
function errorsOf(
  cases: readonly CaseReport[],
  sources: readonly GrowthReport[],
  connections: readonly GrowthReport[],
): string[] {
  const errors: string[] = [];
  const add = (where: string, contestants: readonly ContestantReport[]) => {
    for (const { name, error } of contestants) {
      const isOurs = name === "bare" || PENSTOCK.some((contestant) => contestant.name === name);
      if (error !== undefined && isOurs) errors.push(`${where}, ${name}: ${error}`);
    }
  };
  for (const { name, contestants } of cases) add(name, contestants);
  for (const { count, contestants } of sources) add(`${count} sources`, contestants);
  for (const { count, contestants } of connections) add(`${count} connections`, contestants);
  return errors;
}

/** @returns The name of every case. */
export function caseNames(): string[] {
  return allCases().map(({ name }: BenchCase) => name);
}
