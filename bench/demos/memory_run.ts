/**
 * A part of `memory.ts`, as a process of its own so that the one run does not dirty the memory of the other: a producer and
 * a slower consumer with a queue between them. Prints a line of JSON for each sample, and one for what came of it.
 *
 * Usage: `deno run bench/demos/memory_run.ts bounded|unbounded JSON_OF_MEMORY_OPTIONS`
 */
import { numberedBatch } from "./numbered_batch.ts";
import { Pace } from "./pace.ts";
import { BlockingQueue, type Queue, UnboundedQueue } from "./queue.ts";
import { numbersIn } from "../../tests/e2e/numbered_records.ts";

/** Options of a run. */
export interface MemoryOptions {
  /** How many records pass through. */
  readonly records: number;
  /** Of each record. */
  readonly bytes: number;
  /** The most records that the bounded buffer holds. */
  readonly capacity: number;
  /** How many records the consumer takes a second. */
  readonly consumed: number;
  /** How many records the producer makes a second, if nothing holds it up. */
  readonly produced: number;
}

/** How things are at one moment. */
export interface MemorySample {
  /** Since the beginning, in seconds. */
  readonly at: number;
  /** Resident memory of the process, in bytes. */
  readonly resident: number;
  readonly produced: number;
  readonly consumed: number;
}

/** What came of a run. */
export interface MemoryResult {
  /** Until the last record was consumed, in seconds. */
  readonly seconds: number;
  /** How long the producer waited for room, in seconds, all together. */
  readonly waited: number;
  /** Until the producer had made the last record, in seconds. */
  readonly producing: number;
  /** The most records that were ever held at once. */
  readonly mostHeld: number;
  readonly consumed: number;
  /** Whether every record came, in order. */
  readonly inOrder: boolean;
}

const SAMPLE_INTERVAL = 50;

/** So many records go through before, so that what the code itself takes up is there when memory is first looked at. */
const WARM_UP = 5000;

async function run(
  queue: Queue,
  options: MemoryOptions,
  onSample: (sample: MemorySample) => void = () => {},
): Promise<MemoryResult> {
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  let waited = 0;
  let producing = 0;
  let inOrder = true;
  const sample = () => {
    const { entered: produced, left: consumed } = queue;
    onSample({ at: seconds(), resident: Deno.memoryUsage().rss, produced, consumed });
  };
  const produce = async () => {
    const pace = new Pace(options.produced);
    for (let n = 0; n < options.records; n++) {
      await pace.next();
      const waiting = queue.put(numberedBatch(n, options.bytes));
      if (waiting === undefined) continue;
      const before = performance.now();
      await waiting;
      waited += performance.now() - before;
    }
    producing = seconds();
    queue.close();
  };
  const consume = async () => {
    const pace = new Pace(options.consumed);
    for (let record = await queue.next(); record !== undefined; record = await queue.next()) {
      await pace.next();
      if (numbersIn(record)[0] !== queue.left) inOrder = false;
      queue.done();
    }
  };
  sample();
  const sampling = setInterval(sample, SAMPLE_INTERVAL);
  await Promise.all([produce(), consume()]);
  clearInterval(sampling);
  sample();
  const { mostHeld, left: consumed } = queue;
  return { seconds: seconds(), waited: waited / 1000, producing, mostHeld, consumed, inOrder };
}

function print(value: MemorySample | { result: MemoryResult }): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

if (import.meta.main) {
  const [kind, json] = Deno.args;
  if (kind !== "bounded" && kind !== "unbounded" || json === undefined) {
    throw new TypeError("Usage: memory_run.ts bounded|unbounded JSON_OF_MEMORY_OPTIONS");
  }
  const options: MemoryOptions = JSON.parse(json);
  await run(new BlockingQueue(options.capacity), { ...options, records: WARM_UP, consumed: 50_000 });
  const queue = kind === "bounded" ? new BlockingQueue(options.capacity) : new UnboundedQueue();
  print({ result: await run(queue, options, print) });
}
