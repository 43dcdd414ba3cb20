/**
 * The benchmark: measures every way in against bare servers, and other collectors where they are there, prints tables and saves a report.
 *
 * Usage: `deno task bench --help`
 */
import { type Options, parseOptions, USAGE } from "./options.ts";
import { compareReports } from "./report/comparison.ts";
import { generatorEvidence } from "./report/generator_evidence.ts";
import { formatMachine } from "./report/machine.ts";
import type { CaseReport, Report } from "./report/report.ts";
import { parseReport } from "./report/saved_report.ts";
import { formatTable, type Table } from "./report/table.ts";
import {
  changeTable,
  connectionsTable,
  generatorTable,
  latencyTable,
  rateTable,
  sourcesTable,
  targetTable,
} from "./report/tables.ts";
import { judge } from "./report/targets.ts";
import { run } from "./run.ts";
import { findPeers } from "./servers/peers.ts";
import { print } from "./print.ts";
import { UsageError } from "./usage_error.ts";

const EXIT_MISSED = 1;
const EXIT_USAGE = 2;

function printTable(title: string, table: Table): void {
  if (table.rows.length > 0) print(`\n${title}\n\n${formatTable(table)}`);
}

function printCase(report: CaseReport): void {
  printTable(`${report.title}, ${report.connections} connections`, rateTable([report]));
  printTable("Answers at half the rate to files, in ms from when they were due:", latencyTable([report]));
  for (const { name, error } of report.contestants) {
    if (error !== undefined) print(`FAILED: ${name}: ${error}`);
  }
}

function printRest(report: Report): void {
  printTable("Sources, 100 records a request, to files:", sourcesTable(report));
  printTable("Connections, 1 record a request, to files:", connectionsTable(report.connections));
  printTable(
    "Load generators, 1 record a request (latency and WebSocket: always built-in):",
    generatorTable(report.generators),
  );
  print(`\n${generatorEvidence(report)}`);
  for (const text of report.absent) print(`\nNote: ${text}`);
  for (const text of report.errors) print(`\nFAILED: ${text}`);
  const verdicts = judge(report);
  const prelude = report.quick ? " (a quick run decides nothing)" : "";
  printTable(`Targets${prelude}:`, targetTable(verdicts));
}

function printChanges(before: Report, after: Report): void {
  const comparison = compareReports(before, after);
  for (const warning of comparison.warnings) print(`\nNot comparable? ${warning}`);
  const table = changeTable(comparison);
  const within = comparison.changes.length - table.rows.length;
  const rest =
    `${within} of ${comparison.changes.length} figures are within the spread of both runs, or without one and within a fifth`;
  printTable(`Changes since ${before.date}:`, table);
  print(`\n${rest}; ${comparison.unmatched.length} figures are in one report only.`);
}

async function readReport(file: string): Promise<Report> {
  try {
    return parseReport(await Deno.readTextFile(file), file);
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`--compare: ${error.message}`);
  }
}

/** A file that cannot be written is to be told of before anything is measured, and not after. */
async function checkWritable(file: string): Promise<void> {
  try {
    (await Deno.open(file, { append: true, create: true })).close();
  } catch (error) {
    throw new UsageError(`--out: cannot write '${file}': ${error instanceof Error ? error.message : error}`);
  }
}

async function bench(options: Options): Promise<number> {
  const before = options.compare === undefined ? undefined : await readReport(options.compare);
  if (options.out !== undefined) await checkWritable(options.out);
  const peers = await findPeers((name) => Deno.env.get(name));
  const report = await run(options, peers, {
    begins: (what) => Deno.stderr.writeSync(new TextEncoder().encode(`measuring: ${what}\n`)),
    measured: printCase,
  });
  printRest(report);
  if (before !== undefined) printChanges(before, report);
  if (options.out !== undefined) {
    await Deno.writeTextFile(options.out, `${JSON.stringify(report, null, 2)}\n`);
    print(`\nSaved as ${options.out}.`);
  }
  print(`\n${formatMachine(report.machine)}; ${report.date}`);
  print(`Rounds: ${report.rounds} of ${report.seconds} s, in turns: median (least–most).`);
  const isMissed = !report.quick && judge(report).some(({ isMet }) => !isMet);
  return isMissed || report.errors.length > 0 ? EXIT_MISSED : 0;
}

try {
  const options = parseOptions(Deno.args);
  if (options.help) print(USAGE);
  else Deno.exitCode = await bench(options);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  Deno.stderr.writeSync(new TextEncoder().encode(`${error.message}\n`));
  Deno.exitCode = EXIT_USAGE;
}
