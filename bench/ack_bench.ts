/**
 * Measures what it costs to answer later: records a second at every `sync` of a file sink and every `ack` of a source, with
 * few agents and with many, which send the next request when the last one is answered. How many requests one sync served
 * shows group commit; fails where 256 agents that wait for syncs share them by fewer than eight.
 *
 * Usage: `deno task bench:ack [--seconds N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { DaemonProcess } from "../tests/e2e/daemon_process.ts";
import { recordLine } from "./cases/record.ts";
import { findGenerator, putLoad } from "./load/put_load.ts";
import { print } from "./print.ts";

const SYNCS = ["none", "interval", "batch"] as const;
const ACKS = ["buffered", "written", "synced"] as const;
const AGENTS = [1, 16, 256] as const;
const RECORDS = 10;
/** The least requests that a sync serves where 256 agents wait for it. */
const LEAST_SHARED = 8;

async function syncsOf(daemon: DaemonProcess, sink: string): Promise<number> {
  const start = `penstock_sink_syncs_total{sink="${sink}"}`;
  const line = (await daemon.metrics()).split("\n").find((line) => line.startsWith(start));
  if (line === undefined) throw new Error(`There is no metric ${start}`);
  return Number(line.slice(start.length));
}

const { seconds } = parseArgs(Deno.args, { string: ["seconds"], default: { seconds: "2" } });
const body = new TextEncoder().encode(Array.from({ length: RECORDS }, (_, n) => recordLine(n)).join(""));
const generator = await findGenerator();
await using daemon = await DaemonProcess.start({
  coverage: false,
  config: {
    sources: Object.fromEntries(
      SYNCS.flatMap((sync) => ACKS.map((ack) => [`${sync}-${ack}`, { policy: "block", ack, sinks: [sync] }])),
    ),
    sinks: Object.fromEntries(
      SYNCS.map((sync) => [sync, { type: "file", directory: `./data-${sync}`, sync }]),
    ),
  },
});
print(
  `requests of ${RECORDS} records of 200 bytes, ${seconds} s each, load by ${generator}; ` +
    "records/s, and requests served by a sync, with so many agents:",
);
print(`sync      ack       ${AGENTS.map((agents) => `${agents}`.padStart(22)).join("")}`);
let failed = false;
for (const sync of SYNCS) {
  for (const ack of ACKS) {
    const cells: string[] = [];
    for (const connections of AGENTS) {
      const before = await syncsOf(daemon, sync);
      const url = `${daemon.url}/v1/ingest/${sync}-${ack}`;
      const load = await putLoad(generator, { url, connections, seconds: Number(seconds), body });
      if (load.failed > 0) throw new Error(`${load.failed} of ${load.requests} requests failed at ${url}`);
      const syncs = await syncsOf(daemon, sync) - before;
      const shared = load.requests / syncs;
      const rate = (load.requests * RECORDS / load.seconds).toFixed(0);
      cells.push(`${rate} (${syncs === 0 ? "-" : shared.toFixed(1)})`.padStart(22));
      if (ack === "synced" && connections === 256 && shared < LEAST_SHARED) {
        failed = true;
        cells.push(` MISSED: a sync served ${shared.toFixed(1)} requests, not ${LEAST_SHARED}`);
      }
    }
    print(`${sync.padEnd(10)}${ack.padEnd(10)}${cells.join("")}`);
  }
}
Deno.exitCode = failed ? 1 : 0;
