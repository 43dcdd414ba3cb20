import { type Axis, COLOR, type Panel, type Point, renderPlot, type Series } from "../demos/plot.ts";
import { cost, overRounds, rate, ratios } from "./figures.ts";
import { formatMachine } from "./machine.ts";
import type { CaseReport, ContestantReport, GrowthReport, Report, SoakReport } from "./report.ts";
import { median, type Spread, spreadOf } from "./statistics.ts";

/** A plot, to be written to a file. */
export interface Plot {
  /** The name of its file. */
  readonly file: string;
  /** What is to be seen, for who cannot. */
  readonly description: string;
  readonly svg: string;
}

type Server = ContestantReport["name"];

const COLORS: Readonly<Record<Server, string>> = {
  bare: COLOR.grey,
  file: COLOR.blue,
  nowhere: COLOR.green,
  "fluent-bit": COLOR.orange,
  otelcol: COLOR.yellow,
  vector: "#cc79a7",
};
const NAMES: Readonly<Record<Server, string>> = {
  bare: "bare server",
  file: "Penstock to files",
  nowhere: "Penstock to nowhere",
  "fluent-bit": "Fluent Bit",
  otelcol: "OpenTelemetry Collector",
  vector: "Vector",
};
const SPREAD = { name: "least to most", color: "#22262b", width: 2 } as const;
const BAR = 12;
const PERCENTILES = ["", "p50", "p99", "p99.9", ""];
/** Cases whose latencies are drawn: the smallest and the usual request, message and OTLP. */
const LATENCY_CASES = ["http-1", "http-100", "ws-200B", "otlp-protobuf"];
/** Below a hundredth of a millisecond, everything is alike. */
const LEAST_LATENCY = 0.01;

function subtitleOf(
  { date, machine, quick }: Pick<Report, "date" | "machine"> & { quick?: boolean },
): string {
  return `${date.slice(0, 10)}; ${formatMachine(machine)}${quick ? "; a quick run" : ""}`;
}

/**
 * Draws what each server takes, against the bare one.
 *
 * @param report What was measured.
 * @returns The plot; none where there is no case.
 */
export function ratioPlot(report: Report): Plot | undefined {
  const { cases } = report;
  const servers = serversOf(cases.map(({ contestants }) => contestants)).filter((name) => name !== "bare");
  if (servers.length === 0) return undefined;
  const spreads = servers.map((server) =>
    cases.map(({ contestants }) => {
      const values = ratios(contestants, server, "bare", rate);
      return values.length === 0 ? undefined : spreadOf(values);
    })
  );
  // Bars stand beside each other around the number of their case, which counts from 1.
  const at = (n: number, server: number) => n + 1 + (server - (servers.length - 1) / 2) * 0.2;
  const segments = (
    server: number,
    from: (spread: Spread) => number,
    to: (spread: Spread) => number,
  ): Point[] =>
    spreads[server]!.flatMap((spread, n): Point[] =>
      spread === undefined ? [] : [[at(n, server), from(spread)], [at(n, server), to(spread)], null]
    );
  const panel: Panel = {
    height: 320,
    x: { name: "case", max: cases.length + 1, labels: ["", ...cases.map(({ name }) => name), ""] },
    y: { name: "times the bare server's rate" },
    series: [
      ...servers.map((name, server): Series => ({
        name: NAMES[name],
        color: COLORS[name],
        width: BAR,
        points: segments(server, () => 0, ({ median }) => median),
      })),
      ...servers.map((_, server): Series => ({
        ...SPREAD,
        points: segments(server, ({ min }) => min, ({ max }) => max),
      })),
    ],
  };
  const title = "Requests or messages a second, against a bare server";
  return {
    file: "bench-ratios.svg",
    description:
      `${title}: median, least and most of each case and server; the figures are in the table below`,
    svg: renderPlot({ title, subtitle: subtitleOf(report), panels: [panel] }),
  };
}

/**
 * Draws how long answers take.
 *
 * @param report What was measured.
 * @returns The plot; none where no latency of its cases was measured.
 */
export function latencyPlot(report: Report): Plot | undefined {
  const panels = report.cases
    .filter(({ name, contestants }) =>
      LATENCY_CASES.includes(name) && contestants.some(({ latency }) => latency)
    )
    .map(latencyPanel);
  if (panels.length === 0) return undefined;
  const title = "Answers at half the rate to files";
  return {
    file: "bench-latency.svg",
    description:
      `${title}: p50, p99 and p99.9 of the latency of each server; the figures are in the table below`,
    svg: renderPlot({ title, subtitle: subtitleOf(report), panels, columns: Math.min(2, panels.length) }),
  };
}

function latencyPanel({ name, contestants }: CaseReport): Panel {
  return {
    title: name,
    x: { name: "percentile", max: PERCENTILES.length - 1, labels: PERCENTILES },
    y: { name: "ms", min: LEAST_LATENCY, logarithmic: true },
    series: contestants.flatMap(({ name: server, latency }) => {
      if (latency === undefined) return [];
      const values = (["p50", "p99", "p999"] as const).map((key) =>
        median(latency.map((round) => round[key]))
      );
      const points = values.map((value, n): Point => [n + 1, Math.max(LEAST_LATENCY, value)]);
      return [{ name: NAMES[server], color: COLORS[server], points }];
    }),
  };
}

/**
 * Draws what more sources and more connections cost.
 *
 * @param report What was measured.
 * @returns The plot; none where neither was measured.
 */
export function growthPlot(report: Report): Plot | undefined {
  const panels = [
    ...growthPanels("sources", report.sources),
    ...growthPanels("connections", report.connections),
  ];
  if (panels.length === 0) return undefined;
  const title = "More sources, more connections";
  return {
    file: "bench-growth.svg",
    description: `${title}: CPU per record and peak resident memory; the figures are in the tables`,
    svg: renderPlot({ title, subtitle: subtitleOf(report), panels, columns: 2 }),
  };
}

function growthPanels(what: string, steps: readonly GrowthReport[]): Panel[] {
  if (steps.length === 0) return [];
  const x: Axis = { name: what, min: 1, logarithmic: true };
  const servers = serversOf(steps.map(({ contestants }) => contestants));
  const series = (of: (server: ContestantReport) => number): Series[] =>
    servers.map((name) => ({
      name: NAMES[name],
      color: COLORS[name],
      points: steps.flatMap(({ count, contestants }): Point[] => {
        const server = contestants.find((contestant) => contestant.name === name);
        return server === undefined || server.rounds.length === 0 ? [] : [[count, of(server)]];
      }),
    }));
  return [
    {
      x,
      y: { name: "us of CPU per record" },
      series: series(({ rounds }) => overRounds(rounds, cost).median),
    },
    { x, y: { name: "peak resident MB" }, series: series(({ peakResident }) => peakResident / 1e6) },
  ];
}

/**
 * Draws resident memory under full load.
 *
 * @param soak What was measured.
 * @returns The plot.
 */
export function soakPlot(soak: SoakReport): Plot {
  const title = "Resident memory under full load";
  const points = soak.resident.map((bytes, n): Point => [n + 1, bytes / 1e6]);
  const panel: Panel = {
    x: { name: "seconds", max: soak.resident.length },
    y: { name: "resident MB" },
    series: [{ name: NAMES.file, color: COLORS.file, points }],
  };
  return {
    file: "bench-soak.svg",
    description: `${title}, once a second`,
    svg: renderPlot({ title, subtitle: subtitleOf(soak), panels: [panel] }),
  };
}

function serversOf(all: readonly (readonly ContestantReport[])[]): Server[] {
  return [...new Set(all.flat().filter(({ rounds }) => rounds.length > 0).map(({ name }) => name))];
}
