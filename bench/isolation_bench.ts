/**
 * Measures whether sources on a stalled sink slow down a source that has its own: the rate of the healthy source with
 * the stalled ones full and their agents blocked, against the rate without them, in alternating rounds, because machines
 * differ and are noisy. Exits with 1 when the median ratio is below 0.9.
 *
 * Usage: `deno task bench:isolation [--rounds N] [--seconds N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { findGenerator, putLoad } from "./load/put_load.ts";
import { print } from "./print.ts";
import { formatSpread, median, spreadOf } from "./report/statistics.ts";
import { DaemonProcess } from "../tests/e2e/daemon_process.ts";
import { numbered, PLUG, plugStdout, post, untilSource } from "../tests/e2e/numbered_records.ts";

const CONNECTIONS = 16;
const RECORDS = 10;
const STALLED = 8;
const BLOCKED_PER_SOURCE = 8;
const TARGET = 0.9;

function startDaemon(): Promise<DaemonProcess> {
  return DaemonProcess.start({
    stdout: "stalled",
    coverage: false,
    config: {
      pool: { permits: 4 },
      sources: {
        plug: { ...PLUG, sinks: ["out"] },
        "stalled-*": {
          policy: "block",
          blockTimeout: "1h",
          sinks: ["out"],
          buffer: { records: 1000, bytes: "1MiB" },
        },
        healthy: { policy: "block", sinks: ["disk"], buffer: { records: 100_000, bytes: "64MiB" } },
      },
      sinks: { out: { type: "stdout" }, disk: { type: "file", directory: "./data" } },
      shutdown: { deadline: "0s" },
    },
  });
}

/** Fills the buffers of sources on the stalled sink, and blocks agents on top. */
async function stall(daemon: DaemonProcess, until: AbortSignal): Promise<void> {
  await plugStdout(daemon);
  for (let i = 0; i < STALLED; i++) {
    const source = `stalled-${i}`;
    await post(daemon, source, numbered(0, 1000));
    for (let agent = 0; agent < BLOCKED_PER_SOURCE; agent++) {
      post(daemon, source, numbered(0, 100), { signal: until }).catch(() => {});
    }
    await untilSource(daemon, source, ({ producersBlocked }) => producersBlocked === BLOCKED_PER_SOURCE);
  }
}

const { rounds, seconds } = parseArgs(Deno.args, {
  string: ["rounds", "seconds"],
  default: { rounds: "7", seconds: "2" },
});
let failed = false;
{
  const end = new AbortController();
  await using free = await startDaemon();
  await using beset = await startDaemon();
  await stall(beset, end.signal);
  const generator = await findGenerator();
  const body = numbered(0, RECORDS, 200);
  const rate = async (daemon: DaemonProcess) => {
    const url = `${daemon.url}/v1/ingest/healthy`;
    const load = await putLoad(generator, { url, connections: CONNECTIONS, seconds: Number(seconds), body });
    if (load.failed > 0) throw new Error(`${load.failed} of ${load.requests} requests to ${url} failed`);
    return load.perSecond;
  };
  print(
    `${STALLED} sources on a stalled sink, each with a full buffer and ${BLOCKED_PER_SOURCE} blocked agents; ` +
      `${RECORDS} records of 200 bytes a request over ${CONNECTIONS} connections to a source with its own file sink; ` +
      `load by ${generator}; median of ${rounds} rounds of ${seconds} s, in turns`,
  );
  const pairs: { without: number; with: number }[] = [];
  // The first round warms up both and does not count; who goes first changes from round to round.
  for (let round = 0; round <= Number(rounds); round++) {
    const pair = { without: 0, with: 0 };
    const turns = [["without", free], ["with", beset]] as const;
    for (const [key, daemon] of round % 2 === 0 ? turns : turns.toReversed()) pair[key] = await rate(daemon);
    if (round > 0) pairs.push(pair);
  }
  const { sources } = await beset.statusJson();
  for (let i = 0; i < STALLED; i++) {
    const { producersBlocked } = sources[`stalled-${i}`];
    if (producersBlocked !== BLOCKED_PER_SOURCE) {
      throw new Error(
        `stalled-${i} has ${producersBlocked} blocked agents in place of ${BLOCKED_PER_SOURCE}`,
      );
    }
  }
  const ratios = pairs.map((pair) => pair.with / pair.without);
  const ratio = median(ratios);
  print(
    `without: ${median(pairs.map(({ without }) => without)).toFixed(0)} req/s, with: ${
      median(pairs.map((pair) => pair.with)).toFixed(0)
    } req/s, ratio ${formatSpread(spreadOf(ratios), 2)}, ` +
      `target ${TARGET.toFixed(2)}`,
  );
  if (ratio < TARGET) {
    failed = true;
    print(`MISSED: ratio ${ratio.toFixed(2)} is below ${TARGET}`);
  }
  end.abort();
}
Deno.exit(failed ? 1 : 0);
