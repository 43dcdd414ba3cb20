// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { createRandom, type Random } from "../fixtures/random.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, post } from "./numbered_records.ts";

/** How many agents push to each source at once, one request after the other. */
const AGENTS = 3;
/** Agent `i` numbers its records from `i * PER_AGENT`. */
const PER_AGENT = 1_000_000_000;
const SOURCES = ["written", "synced"] as const;
/** The latest moment after the first acknowledgements at which a daemon is killed, in milliseconds. */
const LATEST = 250;

type Range = readonly [from: number, to: number];

/** What a run of kills came to. */
export interface CrashReport {
  kills: number;
  /** Requests that were acknowledged, and their records. */
  acknowledged: Record<typeof SOURCES[number], { requests: number; records: number }>;
  /** Requests that a kill left without an answer, and how many records of them are on disk. */
  unanswered: { requests: number; recordsOnDisk: number };
  /** Segments that a kill left open, and how many of those ended in a torn record. */
  leftOpen: number;
  torn: number;
  /** What the daemons counted when they recovered. */
  recovered: { segments: number; cutBytes: number };
  finishedFiles: number;
}

/** One agent: what it was told, and what it was not told. */
class Agent {
  readonly acked: Range[] = [];
  readonly unanswered: Range[] = [];
  #next: number;

  constructor(index: number) {
    this.#next = index * PER_AGENT;
  }

  /** Posts until the daemon is gone. */
  async push(daemon: DaemonProcess, source: string, random: Random, onAck: () => void): Promise<void> {
    for (;;) {
      const from = this.#next;
      const to = this.#next += random.integer(1, 40);
      // Some are large, because the kernel ends a write for a kill between two pages only.
      const bytes = random.chance(0.3) ? random.integer(4_000, 20_000) : random.integer(40, 300);
      let status: number;
      try {
        ({ status } = await post(daemon, source, numbered(from, to, bytes)));
      } catch { // the daemon was killed before its answer was whole
        this.unanswered.push([from, to]);
        return;
      }
      assertEquals(status, 200);
      this.acked.push([from, to]);
      onAck();
    }
  }
}

/** The files of a source over all daemons; those that are finished are read once. */
class SourceFiles {
  readonly #directory: string;
  /** In the order of the files' names. */
  readonly numbers: number[] = [];
  #last = "";
  finished = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Names of files that were not there before. */
  newNames(): string[] {
    const names = Array.from(Deno.readDirSync(this.#directory), ({ name }) => name).sort();
    return names.filter((name) => name > this.#last);
  }

  /** What a file holds, and whether it ends in a torn record. */
  read(name: string): { numbers: number[]; torn: boolean } {
    const text = Deno.readTextFileSync(`${this.#directory}/${name}`);
    const end = text.lastIndexOf("\n") + 1;
    return { numbers: numbersIn(text.slice(0, end)), torn: end < text.length };
  }

  /** Takes over what is finished by now, which has to be all and whole; each name has to come after all before. */
  takeFinished(): void {
    const known = this.finished;
    for (const name of this.newNames()) {
      assert(name.endsWith(".ndjson"), `'${name}' is not finished after the next start`);
      const { numbers, torn } = this.read(name);
      assert(!torn && numbers.length > 0, `'${name}' has a torn record or none`);
      for (const n of numbers) this.numbers.push(n);
      this.#last = name;
      this.finished++;
    }
    const total = Array.from(Deno.readDirSync(this.#directory)).length;
    assertEquals(
      this.finished,
      total,
      `${total - known} new files, some with names that sort before old ones`,
    );
  }
}

/**
 * Kills a daemon at random moments while agents push, and starts the next one on the same files. After each kill every
 * record that was acknowledged has to be there, and after the next start no file may be open or end in a torn record.
 *
 * @param kills How often.
 * @param seed Of the moments and the sizes.
 * @returns What was seen. It throws if anything is not as it has to be.
 */
export async function killAgainAndAgain(kills: number, seed: number): Promise<CrashReport> {
  const random = createRandom(seed);
  const directory = await Deno.makeTempDir({ prefix: "penstock-crash-" });
  const report: CrashReport = {
    kills,
    acknowledged: { written: { requests: 0, records: 0 }, synced: { requests: 0, records: 0 } },
    unanswered: { requests: 0, recordsOnDisk: 0 },
    leftOpen: 0,
    torn: 0,
    recovered: { segments: 0, cutBytes: 0 },
    finishedFiles: 0,
  };
  const files = SOURCES.map((source) => new SourceFiles(`${directory}/${source}`));
  const agents = SOURCES.map(() => Array.from({ length: AGENTS }, (_, i) => new Agent(i)));
  const config = {
    sources: { written: { policy: "block", ack: "written" }, synced: { policy: "block", ack: "synced" } },
    // Small and short-lived, for kills to hit syncs and renames too.
    sinks: { disk: { type: "file", directory, maxBytes: "1MiB", maxAge: "100ms" } },
  };
  try {
    for (let kill = 0; kill < kills; kill++) {
      await using daemon = await DaemonProcess.start({ config, coverage: false });
      if (kill > 0) await checkRecovery(daemon, files, report);
      await killUnderLoad(daemon, agents, random);
      for (const [i, file] of files.entries()) checkAcknowledged(file, agents[i]!, report);
    }
    await using daemon = await DaemonProcess.start({ config, coverage: false });
    await checkRecovery(daemon, files, report);
    assertEquals((await daemon.stop()).code, 0);
    for (const [i, source] of SOURCES.entries()) {
      report.finishedFiles += files[i]!.finished;
      for (const [index, agent] of agents[i]!.entries()) checkAgent(files[i]!, agent, index, source, report);
    }
    return report;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function killUnderLoad(
  daemon: DaemonProcess,
  agents: readonly Agent[][],
  random: Random,
): Promise<void> {
  const warm = Promise.withResolvers<void>();
  let silent = SOURCES.length * AGENTS;
  const pushing = SOURCES.flatMap((source, i) =>
    agents[i]!.map((agent) => {
      let heard = false;
      return agent.push(daemon, source, random, () => {
        if (!heard && --silent === 0) warm.resolve();
        heard = true;
      });
    })
  );
  await Promise.race([warm.promise, Promise.all(pushing)]);
  assertEquals(silent, 0, "an agent was never acknowledged");
  await new Promise((resolve) => setTimeout(resolve, random.next() * LATEST));
  daemon.kill("SIGKILL");
  await Promise.all([daemon.status, ...pushing]);
}

/** Right after a kill: what was acknowledged since the last start is there. */
function checkAcknowledged(files: SourceFiles, agents: readonly Agent[], report: CrashReport): void {
  const onDisk = new Set<number>();
  for (const name of files.newNames()) {
    const { numbers, torn } = files.read(name);
    for (const n of numbers) onDisk.add(n);
    if (!name.endsWith(".open")) assert(!torn, `'${name}' was finished with a torn record`);
    else report.leftOpen++;
    if (torn) report.torn++;
  }
  assertGreater(onDisk.size, 0);
  const known = new Set(files.numbers);
  for (const { acked } of agents) {
    for (const [from, to] of acked) {
      for (let n = from; n < to; n++) {
        assert(onDisk.has(n) || known.has(n), `record ${n} was acknowledged and is in no file`);
      }
    }
  }
}

/** After a start: all is finished and whole, and the daemon says what it has done. */
async function checkRecovery(
  daemon: DaemonProcess,
  files: readonly SourceFiles[],
  report: CrashReport,
): Promise<void> {
  for (const file of files) file.takeFinished();
  const metrics = await daemon.metrics();
  const figure = (name: string) => Number(new RegExp(`^${name}{.*} (\\d+)$`, "m").exec(metrics)![1]);
  report.recovered.segments += figure("penstock_sink_segments_recovered_total");
  report.recovered.cutBytes += figure("penstock_sink_recovery_cut_bytes_total");
}

/** In the end: the records of one agent are there once and in order, and of an unanswered request the first ones, if any. */
function checkAgent(
  files: SourceFiles,
  agent: Agent,
  index: number,
  source: typeof SOURCES[number],
  report: CrashReport,
): void {
  const numbers = files.numbers.filter((n) => Math.floor(n / PER_AGENT) === index);
  const there = new Set(numbers);
  const partly = agent.unanswered.map(([from, to]): Range => {
    let end = from;
    while (end < to && there.has(end)) end++;
    return [from, end];
  });
  const expected = [...agent.acked, ...partly].sort(([a], [b]) => a - b);
  assertNumbers(numbers, ...expected);
  const { requests, records } = report.acknowledged[source];
  report.acknowledged[source] = {
    requests: requests + agent.acked.length,
    records: records + agent.acked.reduce((sum, [from, to]) => sum + to - from, 0),
  };
  report.unanswered.requests += agent.unanswered.length;
  report.unanswered.recordsOnDisk += partly.reduce((sum, [from, to]) => sum + to - from, 0);
}
