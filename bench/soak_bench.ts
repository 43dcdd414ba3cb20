/**
 * Puts full load on the daemon for minutes, requests of 100 records to files, and watches its resident memory: after the first fifth, which is
 * the first minute of five, it must be no higher in the second half of the time than in the first. Exits with 1 where it is.
 *
 * Usage: `deno task bench:soak [--seconds N] [--out FILE]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { httpCase } from "./cases/cases.ts";
import { grouped } from "./demos/table.ts";
import { findGenerator, putLoad } from "./load/put_load.ts";
import { print } from "./print.ts";
import { describeMachine, formatMachine } from "./report/machine.ts";
import { REPORT_VERSION, type SoakReport } from "./report/report.ts";
import { judgeSoak } from "./report/soak.ts";
import { readBooks, removeFinishedFiles, startDaemon } from "./servers/penstock.ts";

/** How often memory is looked at and finished files are removed, in milliseconds. */
const INTERVAL = 1000;
/** There must be something in every part that is looked at. */
const LEAST_SECONDS = 20;

const USAGE = `Usage: deno task bench:soak [OPTIONS]

Puts full load on the daemon, and exits with 1 where its resident memory grows after the first fifth.

Options:
  --seconds N  for how long; at least ${LEAST_SECONDS} (default: 300)
  --out FILE   save the report as JSON, for docs/benchmarks.md: deno run -A bench/report.ts REPORT FILE
  --help       print this
`;

const unknown: string[] = [];
const { seconds: text, out, help } = parseArgs(Deno.args, {
  string: ["seconds", "out"],
  boolean: ["help"],
  default: { seconds: "300" },
  unknown: (arg) => unknown.push(arg),
});
const seconds = Number(text);
if (help) {
  print(USAGE);
  Deno.exit(0);
}
if (unknown.length > 0) throw new TypeError(`Unknown argument ${unknown.join(", ")}`);
if (!(seconds >= LEAST_SECONDS && Number.isInteger(seconds))) {
  throw new TypeError(
    `--seconds must be an integer of at least ${LEAST_SECONDS}, current value is '${text}'`,
  );
}

const { path, connections, body, records } = httpCase(100);
const generator = await findGenerator();
const resident: number[] = [];
let received: number;
{
  await using daemon = await startDaemon();
  const load = putLoad(generator, { url: `${daemon.url}${path}`, connections, seconds, body });
  let isOver = false;
  const watch = (async () => {
    while (!isOver) {
      await new Promise((resolve) => setTimeout(resolve, INTERVAL));
      resident.push(daemon.rss());
      await removeFinishedFiles(daemon);
      if (resident.length % 30 === 0) {
        print(`${resident.length} s: ${grouped(resident.at(-1)! / 1e6)} MB`);
      }
    }
  })();
  const [{ requests, failed }] = await Promise.all([load.finally(() => isOver = true), watch]);
  if (failed > 0) throw new Error(`${failed} of ${requests} requests failed`);
  const books = await readBooks(daemon);
  if (books.received < requests * records) {
    throw new Error(`${requests * records} records were sent, ${books.received} were received`);
  }
  received = books.received;
}
const report: SoakReport = {
  version: REPORT_VERSION,
  date: new Date().toISOString(),
  machine: await describeMachine(),
  seconds,
  records: received,
  resident,
};
const { early, late, end, tolerance, trend, certain, isMet } = judgeSoak(report);
const mb = (bytes: number) => (bytes / 1e6).toFixed(1);
print(formatMachine(report.machine));
print(
  `${grouped(received)} records in ${seconds} s, load by ${generator}; resident memory: peak ${
    mb(Math.max(...resident))
  } MB`,
);
print(
  `after the first fifth: median of the first half ${mb(early)} MB, of the second ${
    mb(late)
  } MB, least of the last fifth ` +
    `${mb(end)} MB; tolerance ${mb(tolerance)} MB; trend: ${
      mb(trend * resident.length / seconds * 60)
    } MB a minute`,
);
print(`a leak of one byte in ${grouped(Math.floor(1 / certain))} records shows for certain`);
if (!isMet) {
  print(
    `MISSED: ${mb(Math.max(late, end) - early)} MB more in the second half, the tolerance is ${
      mb(tolerance)
    } MB`,
  );
}
if (out !== undefined) await Deno.writeTextFile(out, `${JSON.stringify(report, null, 2)}\n`);
Deno.exit(isMet ? 0 : 1);
