/**
 * Measures WebSocket ingest to a file against a bare `ws` server in the same run, in turns.
 *
 * Usage: `deno task bench [--rounds N] [--seconds N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { formatRatio, inTurns, median, print } from "./comparison.ts";
import { recordLine } from "./record.ts";
import { removeFinishedFiles, ServerProcess, startDaemon } from "./server_process.ts";

/** What must hold on any machine; and how many messages take about a second. */
const CASES = [
  { kind: "text", size: 200, connections: 16, messages: 600_000, target: 0.55 },
  { kind: "binary", size: 20_000, connections: 16, messages: 20_000, target: 0.7 },
] as const;

type Case = typeof CASES[number];

function messageOf({ kind, size }: Case): Uint8Array {
  if (kind === "text") return new TextEncoder().encode(recordLine(0));
  return crypto.getRandomValues(new Uint8Array(size));
}

async function measure(server: ServerProcess, directory: string, load: Case, messages: number) {
  const file = `${directory}/message`;
  await Deno.writeFile(file, messageOf(load));
  const cpuBefore = await server.cpuSeconds();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--allow-net",
      "--allow-read",
      new URL("./websocket_load.ts", import.meta.url).pathname,
      `${server.websocketUrl}/v1/ingest/bench`,
      `${load.connections}`,
      `${messages}`,
      file,
      load.kind,
    ],
  }).output();
  if (!success) throw new Error(`the load generator failed: ${new TextDecoder().decode(stderr)}`);
  const { seconds } = JSON.parse(new TextDecoder().decode(stdout));
  const cpu = await server.cpuSeconds() - cpuBefore;
  return {
    perSecond: messages / seconds,
    cpuPerMessage: cpu / messages * 1e6,
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
    "--no-prompt",
    "--allow-env",
    "--allow-net=127.0.0.1",
    `--config=${new URL("../deno.json", import.meta.url).pathname}`,
    new URL("./bare_websocket_server.ts", import.meta.url).pathname,
  ]);
  print(`WebSocket messages, file sink; median of ${rounds} rounds of about ${seconds} s, in turns`);
  print(
    "message       |      bare/s |  penstock/s | ratio (spread)     | target | bare us each | penstock us each",
  );
  for (const load of CASES) {
    const messages = load.messages * Number(seconds);
    const pairs = await inTurns(
      Number(rounds),
      async (which) => {
        if (which === "bare") return await measure(bare, directory, load, messages);
        const measured = await measure(daemon, directory, load, messages);
        await removeFinishedFiles(directory);
        return measured;
      },
    );
    const ratios = pairs.map(({ bare, penstock }) => penstock.perSecond / bare.perSecond);
    print([
      `${load.size} B ${load.kind}`.padEnd(13),
      median(pairs.map(({ bare }) => bare.perSecond)).toFixed(0).padStart(11),
      median(pairs.map(({ penstock }) => penstock.perSecond)).toFixed(0).padStart(11),
      formatRatio(ratios).padEnd(18),
      load.target.toFixed(2).padStart(6),
      median(pairs.map(({ bare }) => bare.cpuPerMessage)).toFixed(2).padStart(12),
      median(pairs.map(({ penstock }) => penstock.cpuPerMessage)).toFixed(2).padStart(16),
    ].join(" | "));
    if (median(ratios) < load.target) {
      failed = true;
      print(`MISSED: ratio ${median(ratios).toFixed(2)} is below ${load.target}`);
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
