import type { GrowthReport } from "../report/report.ts";
import { BARE } from "../servers/bare.ts";
import type { Contestant } from "../servers/contestant.ts";
import { PENSTOCK } from "../servers/penstock.ts";
import { httpCase } from "./cases.ts";
import { Entrant } from "./entrant.ts";
import { inTurns } from "./in_turns.ts";
import type { Effort } from "./run_case.ts";

const TO_FILES = PENSTOCK.find(({ name }) => name === "file")!;
/**
 * Rounds with sources that do not count. In the first ones a thousand sources, their directories, files and chunks are made,
 * while the heap grows to what it will be: what is asked for is what a record costs from then on.
 */
const WARM_UP_ROUNDS = 3;
/** What a process needs beside one descriptor for each connection. */
const OTHER_FILES = 100;

interface Step {
  readonly count: number;
  readonly entrant: Entrant;
}

/**
 * Measures the daemon with more and more sources: requests of 100 records, each to the source after the one before it. A
 * daemon for each number, in turns.
 *
 * @param counts How many sources.
 * @param effort How much is measured.
 * @returns What was measured; to files.
 */
export async function growSources(counts: readonly number[], effort: Effort): Promise<GrowthReport[]> {
  await using stack = new AsyncDisposableStack();
  const steps: (Step & { readonly urls: readonly string[] })[] = [];
  const benchCase = httpCase(100);
  for (const count of counts) {
    const entrant = stack.use(await Entrant.start(TO_FILES, benchCase));
    // As many for each: a generator that has one request in its cache is faster, and so is who gets it.
    const urls = Array.from({ length: Math.max(...counts) }, (_, n) => `${entrant.url}-${n % count}`);
    steps.push({ count, entrant, urls });
  }
  await inTurns(
    steps,
    WARM_UP_ROUNDS + effort.rounds,
    ({ entrant, urls }, round) => entrant.measure(round >= WARM_UP_ROUNDS, { ...effort, urls }),
  );
  return await reportOf(steps);
}

/**
 * Measures the daemon with more and more connections, beside a bare server: requests of one record.
 *
 * @param counts How many connections.
 * @param effort How much is measured.
 * @returns What was measured; to files.
 */
export async function growConnections(counts: readonly number[], effort: Effort): Promise<GrowthReport[]> {
  const reports: GrowthReport[] = [];
  for (const count of counts) {
    await using stack = new AsyncDisposableStack();
    const steps: Step[] = [];
    for (const contestant of [BARE, TO_FILES] as Contestant[]) {
      const entrant = await Entrant.start(contestant, { ...httpCase(1), connections: count });
      steps.push({ count, entrant: stack.use(entrant) });
    }
    await inTurns(steps, 1 + effort.rounds, ({ entrant }, round) => entrant.measure(round > 0, effort));
    reports.push(...await reportOf(steps));
  }
  return reports;
}

/**
 * Says how many connections this process and its children can hold.
 *
 * @returns How many.
 */
export async function mostConnections(): Promise<number> {
  const { stdout } = await new Deno.Command("sh", { args: ["-c", "ulimit -n"] }).output();
  const limit = new TextDecoder().decode(stdout).trim();
  return limit === "unlimited" ? Infinity : Number(limit) - OTHER_FILES;
}

async function reportOf(steps: readonly Step[]): Promise<GrowthReport[]> {
  const byCount = Map.groupBy(steps, ({ count }) => count);
  return await Promise.all(Array.from(byCount, async ([count, steps]) => ({
    count,
    contestants: await Promise.all(steps.map(({ entrant }) => entrant.report())),
  })));
}
