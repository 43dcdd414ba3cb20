import { COLOR, type Point, renderPlot } from "./plot.ts";
import type { StagesOptions, StagesResult } from "./staged_chain.ts";
import { grouped } from "./table.ts";
import type { WireOptions, WireResult } from "./wire_chain.ts";

const MIB = 2 ** 20;

/** How fast a count grows between any two samples. */
function rates<S extends { readonly at: number }>(
  samples: readonly S[],
  count: (sample: S) => number,
): Point[] {
  return samples.slice(1).map((sample, i): Point => {
    const before = samples[i]!;
    return [(before.at + sample.at) / 2, (count(sample) - count(before)) / (sample.at - before.at)];
  });
}

/**
 * Draws how fast each stage goes, and what the buffers hold.
 *
 * @param result What came of the stages.
 * @param options What they were told.
 * @returns An SVG text.
 */
export function plotStages(
  { samples, mostAhead, slowFrom, slowTo }: StagesResult,
  { produced, slow, capacity }: StagesOptions,
): string {
  const shade = { from: slowFrom, to: slowTo, label: `consumer slow: ${slow}/s` };
  return renderPlot({
    title: "The slowest stage sets the pace of all",
    subtitle:
      `${produced} records/s through two buffers of ${capacity}; the producer was never more than ${mostAhead} records ahead`,
    panels: [
      {
        title: "Rates",
        x: { name: "time (s)", max: Math.ceil(samples.at(-1)!.at) },
        y: { name: "records per second" },
        shade,
        height: 280,
        series: [
          { name: "producer", color: COLOR.orange, points: rates(samples, (sample) => sample.produced) },
          { name: "transformer", color: COLOR.green, points: rates(samples, (sample) => sample.transformed) },
          {
            name: "consumer",
            color: COLOR.blue,
            dashed: true,
            points: rates(samples, (sample) => sample.consumed),
          },
        ],
      },
      {
        title: "Records between producer and consumer",
        x: { name: "time (s)", max: Math.ceil(samples.at(-1)!.at) },
        y: { name: "records" },
        shade: { ...shade, label: "" },
        height: 220,
        series: [
          {
            name: "between them",
            color: COLOR.yellow,
            points: samples.map(({ at, produced, consumed }): Point => [at, produced - consumed]),
          },
        ],
      },
    ],
  });
}

/**
 * Draws where the agent's bytes are, and how fast they go.
 *
 * @param result What came of them.
 * @param options What was asked for.
 * @returns An SVG text.
 */
export function plotWire(
  { samples, stalledFrom, stalledTo }: WireResult,
  { sent, capacity }: WireOptions,
): string {
  const shade = { from: stalledFrom, to: stalledTo, label: "nobody reads the standard output" };
  const coarse = samples.filter((_, i) => i % 5 === 0);
  return renderPlot({
    title: "A sink that stalls closes the agent's TCP window",
    subtitle: `an agent that streams ${sent / MIB} MiB/s to a source with policy block and a buffer of ${
      grouped(capacity / 1024)
    } KiB`,
    panels: [
      {
        title: "The agent's bytes in flight: written, and not read at the other end",
        x: { name: "time (s)", max: Math.ceil(samples.at(-1)!.at) },
        y: { name: "MiB" },
        shade,
        height: 280,
        series: [
          {
            name: "in flight",
            color: COLOR.orange,
            points: samples.map(({ at, written, read }): Point => [at, (written - read) / MIB]),
          },
          {
            name: "in the daemon's buffer",
            color: COLOR.blue,
            points: samples.map(({ at, buffered }): Point => [at, buffered / MIB]),
          },
        ],
      },
      {
        title: "Rates",
        x: { name: "time (s)", max: Math.ceil(samples.at(-1)!.at) },
        y: { name: "MiB per second" },
        shade: { ...shade, label: "" },
        height: 240,
        series: [
          {
            name: "agent writes",
            color: COLOR.green,
            points: rates(coarse, ({ written }) => written / MIB),
          },
          {
            name: "other end reads",
            color: COLOR.yellow,
            dashed: true,
            points: rates(coarse, ({ read }) => read / MIB),
          },
        ],
      },
    ],
  });
}
