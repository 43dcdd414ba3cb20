import { type ContestantReport, type Report, REPORT_VERSION, type Round } from "../../bench/report/report.ts";

/**
 * Makes the report of a server.
 *
 * @param name Which.
 * @param rates Requests a second, round by round.
 * @param cost CPU per record, in microseconds.
 */
export function contestant(
  name: ContestantReport["name"],
  rates: readonly number[],
  cost: number = 1,
): ContestantReport {
  const rounds: Round[] = rates.map((perSecond) => ({ perSecond, cpuPerRecord: cost, cores: 1 }));
  return { name, title: name, rounds, peakResident: 100e6 };
}

/**
 * Makes a report of a run.
 *
 * @param contestants The servers of its only case, `http-1`.
 * @param more What is different from a run that measured nothing else.
 */
export function report(contestants: readonly ContestantReport[], more: Partial<Report> = {}): Report {
  return {
    version: REPORT_VERSION,
    date: "2026-01-31T23:59:59.999Z",
    quick: false,
    machine: { processor: "p", cores: 2, memory: 2 ** 30, system: "Linux", deno: "2.9.6", v8: "15" },
    rounds: 3,
    seconds: 2,
    generator: "wrk",
    generators: [],
    cases: [{
      name: "http-1",
      title: "HTTP",
      transport: "http",
      connections: 16,
      records: 1,
      bytes: 200,
      contestants,
    }],
    sources: [],
    connections: [],
    atRest: [],
    absent: [],
    errors: [],
    ...more,
  };
}
