/**
 * A producer ten times faster than its consumer: resident memory with the daemon's bounded buffer between them, and with an
 * array that takes whatever comes.
 *
 * Usage: `deno task demo:memory [--quick] [--plots DIRECTORY]`
 */
import { RUNTIME_ENVIRONMENT, RUNTIME_FLAGS } from "../../collector/runtime_settings.ts";
import { type Outcome, runFromCommandLine } from "./demonstration.ts";
import type { MemoryOptions, MemoryResult, MemorySample } from "./memory_run.ts";
import { COLOR, type Point, renderPlot } from "./plot.ts";
import type { Screen } from "./screen.ts";
import { grouped, tableLines } from "./table.ts";

/** What one run showed. */
export interface MemoryRun extends MemoryResult {
  readonly kind: "bounded" | "unbounded";
  readonly samples: readonly MemorySample[];
}

const MIB = 2 ** 20;
const FULL: MemoryOptions = {
  records: 100_000,
  bytes: 1024,
  capacity: 10,
  produced: 100_000,
  consumed: 10_000,
};

/**
 * Runs both, one after the other, each in a process of its own.
 *
 * @param screen Where progress is shown.
 * @param options How much of it.
 * @returns What they showed: the bounded buffer, then the array.
 */
export async function compareMemory(screen: Screen, options: MemoryOptions): Promise<[MemoryRun, MemoryRun]> {
  return [await runIn("bounded", screen, options), await runIn("unbounded", screen, options)];
}

async function runIn(kind: MemoryRun["kind"], screen: Screen, options: MemoryOptions): Promise<MemoryRun> {
  const child = new Deno.Command(Deno.execPath(), {
    // The runtime is set up as it is for the daemon, for both of them.
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      ...RUNTIME_FLAGS,
      `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
      new URL("memory_run.ts", import.meta.url).pathname,
      kind,
      JSON.stringify(options),
    ],
    env: RUNTIME_ENVIRONMENT,
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const samples: MemorySample[] = [];
  let result: MemoryResult | undefined;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const value: MemorySample | { result: MemoryResult } = JSON.parse(line);
      if ("result" in value) result = value.result;
      else samples.push(value);
    }
    screen.show(() => [progressOf(kind, samples.at(-1)!, options)]);
  }
  const { code } = await child.status;
  if (result === undefined) throw new Error(`the ${kind} run ended with ${code} and no result`);
  return { kind, samples, ...result };
}

function progressOf(
  kind: string,
  { at, resident, produced, consumed }: MemorySample,
  options: MemoryOptions,
) {
  return `${kind.padEnd(9)} ${at.toFixed(1).padStart(5)} s  produced ${
    grouped(produced).padStart(7)
  }  consumed ${grouped(consumed).padStart(7)} of ${grouped(options.records)}  between them ${
    grouped(produced - consumed).padStart(6)
  }  resident ${(resident / MIB).toFixed(1).padStart(6)} MiB`;
}

function peakOf({ samples }: MemoryRun): number {
  return Math.max(...samples.map(({ resident }) => resident));
}

/**
 * Says what was not as claimed.
 *
 * @param runs Both runs.
 * @param options What they were told.
 * @returns A sentence for each claim that does not hold.
 */
export function brokenClaims([bounded, unbounded]: [MemoryRun, MemoryRun], options: MemoryOptions): string[] {
  const broken: string[] = [];
  if (bounded.mostHeld > options.capacity) {
    broken.push(`the buffer of ${options.capacity} records held ${bounded.mostHeld}`);
  }
  for (const { kind, consumed, inOrder } of [bounded, unbounded]) {
    if (consumed !== options.records || !inOrder) {
      broken.push(`${kind}: ${consumed} of ${options.records} records came, in order: ${inOrder}`);
    }
  }
  return broken;
}

/**
 * Draws resident memory over time.
 *
 * @param runs Both runs.
 * @param options What they were told.
 * @returns An SVG text.
 */
export function plotMemory([bounded, unbounded]: [MemoryRun, MemoryRun], options: MemoryOptions): string {
  const points = ({ samples }: MemoryRun): Point[] => samples.map(({ at, resident }) => [at, resident / MIB]);
  return renderPlot({
    title: "A producer ten times faster than its consumer",
    subtitle: `${grouped(options.records)} records of ${options.bytes} bytes, consumed at ${
      grouped(options.consumed)
    } a second; each run in a process of its own`,
    panels: [{
      x: { name: "time (s)" },
      y: { name: "resident memory (MiB)" },
      height: 330,
      series: [
        { name: "unbounded array", color: COLOR.orange, points: points(unbounded) },
        {
          name: `bounded buffer of ${options.capacity} records, block`,
          color: COLOR.blue,
          points: points(bounded),
        },
      ],
    }],
  });
}

async function demonstrate(screen: Screen, quick: boolean): Promise<Outcome> {
  const options = quick ? { ...FULL, records: FULL.records / 5 } : FULL;
  const runs = await compareMemory(screen, options);
  return {
    table: tableLines(
      [
        "between them",
        "most records held",
        "peak resident",
        "grew by",
        "time",
        "producer done after",
        "of that it waited",
      ],
      runs.map((run) => [
        run.kind === "bounded" ? `bounded buffer of ${options.capacity}` : "unbounded array",
        run.mostHeld,
        `${(peakOf(run) / MIB).toFixed(1)} MiB`,
        `${((peakOf(run) - run.samples[0]!.resident) / MIB).toFixed(1)} MiB`,
        `${run.seconds.toFixed(1)} s`,
        `${run.producing.toFixed(1)} s`,
        `${run.waited.toFixed(1)} s`,
      ]),
    ),
    plots: { "memory.svg": plotMemory(runs, options) },
    broken: brokenClaims(runs, options),
  };
}

if (import.meta.main) {
  await runFromCommandLine({
    about: "A producer ten times faster than its consumer, with a bounded buffer between them and without.",
    run: demonstrate,
  });
}
