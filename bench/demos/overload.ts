/**
 * The daemon before a collector that is too slow for a while, with one source and one agent for each policy: watch the
 * buffers fill, and what each policy then does.
 *
 * Usage: `deno task demo [--quick] [--plots DIRECTORY]`
 */
import type { PolicyName } from "../../policies/mod.ts";
import { type Outcome, runFromCommandLine } from "./demonstration.ts";
import {
  type OverloadOptions,
  type OverloadResult,
  type OverloadSample,
  runOverload,
  SOURCES,
} from "./overload_run.ts";
import { COLOR, type Panel, type Point, renderPlot } from "./plot.ts";
import type { Screen } from "./screen.ts";
import { grouped, tableLines } from "./table.ts";

const FULL: OverloadOptions = { sent: 100, throttled: 160, capacity: 100, phases: [3000, 9000, 4000] };
/** How many samples a rate is taken over: a second. */
const WINDOW = 5;
const BAR = 10;
/** How far the ticks of the plots' time are apart, in seconds. */
const TICK = 4;
const POLICIES = Object.keys(SOURCES) as PolicyName[];
const EFFECTS: Readonly<Record<PolicyName, string>> = {
  block: "the agent slows down",
  drop_newest: "what does not fit is lost",
  drop_oldest: "the oldest are lost",
  reject: "requests are refused",
};

/**
 * Says what was not as claimed.
 *
 * @param result What came of it.
 * @returns A sentence for each claim that does not hold.
 */
export function brokenClaims({ sources, exitCode }: OverloadResult): string[] {
  const broken: string[] = [];
  if (exitCode !== 0) broken.push(`the daemon ended with ${exitCode}`);
  for (const policy of POLICIES) {
    const { ledger, agent, arrived } = sources[policy];
    const name = `${SOURCES[policy]} (${policy})`;
    if (ledger === undefined) {
      broken.push(`${name}: there is no ledger`);
      continue;
    }
    const { received, rejected, dropped, delivered, buffered } = ledger;
    for (const unit of ["records", "bytes"] as const) {
      const sum = rejected[unit] + dropped[unit] + delivered[unit] + buffered[unit];
      if (received[unit] !== sum) {
        broken.push(`${name}: received ${received[unit]} ${unit}, accounted for ${sum}`);
      }
    }
    if (delivered.records !== arrived) {
      broken.push(`${name}: ${delivered.records} records delivered, ${arrived} arrived`);
    }
    if (
      received.records !== agent.sent || rejected.records !== agent.refused ||
      dropped.records !== agent.dropped + agent.evicted
    ) broken.push(`${name}: the agent was told something else than the ledger has: ${JSON.stringify(agent)}`);
  }
  return broken;
}

/** The value of a count now, and how fast it grew within the last second. */
function rate(samples: readonly OverloadSample[], count: (sample: OverloadSample) => number): number {
  const now = samples.at(-1)!;
  const before = samples.at(-1 - WINDOW) ?? samples[0]!;
  return now === before ? 0 : (count(now) - count(before)) / (now.at - before.at);
}

function liveTable(samples: readonly OverloadSample[], capacity: number): string[] {
  const { at, throttled } = samples.at(-1)!;
  return [
    `${at.toFixed(1).padStart(5)} s  the collector behind the daemon ${
      throttled ? "is THROTTLED" : "keeps up"
    }`,
    "",
    ...tableLines(
      ["source", "policy", "buffer", "fill", "sent/s", "delivered/s", "dropped", "refused", "agent waited"],
      POLICIES.map((policy) => {
        const { buffered, dropped, rejected, waited } = samples.at(-1)!.sources[policy];
        const filled = Math.round(buffered / capacity * BAR);
        return [
          SOURCES[policy],
          policy,
          `[${"#".repeat(filled)}${".".repeat(BAR - filled)}]`,
          buffered,
          rate(samples, ({ sources }) => sources[policy].received),
          rate(samples, ({ sources }) => sources[policy].delivered),
          dropped,
          rejected,
          `${(waited / 1000).toFixed(1)} s`,
        ];
      }),
    ),
    "",
  ];
}

/**
 * Draws what went in, what came out and what was lost over time, for each policy.
 *
 * @param result What came of it.
 * @param options What was asked for.
 * @returns An SVG text.
 */
export function plotOverload(result: OverloadResult, { sent, throttled, capacity }: OverloadOptions): string {
  const { samples, throttledFrom, throttledTo } = result;
  const end = Math.ceil(samples.at(-1)!.at / TICK) * TICK;
  const panel = (policy: PolicyName): Panel => {
    const points = (count: (sample: OverloadSample) => number): Point[] =>
      samples.slice(WINDOW).map(({ at }, i): Point => [at, rate(samples.slice(0, i + WINDOW + 1), count)]);
    return {
      title: `${policy}: ${EFFECTS[policy]}`,
      x: { name: "time (s)", max: end, interval: TICK },
      y: { name: "records per second", max: sent * 2.5, interval: sent / 2 },
      shade: { from: throttledFrom, to: throttledTo, label: "collector throttled" },
      height: 230,
      series: [
        {
          name: "sent by the agent",
          color: COLOR.grey,
          width: 5,
          points: points(({ sources }) => sources[policy].received),
        },
        { name: "delivered", color: COLOR.blue, points: points(({ sources }) => sources[policy].delivered) },
        { name: "dropped", color: COLOR.orange, points: points(({ sources }) => sources[policy].dropped) },
        { name: "refused", color: COLOR.green, points: points(({ sources }) => sources[policy].rejected) },
      ],
    };
  };
  return renderPlot({
    title: "One slow collector, four policies",
    subtitle:
      `each agent sends ${sent} records/s into a buffer of ${capacity}; throttled, the collector takes ${throttled}/s of all four together`,
    columns: 2,
    panels: POLICIES.map(panel),
  });
}

async function demonstrate(screen: Screen, quick: boolean): Promise<Outcome> {
  const options = quick ? { ...FULL, phases: [1000, 3000, 1500] as const } : FULL;
  const result = await runOverload(
    options,
    (samples) => screen.show(() => liveTable(samples, options.capacity)),
  );
  return {
    table: [
      "The ledger that the daemon printed at its end, in records, and what the collector behind it has got:",
      "",
      ...tableLines(
        [
          "source",
          "policy",
          "received",
          "= rejected",
          "+ dropped",
          "+ delivered",
          "+ buffered",
          "arrived",
          "agent waited",
        ],
        POLICIES.map((policy) => {
          const { ledger, arrived } = result.sources[policy];
          const { waited } = result.samples.at(-1)!.sources[policy];
          return [
            SOURCES[policy],
            policy,
            ledger?.received.records ?? NaN,
            ledger?.rejected.records ?? NaN,
            ledger?.dropped.records ?? NaN,
            ledger?.delivered.records ?? NaN,
            ledger?.buffered.records ?? NaN,
            arrived,
            `${(waited / 1000).toFixed(1)} s`,
          ];
        }),
      ),
    ],
    plots: { "overload.svg": plotOverload(result, options) },
    broken: brokenClaims(result),
  };
}

if (import.meta.main) {
  await runFromCommandLine({
    about: `Four sources, one policy each, before one collector that is throttled to ${
      grouped(FULL.throttled)
    } records/s for a while.`,
    run: demonstrate,
  });
}
