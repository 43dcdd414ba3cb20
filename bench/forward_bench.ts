/**
 * Measures two daemons in a chain, the first of which forwards to the second, and that one writes files: records a second
 * from the first request until the last record is delivered, and the CPU of each daemon for a record. For comparison, the
 * second one alone.
 *
 * Usage: `deno task bench:forward [--rounds N] [--seconds N] [--only TEXT]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import type { DaemonProcess } from "../tests/e2e/daemon_process.ts";
import { peakResidentBytes } from "../tests/e2e/process_files.ts";
import { recordLine } from "./cases/record.ts";
import { findGenerator, putLoad } from "./load/put_load.ts";
import { print } from "./print.ts";
import { median } from "./report/statistics.ts";
import { startDaemon } from "./servers/penstock.ts";

const CONNECTIONS = 16;
const RECORD_BYTES = 200;
const RECORDS = 100;
const FRAME_BYTES = 64 * 1024;
/** How long the last records may take to arrive, in milliseconds. */
const LONGEST_WAIT = 20_000;

/** How many records of a source a daemon has delivered. */
async function deliveredBy(daemon: DaemonProcess, source: string): Promise<number> {
  const { sources } = await daemon.statusJson();
  return sources[source]?.ledger.delivered.records ?? 0;
}

async function untilDelivered(daemon: DaemonProcess, source: string, records: number): Promise<void> {
  const end = performance.now() + LONGEST_WAIT;
  for (let delivered; (delivered = await deliveredBy(daemon, source)) < records;) {
    if (performance.now() > end) {
      throw new Error(`${delivered} of ${records} records have arrived, and no more do`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const { rounds, seconds, only } = parseArgs(Deno.args, {
  string: ["rounds", "seconds", "only"],
  default: { rounds: "3", seconds: "2", only: "" },
});
const lines = new TextEncoder().encode(Array.from({ length: RECORDS }, (_, n) => recordLine(n)).join(""));
const frame = crypto.getRandomValues(new Uint8Array(FRAME_BYTES));
const NDJSON = "application/x-ndjson", FRAMES = "application/octet-stream";
const CASES = [
  { name: "NDJSON, one daemon", type: NDJSON, body: lines, records: RECORDS, compression: undefined },
  { name: "NDJSON, two", type: NDJSON, body: lines, records: RECORDS, compression: "none" },
  { name: "NDJSON, two, gzip", type: NDJSON, body: lines, records: RECORDS, compression: "gzip" },
  { name: "NDJSON, two, zstd", type: NDJSON, body: lines, records: RECORDS, compression: "zstd" },
  { name: "frames, one daemon", type: FRAMES, body: frame, records: 1, compression: undefined },
  { name: "frames, two", type: FRAMES, body: frame, records: 1, compression: "none" },
] as const;

const generator = await findGenerator();
print(
  `${CONNECTIONS} connections, requests of ${RECORDS} records of ${RECORD_BYTES} bytes or one frame of ${FRAME_BYTES}, ` +
    `file sink; load by ${generator}; median of ${rounds} rounds of ${seconds} s`,
);
print(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores for the load and all daemons`);
print("                    | records/s |  MB/s | us of CPU/record, first | second | peak MB, first | second");
for (const { name, type, body, records, compression } of CASES.filter(({ name }) => name.includes(only!))) {
  await using core = await startDaemon();
  const url = `${core.url}/v1/ingest/{source}`;
  await using edge = compression === undefined
    ? undefined
    : await startDaemon({ type: "http", url, compression });
  const measured: { rate: number; first: number; second: number }[] = [];
  let sent = 0;
  // The first round warms up and does not count.
  for (let round = 0; round <= Number(rounds); round++) {
    const before = [edge?.cpu() ?? 0, core.cpu()] as const;
    const load = await putLoad(generator, {
      url: `${(edge ?? core).url}/v1/ingest/bench`,
      connections: CONNECTIONS,
      seconds: Number(seconds),
      body,
      contentType: type,
    });
    const end = performance.now();
    if (load.failed > 0) throw new Error(`${load.failed} of ${load.requests} requests failed`);
    // The generator may have had more under way than it counted; what was admitted at the front arrives at the back.
    if (edge !== undefined) {
      const { sources } = await edge.statusJson();
      const { received, rejected, dropped } = sources["bench"].ledger;
      if (dropped.records > 0) throw new Error(`${dropped.records} records were dropped`);
      await untilDelivered(core, "bench", received.records - rejected.records);
    } else await untilDelivered(core, "bench", sent + load.requests * records);
    const elapsed = load.seconds + (performance.now() - end) / 1000;
    const delivered = await deliveredBy(core, "bench") - sent;
    sent += delivered;
    if (round === 0) continue;
    measured.push({
      rate: delivered / elapsed,
      first: edge === undefined ? NaN : (edge.cpu() - before[0]) / delivered * 1e6,
      second: (core.cpu() - before[1]) / delivered * 1e6,
    });
  }
  const rate = median(measured.map(({ rate }) => rate));
  const micros = (key: "first" | "second") =>
    median(measured.map((m) => m[key])).toFixed(2).replace("NaN", "-");
  const peak = (daemon?: DaemonProcess) =>
    daemon === undefined ? "-" : (peakResidentBytes(daemon.pid) / 1e6).toFixed(0);
  print([
    name.padEnd(19),
    rate.toFixed(0).padStart(9),
    (rate * body.length / records / 1e6).toFixed(0).padStart(5),
    micros("first").padStart(23),
    micros("second").padStart(6),
    peak(edge).padStart(14),
    peak(core),
  ].join(" | "));
}
