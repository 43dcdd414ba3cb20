// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import type { LedgerSnapshot } from "../../collector/ledger.ts";
import type { Status } from "../../collector/status.ts";
import type { PolicyName } from "../../policies/mod.ts";
import { DaemonProcess } from "../../tests/e2e/daemon_process.ts";
import { waitFor } from "../../tests/wait_for.ts";
import { PatientAgent } from "./patient_agent.ts";
import { ThrottledCollector } from "./throttled_collector.ts";

/** Options of {@linkcode runOverload}. */
export interface OverloadOptions {
  /** How many records each agent sends a second, if nothing holds it up. */
  readonly sent: number;
  /** How many records of all sources the collector takes a second while it is throttled. */
  readonly throttled: number;
  /** How many records the buffer of each source holds. */
  readonly capacity: number;
  /**
   * How long the collector keeps up, is throttled, and keeps up again, in milliseconds. It is throttled for longer, if it
   * takes longer until every policy has had something to do.
   */
  readonly phases: readonly [well: number, throttled: number, wellAgain: number];
}

/** How a source is doing at one moment. */
export interface SourceSample {
  readonly buffered: number;
  /** In records, since the beginning. */
  readonly received: number;
  readonly rejected: number;
  readonly dropped: number;
  readonly delivered: number;
  /** How long its agent has waited for answers, in milliseconds since the beginning. */
  readonly waited: number;
}

/** How all sources are doing at one moment. */
export interface OverloadSample {
  /** Since the beginning, in seconds. */
  readonly at: number;
  readonly throttled: boolean;
  readonly sources: Readonly<Record<PolicyName, SourceSample>>;
}

/** What became of the records of one source. */
export interface SourceOutcome {
  /** As the daemon printed it when it ended. */
  readonly ledger: LedgerSnapshot | undefined;
  /** What the agent was told, in records. */
  readonly agent: Pick<PatientAgent, "sent" | "accepted" | "dropped" | "evicted" | "refused">;
  /** How many records the collector behind the daemon has got. */
  readonly arrived: number;
}

/** What came of it. */
export interface OverloadResult {
  readonly samples: readonly OverloadSample[];
  readonly sources: Readonly<Record<PolicyName, SourceOutcome>>;
  readonly exitCode: number;
  readonly throttledFrom: number;
  readonly throttledTo: number;
}

/** The source of each policy. */
export const SOURCES: Readonly<Record<PolicyName, string>> = {
  block: "orders",
  drop_newest: "metrics-web01",
  drop_oldest: "frames-cam3",
  reject: "edge-eu1",
};
const POLICIES = Object.keys(SOURCES) as PolicyName[];
const SAMPLE_INTERVAL = 200;

/** Makes something of each policy. */
function byPolicy<T>(make: (policy: PolicyName) => T): Record<PolicyName, T> {
  return Object.fromEntries(POLICIES.map((policy) => [policy, make(policy)])) as Record<PolicyName, T>;
}

/**
 * Runs the daemon, as a process, with one source and one agent for each policy, and all of them before one collector, which is
 * too slow for a while.
 *
 * @param options How fast, how much, how long.
 * @param onSample Is told how all are doing, some times a second.
 * @returns What came of it, when the daemon has delivered what it had and ended.
 */
export async function runOverload(
  { sent, throttled, capacity, phases }: OverloadOptions,
  onSample: (samples: readonly OverloadSample[]) => void = () => {},
): Promise<OverloadResult> {
  await using collector = new ThrottledCollector();
  const shared = { buffer: { records: capacity }, batch: { records: 20, linger: "50ms" } };
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: {
      sources: Object.fromEntries(POLICIES.map((policy) => [SOURCES[policy], { policy, ...shared }])),
      // One request at a time, so that all sources share what the collector can take.
      sinks: { collector: { type: "http", url: collector.url, concurrency: 1 } },
    },
  });
  const agents = byPolicy((policy) => new PatientAgent(`${daemon.url}/v1/ingest/${SOURCES[policy]}`));
  const stop = new AbortController();
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const samples: OverloadSample[] = [];
  let isThrottled = false;
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      const status: Status = await daemon.statusJson();
      const sources = byPolicy((policy) => sampleOf(status, SOURCES[policy], agents[policy].waited));
      samples.push({ at: seconds(), throttled: isThrottled, sources });
      onSample(samples);
      await delay(SAMPLE_INTERVAL);
    }
  })();
  const working = Promise.all([
    sampling,
    ...POLICIES.map((policy) => agents[policy].run(sent, stop.signal)),
  ]);
  const pass = (ms: number) => Promise.race([delay(ms), working]); // what goes wrong is not to wait for the end
  await pass(phases[0]);
  const throttledFrom = seconds();
  isThrottled = true;
  collector.limit = throttled;
  await pass(phases[1]);
  await waitFor(() => samples.at(-1) !== undefined && allAtWork(samples.at(-1)!), {
    what: "every policy to work",
  });
  const throttledTo = seconds();
  isThrottled = false;
  collector.limit = undefined;
  await pass(phases[2]);
  stop.abort();
  await working;
  const { code: exitCode, ledger } = await daemon.stop();
  const ledgers = ledger?.["sources"] as Record<string, LedgerSnapshot> | undefined;
  const sources = byPolicy((policy): SourceOutcome => ({
    ledger: ledgers?.[SOURCES[policy]],
    agent: agents[policy],
    arrived: collector.recordsOf(SOURCES[policy]),
  }));
  return { samples, sources, exitCode, throttledFrom, throttledTo };
}

function sampleOf({ sources }: Status, name: string, waited: number): SourceSample {
  const source = sources[name];
  if (source === undefined) {
    return { buffered: 0, received: 0, rejected: 0, dropped: 0, delivered: 0, waited };
  }
  const { received, rejected, dropped, delivered } = source.ledger;
  return {
    buffered: source.buffer.records,
    received: received.records,
    rejected: rejected.records,
    dropped: dropped.records,
    delivered: delivered.records,
    waited,
  };
}

/** Whether each policy has had something to do. */
function allAtWork({ sources: { block, drop_newest, drop_oldest, reject } }: OverloadSample): boolean {
  return block.waited > 1000 && drop_newest.dropped > 0 && drop_oldest.dropped > 0 && reject.rejected > 0;
}
