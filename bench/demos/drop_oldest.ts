/**
 * The same frames under three policies, with a viewer a third as fast as the camera: which frames reach it, and how old they
 * are by then.
 *
 * Usage: `deno task demo:drop-oldest [--quick] [--plots DIRECTORY]`
 */
import { block, dropNewest, dropOldest } from "../../policies/mod.ts";
import { type Outcome, runFromCommandLine } from "./demonstration.ts";
import { streamFrames, type StreamOptions, type StreamResult } from "./frame_stream.ts";
import { COLOR, type Point, renderPlot } from "./plot.ts";
import type { Screen } from "./screen.ts";
import { tableLines } from "./table.ts";

/** Longer than the demonstration: under `block` the camera waits for as long as it takes. */
const PATIENCE = 600_000;
const FULL: StreamOptions = { frames: 240, taken: 60, shown: 20, capacity: 8 };
const COLORS: Record<string, string> = {
  drop_oldest: COLOR.green,
  drop_newest: COLOR.blue,
  block: COLOR.orange,
};

/**
 * Streams the same frames under each policy, all at once.
 *
 * @param screen Where progress is shown.
 * @param options How many, and how fast.
 * @returns What became of them: under `drop_oldest`, `drop_newest`, `block`.
 */
export async function comparePolicies(screen: Screen, options: StreamOptions): Promise<StreamResult[]> {
  const policies = [dropOldest(), dropNewest(), block({ timeout: PATIENCE })];
  const shown = new Map(policies.map(({ name }) => [name, 0]));
  return await Promise.all(policies.map((policy) =>
    streamFrames(policy, options, (delivered) => {
      shown.set(policy.name, delivered);
      screen.show(() => [
        Array.from(shown, ([name, frames]) => `${name} ${String(frames).padStart(3)}`).join("   ") +
        `   frames shown of ${options.frames}`,
      ]);
    })
  ));
}

/**
 * Says what was not as claimed.
 *
 * @param results What became of the frames under each policy.
 * @param options What the policies were told.
 * @returns A sentence for each claim that does not hold.
 */
export function brokenClaims(
  results: readonly StreamResult[],
  { frames, capacity }: StreamOptions,
): string[] {
  const broken: string[] = [];
  for (const { policy, delivered, dropped, evicted, mostHeld } of results) {
    const sum = delivered.length + dropped + evicted;
    if (sum !== frames) broken.push(`${policy}: of ${frames} frames ${sum} are accounted for`);
    if (mostHeld > capacity) broken.push(`${policy}: the buffer of ${capacity} frames held ${mostHeld}`);
    if (delivered.some(({ number }, i) => i > 0 && number <= delivered[i - 1]!.number)) {
      broken.push(`${policy}: frames were delivered out of order`);
    }
    if (policy === "block" && delivered.length !== frames) {
      broken.push(`block: only ${delivered.length} of ${frames} frames were delivered`);
    }
    if (policy !== "drop_oldest") continue;
    const stale = delivered.find(({ number, offered }) => number < offered - capacity);
    if (stale !== undefined) {
      broken.push(`drop_oldest: frame ${stale.number} was shown when ${stale.offered} had been offered`);
    }
  }
  return broken;
}

/**
 * Draws how old each frame was when the viewer had it, and which frames it had.
 *
 * @param results What became of the frames under each policy.
 * @param options What the policies were told.
 * @returns An SVG text.
 */
export function plotFrames(results: readonly StreamResult[], options: StreamOptions): string {
  const { frames, taken, shown, capacity } = options;
  const second = Math.min(2, Math.floor(frames / taken) - 1);
  const from = second * taken;
  return renderPlot({
    title: "A camera three times faster than its viewer",
    subtitle:
      `${frames} frames at ${taken}/s into a buffer of ${capacity}, shown at ${shown}/s: the same input under each policy`,
    panels: [
      {
        title: "How old each frame was when it was shown",
        x: { name: "number of the frame", max: frames },
        y: { name: "age (ms)", logarithmic: true, min: 10 },
        height: 290,
        series: results.map(({ policy, delivered }) => ({
          name: policy,
          color: COLORS[policy]!,
          points: delivered.map((
            { number, taken, delivered },
          ): Point => [number, (delivered - taken) * 1000]),
        })),
      },
      {
        title: `Which frames were shown: the ${taken} of one second`,
        x: { name: "number of the frame", min: from, max: from + taken, interval: 10 },
        y: {
          name: "",
          min: -1,
          max: results.length,
          labels: results.map(({ policy }) => policy).toReversed(),
        },
        height: 190,
        series: results.map(({ policy, delivered }, row) => ({
          name: policy,
          color: COLORS[policy]!,
          width: 22,
          points: delivered.filter(({ number }) => number >= from && number < from + taken).flatMap(
            ({ number }): Point[] => [
              [number + 0.15, results.length - 1 - row],
              [number + 0.85, results.length - 1 - row],
              null,
            ],
          ),
        })),
      },
    ],
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}

async function demonstrate(screen: Screen, quick: boolean): Promise<Outcome> {
  const options = quick ? { ...FULL, frames: 90 } : FULL;
  const results = await comparePolicies(screen, options);
  return {
    table: tableLines(
      [
        "policy",
        "taken",
        "shown",
        "dropped",
        "evicted",
        "median age",
        "greatest age",
        "last one shown after",
      ],
      results.map(({ policy, delivered, dropped, evicted }) => {
        const ages = delivered.map(({ taken, delivered }) => (delivered - taken) * 1000);
        return [
          policy,
          options.frames,
          delivered.length,
          dropped,
          evicted,
          `${median(ages).toFixed(0)} ms`,
          `${Math.max(...ages).toFixed(0)} ms`,
          `${delivered.at(-1)!.delivered.toFixed(1)} s`,
        ];
      }),
    ),
    plots: { "drop-oldest.svg": plotFrames(results, options) },
    broken: brokenClaims(results, options),
  };
}

if (import.meta.main) {
  await runFromCommandLine({
    about: "The same frames at 60/s under three policies, with a viewer that shows 20/s.",
    run: demonstrate,
  });
}
