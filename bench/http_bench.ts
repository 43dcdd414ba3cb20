/**
 * Measures HTTP ingest to a file against a bare server in the same run, in turns, because machines differ and are
 * noisy: the ratio is what can be compared.
 *
 * Usage: `deno task bench [--rounds N] [--seconds N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { formatRatio, inTurns, median, print } from "./comparison.ts";
import { findGenerator, putLoad } from "./load.ts";
import { recordLine } from "./record.ts";
import { ServerProcess, startDaemon } from "./server_process.ts";

const CONNECTIONS = 16;

/** What must hold on any machine. CPU per record holds where the bare server needs 0.23 us, and is scaled elsewhere. */
const TARGETS = [
  { records: 1, ratio: 0.70, cpuRatio: undefined },
  { records: 100, ratio: 0.28, cpuRatio: 1.1 / 0.23 },
];

interface Measured {
  readonly requestsPerSecond: number;
  readonly cpuPerRecord: number;
}

async function measure(
  server: ServerProcess,
  generator: "wrk" | "built-in",
  records: number,
  seconds: number,
) {
  const body = new TextEncoder().encode(Array.from({ length: records }, (_, n) => recordLine(n)).join(""));
  const cpuBefore = await server.cpuSeconds();
  const url = `${server.url}/v1/ingest/bench`;
  const load = await putLoad(generator, { url, connections: CONNECTIONS, seconds, body });
  if (load.failed > 0) throw new Error(`${load.failed} of ${load.requests} requests to ${url} failed`);
  const cpu = await server.cpuSeconds() - cpuBefore;
  return {
    requestsPerSecond: load.requests / load.seconds,
    cpuPerRecord: cpu / (load.requests * records) * 1e6,
  };
}

const { rounds, seconds } = parseArgs(Deno.args, {
  string: ["rounds", "seconds"],
  default: { rounds: "7", seconds: "2" },
});
const directory = await Deno.makeTempDir({ prefix: "penstock-bench-" });
let failed = false;
try {
  await using daemon = await startDaemon(directory);
  await using bare = await ServerProcess.start([
    "run",
    "--allow-net=127.0.0.1",
    new URL("./bare_server.ts", import.meta.url).pathname,
  ]);
  const generator = await findGenerator();
  print(
    `${CONNECTIONS} connections, records of 200 bytes, file sink; load by ${generator}; median of ${rounds} rounds of ${seconds} s, in turns`,
  );
  print(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`);
  print(
    "records/request |   bare req/s | penstock req/s | ratio (spread)     | target | bare us/record | penstock us/record",
  );
  for (const { records, ratio: target, cpuRatio } of TARGETS) {
    const pairs = await inTurns<Measured>(
      Number(rounds),
      (which) => measure(which === "bare" ? bare : daemon, generator, records, Number(seconds)),
    );
    const ratios = pairs.map(({ bare, penstock }) => penstock.requestsPerSecond / bare.requestsPerSecond);
    const ratio = median(ratios);
    const bareCpu = median(pairs.map(({ bare }) => bare.cpuPerRecord));
    const cpu = median(pairs.map(({ penstock }) => penstock.cpuPerRecord));
    print([
      `${records}`.padStart(15),
      median(pairs.map(({ bare }) => bare.requestsPerSecond)).toFixed(0).padStart(12),
      median(pairs.map(({ penstock }) => penstock.requestsPerSecond)).toFixed(0).padStart(14),
      formatRatio(ratios).padEnd(18),
      target.toFixed(2).padStart(6),
      bareCpu.toFixed(2).padStart(14),
      cpu.toFixed(2).padStart(18),
    ].join(" | "));
    if (ratio < target) {
      failed = true;
      print(`MISSED: ratio ${ratio.toFixed(2)} is below ${target}`);
    }
    if (cpuRatio !== undefined && cpu > cpuRatio * bareCpu) {
      failed = true;
      print(
        `MISSED: ${cpu.toFixed(2)} us of CPU per record is more than ${
          cpuRatio.toFixed(2)
        } times the bare server's`,
      );
    }
  }
  print(
    `peak resident memory: bare ${Math.round(await bare.peakResident() / 1e6)} MB, penstock ${
      Math.round(await daemon.peakResident() / 1e6)
    } MB`,
  );
} finally {
  await Deno.remove(directory, { recursive: true });
}
Deno.exit(failed ? 1 : 0);
