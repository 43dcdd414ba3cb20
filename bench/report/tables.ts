import { grouped } from "../demos/table.ts";
import type { Comparison } from "./comparison.ts";
import { cost, costOfSources, overRounds, rate, ratios } from "./figures.ts";
import type { CaseReport, ContestantReport, GeneratorReport, GrowthReport, Report } from "./report.ts";
import { formatSpread, median, type Spread, spreadOf } from "./statistics.ts";
import type { Table } from "./table.ts";
import type { Verdict } from "./targets.ts";

const NONE = "-";
/** A figure of a single round, which has no spread, is told from this change on. */
const TELLING = 0.2;

function groupedSpread({ median, min, max }: Spread): string {
  if (min === max) return grouped(median);
  return `${grouped(median)} (${grouped(min)}–${grouped(max)})`;
}

function spreadOrNone(values: readonly number[], digits: number): string {
  return values.length === 0 ? NONE : formatSpread(spreadOf(values), digits);
}

/** Microseconds have more digits the fewer they are. */
function microseconds(value: number): string {
  return value.toFixed(value < 1 ? 3 : 2);
}

function serverCells(contestants: readonly ContestantReport[], server: ContestantReport): string[] {
  const { name, rounds, peakResident } = server;
  if (rounds.length === 0) return [NONE, NONE, NONE, NONE, NONE];
  return [
    groupedSpread(overRounds(rounds, rate)),
    name === "bare" ? "1" : spreadOrNone(ratios(contestants, name, "bare", rate), 2),
    microseconds(overRounds(rounds, cost).median),
    median(rounds.map(({ cores }) => cores)).toFixed(2),
    grouped(peakResident / 1e6),
  ];
}

/**
 * @param reports What was measured in cases.
 * @returns Rates and costs.
 */
export function rateTable(reports: readonly CaseReport[]): Table {
  return {
    headings: ["case", "server", "a second", "ratio", "us/record", "cores", "peak MB", "records/s", "MB/s"],
    rows: reports.flatMap(({ name, contestants, records, bytes }) =>
      contestants.map((server) => {
        const perSecond = server.rounds.length === 0 ? undefined : overRounds(server.rounds, rate).median;
        return [
          name,
          server.name,
          ...serverCells(contestants, server),
          perSecond === undefined ? NONE : grouped(perSecond * records),
          perSecond === undefined ? NONE : grouped(perSecond * bytes / 1e6),
        ];
      })
    ),
  };
}

/**
 * @param reports What was measured in cases.
 * @returns How long answers took, in milliseconds.
 */
export function latencyTable(reports: readonly CaseReport[]): Table {
  return {
    headings: ["case", "server", "due a second", "p50", "p99", "p99.9", "longest", "answers"],
    rows: reports.flatMap(({ name, steadyPerSecond, contestants }) =>
      steadyPerSecond === undefined ? [] : contestants.map(({ name: server, latency = [] }) => [
        name,
        server,
        grouped(steadyPerSecond),
        spreadOrNone(latency.map(({ p50 }) => p50), 2),
        spreadOrNone(latency.map(({ p99 }) => p99), 2),
        spreadOrNone(latency.map(({ p999 }) => p999), 2),
        latency.length === 0 ? NONE : Math.max(...latency.map(({ max }) => max)).toFixed(1),
        latency.length === 0 ? NONE : grouped(latency.reduce((sum, { samples }) => sum + samples, 0)),
      ])
    ),
  };
}

/**
 * @param report A report.
 * @returns What more and more sources cost.
 */
export function sourcesTable(report: Pick<Report, "sources">): Table {
  return {
    headings: ["sources", "records/s", "us/record", "against one source", "cores", "peak MB"],
    rows: report.sources.map(({ count, contestants }) => {
      const { rounds = [], peakResident = 0 } = contestants[0] ?? {};
      if (rounds.length === 0) return [`${count}`, NONE, NONE, NONE, NONE, NONE];
      return [
        `${count}`,
        // There are 100 in a request.
        groupedSpread(overRounds(rounds, (round) => 100 * rate(round))),
        microseconds(overRounds(rounds, cost).median),
        spreadOrNone(costOfSources(report, count), 2),
        median(rounds.map(({ cores }) => cores)).toFixed(2),
        grouped(peakResident / 1e6),
      ];
    }),
  };
}

/**
 * @param steps What was measured with so many connections.
 * @returns What more and more connections cost.
 */
export function connectionsTable(steps: readonly GrowthReport[]): Table {
  return {
    headings: ["connections", "server", "records/s", "ratio", "us/record", "cores", "peak MB"],
    rows: steps.flatMap(({ count, contestants }) =>
      contestants.map((server) => [`${count}`, server.name, ...serverCells(contestants, server)])
    ),
  };
}

/**
 * @param generators What generators are capable of.
 * @returns Their rates on the bare server, and how busy that was.
 */
export function generatorTable(generators: readonly GeneratorReport[]): Table {
  return {
    headings: ["generator", "requests/s on the bare server", "cores that server used"],
    rows: generators.map(({ name, rounds }) => [
      name,
      groupedSpread(overRounds(rounds, rate)),
      formatSpread(overRounds(rounds, ({ cores }) => cores), 2),
    ]),
  };
}

/**
 * @param verdicts Verdicts on targets.
 * @returns What was to be reached, and what was.
 */
export function targetTable(verdicts: readonly Verdict[]): Table {
  return {
    headings: ["target", "limit", "measured", "verdict"],
    rows: verdicts.map(({ target, limit, measured, isMet, digits }) => [
      target,
      limit.toFixed(digits),
      measured.toFixed(digits),
      isMet ? "met" : "MISSED",
    ]),
  };
}

/**
 * @param comparison What became of figures.
 * @returns Those that changed beyond the spread, or by a fifth where there is none; the largest change is first.
 */
export function changeTable({ changes }: Comparison): Table {
  const percent = (part: number) => `${part >= 0 ? "+" : ""}${(100 * part).toFixed(1)} %`;
  const told = changes.filter(({ beyond, change, isSingle }) =>
    isSingle ? Math.abs(change) >= TELLING : beyond !== 0
  );
  return {
    headings: ["figure", "was", "is", "change", "beyond the spread"],
    rows: told.toSorted((a, b) => Math.abs(b.change) - Math.abs(a.change)).map((change) => [
      change.name,
      formatSpread(change.before, change.digits),
      formatSpread(change.after, change.digits),
      percent(change.change),
      change.isSingle ? "one round: no spread" : percent(change.beyond),
    ]),
  };
}
