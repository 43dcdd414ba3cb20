/**
 * Measures what compressing finished segments costs ingest: the latency of requests that come at a fixed rate (open loop:
 * each is counted from when it was due, whether or not the ones before were answered), without and while segments of 256
 * MiB are compressed, in turns in one run, because machines differ and are noisy. It judges nothing.
 *
 * Usage: `deno task bench:compression [--rounds N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { DaemonProcess } from "../tests/e2e/daemon_process.ts";
import { numbered } from "../tests/e2e/numbered_records.ts";
import { waitFor } from "../tests/wait_for.ts";

const RATE = 2_000;
const RECORDS = 10;
const SECONDS = 4;
const SEGMENT_BYTES = 256 * 2 ** 20;
/** How many segments there are to be compressed, so that it takes at least as long as is measured. */
const SEGMENTS = { none: 0, gzip: 3, zstd: 8 } as const;

type Variant = keyof typeof SEGMENTS;

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Lines as they come from real agents: some of it always the same, some of it not. */
async function writeSegment(path: string): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  const encoder = new TextEncoder();
  for (let written = 0, n = 0; written < SEGMENT_BYTES;) {
    let text = "";
    for (let i = 0; i < 5_000; i++, n++) {
      text += `{"time":${1_700_000_000_000 + n},"level":"info","host":"web${n % 40}","path":"/orders/${
        Math.floor(Math.random() * 1e9)
      }","status":${n % 97 === 0 ? 500 : 200},"ms":${(Math.random() * 300).toFixed(3)}}\n`;
    }
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
    written += bytes.length;
  }
}

async function figure(daemon: DaemonProcess, name: string): Promise<number> {
  const line = (await daemon.metrics()).split("\n").find((line) => line.startsWith(`penstock_sink_${name}{`));
  return Number(line?.slice(line.lastIndexOf(" ") + 1));
}

interface Measured {
  /** Milliseconds from when each request was due until it was answered, sorted. */
  readonly latencies: Float64Array;
  readonly failed: number;
  /** Bytes of segments compressed or begun to be. */
  readonly compressing: boolean;
}

async function measure(variant: Variant, segment: string): Promise<Measured> {
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: (directory) => {
      const source = `${directory}/data/finished`;
      Deno.mkdirSync(source, { recursive: true });
      for (let i = 0; i < SEGMENTS[variant]; i++) {
        Deno.linkSync(segment, `${source}/20261123T180000.000Z-000${i}.ndjson`);
      }
      return {
        sources: { "*": { policy: "block" } },
        sinks: { disk: { type: "file", directory: "./data", compression: variant } },
      };
    },
  });
  const url = `${daemon.url}/v1/ingest/bench`;
  const body = numbered(0, RECORDS, 200);
  const count = RATE * SECONDS;
  const latencies = new Float64Array(count);
  let failed = 0;
  const begin = performance.now() + 100;
  const send = async (index: number) => {
    const response = await fetch(url, { method: "POST", body });
    await response.body?.cancel();
    if (response.status !== 202) failed++;
    latencies[index] = performance.now() - begin - index * 1_000 / RATE;
  };
  const sent: Promise<void>[] = [];
  while (sent.length < count) {
    const due = Math.min(count, Math.floor((performance.now() - begin) * RATE / 1_000) + 1);
    while (sent.length < due) sent.push(send(sent.length));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await Promise.all(sent);
  const compressing = await figure(daemon, "compression_waiting_files") > 0;
  await waitFor(() => daemon.logEntries().every(({ level }) => level === "info"), {
    what: "a log without warnings",
  });
  return { latencies: latencies.sort(), failed, compressing };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

const { rounds } = parseArgs(Deno.args, { string: ["rounds"], default: { rounds: "5" } });
const directory = await Deno.makeTempDir({ prefix: "penstock-bench-" });
try {
  const segment = `${directory}/segment.ndjson`;
  await writeSegment(segment);
  // Copies of it are links, and have to be on the same file system as the daemons' directories.
  const variants: Variant[] = ["none", "gzip", "zstd"];
  const quantiles = [0.5, 0.99, 0.999];
  const results = new Map(variants.map((variant): [Variant, number[][]] => [variant, []]));
  for (let round = 0; round < Number(rounds); round++) {
    for (const variant of variants) {
      const { latencies, failed, compressing } = await measure(variant, segment);
      const values = quantiles.map((q) => latencies[Math.floor(q * latencies.length)]!);
      results.get(variant)!.push(values);
      print(
        `round ${round + 1}, ${variant}: p50 ${values[0]!.toFixed(2)} ms, p99 ${
          values[1]!.toFixed(2)
        } ms, p99.9 ${values[2]!.toFixed(2)} ms; ${failed} failed; ${
          variant === "none" || compressing ? "" : "COMPRESSION ENDED BEFORE"
        }`,
      );
    }
  }
  print(`\n${RATE} requests/s of ${RECORDS} records, ${SECONDS} s each, median of ${rounds} rounds:`);
  for (const [variant, values] of results) {
    const [p50, p99, p999] = quantiles.map((_, i) => median(values.map((value) => value[i]!)).toFixed(2));
    print(`${variant.padEnd(4)}  p50 ${p50} ms  p99 ${p99} ms  p99.9 ${p999} ms`);
  }
} finally {
  await Deno.remove(directory, { recursive: true });
}
