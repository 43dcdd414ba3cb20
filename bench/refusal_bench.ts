/**
 * Measures what refusing costs everybody else: the rate of agents that are admitted, while 50 others push endless bodies at a
 * route that there is not, each starting over ten times a second, against the rate while these are not there.
 *
 * The pushers themselves take most of a core, as does the load generator, and both share the machine with the daemon. So
 * that their own cost does not pass for the daemon's, they push in both phases of a round: in one at the daemon, in the other
 * at a sink of their own that treats them alike. What is left of the difference is the daemon's. Phases alternate,
 * because machines are noisy, and the median of the rounds' ratios counts. The rate without any pushers is
 * printed too, for orientation.
 *
 * Usage: `deno task bench:refusal [--rounds N] [--seconds N] [--pushers N] [--per-second N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { findGenerator, putLoad } from "./load/put_load.ts";
import { print } from "./print.ts";
import { median } from "./report/statistics.ts";
import { startDaemon } from "./servers/penstock.ts";
import { ServerProcess } from "./servers/server_process.ts";

const CONNECTIONS = 8;
/** How much of their rate others must keep. */
const TARGET = 0.90;
/** What a refused agent may get rid of. */
const MOST_BYTES = 8 * 2 ** 20;

interface Pushed {
  readonly refused: number;
  readonly mostBytes: number;
}

/** The process that pushes, wherever it is told to. */
class Pushers implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<string>;

  constructor(args: string[]) {
    const script = new URL("./endless_pushers.ts", import.meta.url).pathname;
    const all = ["run", "--allow-net=127.0.0.1", script, ...args];
    this.#child = new Deno.Command(Deno.execPath(), { args: all, stdin: "piped", stdout: "piped" }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Says where to push from now on, and what came of pushing since it was said last. */
  async to(target: "daemon" | "sink" | "stop"): Promise<Pushed> {
    await this.#input.write(new TextEncoder().encode(`${target}\n`));
    const { value } = await this.#output.read();
    return JSON.parse(value ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.to("stop");
    await this.#input.close();
    await this.#output.cancel();
    await this.#child.status;
  }
}

function script(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

const { rounds, seconds, pushers: count, "per-second": perSecond } = parseArgs(Deno.args, {
  string: ["rounds", "seconds", "pushers", "per-second"],
  default: { rounds: "9", seconds: "2", pushers: "50", "per-second": "10" },
});
let failed = false;
{
  await using daemon = await startDaemon();
  await using sink = await ServerProcess.start(["run", "--allow-net=127.0.0.1", script("./push_sink.ts")]);
  const generator = await findGenerator();
  const record = `${JSON.stringify({ time: "2026-11-23T18:00:00.000Z", message: "x".repeat(150) })}\n`;
  const body = new TextEncoder().encode(record.repeat(10));
  const rate = async () => {
    const url = `${daemon.url}/v1/ingest/bench`;
    const load = await putLoad(generator, { url, connections: CONNECTIONS, seconds: Number(seconds), body });
    if (load.failed > 0) throw new Error(`${load.failed} of ${load.requests} requests to ${url} failed`);
    return load.perSecond;
  };
  print(
    `${CONNECTIONS} connections, 10 records a request, load by ${generator}; ${count} pushers that start over ` +
      `${perSecond} times a second each; median of ${rounds} rounds of twice ${seconds} s, in turns`,
  );
  print(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`);
  await rate(); // warms up
  print(`without any pushers: ${(await rate()).toFixed(0)} req/s`);
  await using pushers = new Pushers([`${daemon.url}/nowhere`, sink.url, `${count}`, `${perSecond}`]);
  const ratios: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    const rates: Record<string, number> = {};
    let pushed: Pushed | undefined;
    // Which phase is first changes, so that neither profits from what the machine does over time.
    for (const target of round % 2 === 0 ? ["sink", "daemon"] as const : ["daemon", "sink"] as const) {
      await pushers.to(target);
      rates[target] = await rate();
      const result = await pushers.to(target);
      if (target === "daemon") pushed = result;
    }
    const ratio = rates["daemon"]! / rates["sink"]!;
    ratios.push(ratio);
    print(
      `round ${round + 1}: ${rates["sink"]!.toFixed(0)} req/s beside the sink's pushers, ` +
        `${rates["daemon"]!.toFixed(0)} req/s beside the daemon's (${pushed!.refused} refused), ratio ${
          ratio.toFixed(3)
        }`,
    );
    if (pushed!.mostBytes > MOST_BYTES) {
      failed = true;
      print(`MISSED: a refused agent got rid of ${pushed!.mostBytes} bytes, the most is ${MOST_BYTES}`);
    }
  }
  const ratio = median(ratios);
  print(`others keep ${(100 * ratio).toFixed(1)} % of their rate, the target is ${100 * TARGET} %`);
  if (ratio < TARGET) {
    failed = true;
    print(`MISSED: ${ratio.toFixed(3)} is below ${TARGET}`);
  }
}
Deno.exit(failed ? 1 : 0);
