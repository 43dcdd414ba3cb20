import type { CaseReport, ContestantReport, GrowthReport, Report, Round } from "./report.ts";
import { type Spread, spreadOf } from "./statistics.ts";

/** A figure of a report. */
export interface Figure {
  /** What it is of: `http-100/file requests/s`; reports are compared by it. */
  readonly name: string;
  /** One value for each round. */
  readonly values: readonly number[];
  /** How many digits behind the point say something. */
  readonly digits: number;
}

/**
 * @param rounds The rounds of a server.
 * @param of Which figure of each.
 * @returns It, over all rounds.
 */
export function overRounds(rounds: readonly Round[], of: (round: Round) => number): Spread {
  return spreadOf(rounds.map(of));
}

/**
 * Compares two servers round by round, as those of the same number were measured one after the other.
 *
 * @param contestants The servers of a case.
 * @param name One of them.
 * @param base The other one.
 * @param of Which figure.
 * @returns How many times the other one's figure its figure was, in each round that both have; none where there is no such
 * server.
 */
export function ratios(
  contestants: readonly ContestantReport[],
  name: string,
  base: string,
  of: (round: Round) => number,
): number[] {
  const rounds = contestants.find((contestant) => contestant.name === name)?.rounds ?? [];
  const others = contestants.find((contestant) => contestant.name === base)?.rounds ?? [];
  return rounds.slice(0, others.length).map((round, n) => of(round) / of(others[n]!));
}

/** @returns The rate of a round. */
export function rate({ perSecond }: Round): number {
  return perSecond;
}

/** @returns The cost of a record in a round. */
export function cost({ cpuPerRecord }: Round): number {
  return cpuPerRecord;
}

/**
 * What so many sources cost for each record, against one.
 *
 * @param report A report.
 * @param count How many sources.
 * @returns How many times as much, in each round; none where it was not measured.
 */
export function costOfSources({ sources }: Pick<Report, "sources">, count: number): number[] {
  const rounds = (wanted: number) =>
    sources.find(({ count }) => count === wanted)?.contestants[0]?.rounds ?? [];
  const one = rounds(1);
  return rounds(count).slice(0, one.length).map((round, n) => cost(round) / cost(one[n]!));
}

/**
 * Takes all figures out of a report.
 *
 * @param report The report.
 * @returns Them, in the order of the report.
 */
export function figuresOf(report: Report): Figure[] {
  const growth = (what: string, steps: readonly GrowthReport[]) =>
    steps.flatMap(({ count, contestants }) => figuresOfCase(`${what}-${count}`, contestants));
  const figures = [
    ...report.cases.flatMap(({ name, contestants, ...rest }) => [
      ...figuresOfCase(name, contestants),
      ...latencyFigures({ name, contestants, ...rest }),
    ]),
    ...growth("sources", report.sources),
    ...growth("connections", report.connections),
    { name: "at rest, resident MB", values: report.atRest.map((bytes) => bytes / 1e6), digits: 0 },
  ];
  return figures.filter(({ values }) => values.length > 0);
}

function figuresOfCase(name: string, contestants: readonly ContestantReport[]): Figure[] {
  return contestants.flatMap(({ name: server, rounds, peakResident }) => {
    const of = (what: string, values: number[], digits: number) => ({
      name: `${name}/${server} ${what}`,
      values,
      digits,
    });
    const ratio = server === "bare" ? [] : ratios(contestants, server, "bare", rate);
    return [
      of("per second", rounds.map(rate), 0),
      of("ratio to bare", ratio, 2),
      of("us of CPU per record", rounds.map(cost), 3),
      of("peak resident MB", peakResident === 0 ? [] : [peakResident / 1e6], 0),
    ];
  });
}

function latencyFigures({ name, contestants }: CaseReport): Figure[] {
  return contestants.flatMap(({ name: server, latency = [] }) => [
    { name: `${name}/${server} p50 ms`, values: latency.map(({ p50 }) => p50), digits: 2 },
    { name: `${name}/${server} p99 ms`, values: latency.map(({ p99 }) => p99), digits: 2 },
    { name: `${name}/${server} p99.9 ms`, values: latency.map(({ p999 }) => p999), digits: 2 },
  ]);
}
