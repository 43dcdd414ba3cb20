// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { numberedBatch } from "./numbered_batch.ts";
import { Pace } from "./pace.ts";
import { BlockingQueue } from "./queue.ts";
import { numbersIn } from "../../tests/e2e/numbered_records.ts";

/** Options of {@linkcode runStages}. */
export interface StagesOptions {
  /** How many records the producer makes a second, if nothing holds it up. The other stages can take four times that. */
  readonly produced: number;
  /** How many records the consumer takes a second while it is slow. */
  readonly slow: number;
  /** How many records each of the two buffers holds. */
  readonly capacity: number;
  /** How long all goes well, how long the consumer is slow, and how long all goes well again, in milliseconds. */
  readonly phases: readonly [well: number, slow: number, wellAgain: number];
}

/** How many records have passed each stage so far. */
export interface StagesSample {
  /** Since the beginning, in seconds. */
  readonly at: number;
  /** Admitted to the first buffer. */
  readonly produced: number;
  /** Admitted to the second one. */
  readonly transformed: number;
  readonly consumed: number;
  /** How many records each buffer holds; one that the transformer has in its hands is in both for a moment. */
  readonly held: readonly [first: number, second: number];
}

/** What came of it. */
export interface StagesResult {
  readonly samples: readonly StagesSample[];
  readonly produced: number;
  readonly consumed: number;
  /** Whether all came in order, and as the transformer makes them. */
  readonly inOrder: boolean;
  /** The most records that the producer was ever ahead of the consumer. */
  readonly mostAhead: number;
  /** How many records the producer could still get rid of, once the consumer was slow, before it had to wait. */
  readonly beforeFirstWait: number;
  /** How many the consumer took meanwhile. */
  readonly consumedMeanwhile: number;
  /** How long the producer waited for room, all together, in seconds. */
  readonly waited: number;
  /** When the consumer became slow, and when it was well again, in seconds since the beginning. */
  readonly slowFrom: number;
  readonly slowTo: number;
}

/** How many records came in at one end, and how many went out at the other. */
interface Counts {
  readonly produced: number;
  readonly consumed: number;
}

const RECORD_BYTES = 100;
const SAMPLE_INTERVAL = 250;
/** How many times as fast as the producer the others can be. */
const SPARE = 4;

/**
 * Runs producer, transformer and consumer with a bounded buffer between each two, and makes the consumer slow for a while.
 *
 * @param options How fast, how large, how long.
 * @param onSample Is told how things are, a few times a second.
 * @returns What came of it, when everything that was produced has been consumed.
 */
export async function runStages(
  { produced: rate, slow: slowRate, capacity, phases }: StagesOptions,
  onSample: (sample: StagesSample) => void = () => {},
): Promise<StagesResult> {
  let mostAhead = 0;
  const second = new BlockingQueue(capacity);
  const first = new BlockingQueue(capacity, () => {
    mostAhead = Math.max(mostAhead, first.entered - second.left);
  });
  const consumerPace = new Pace(rate * SPARE);
  let waited = 0;
  let inOrder = true;
  let producing = true;
  let slow = false;
  let atFirstWait: Counts | undefined;
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const counts = (): Counts => ({ produced: first.entered, consumed: second.left });

  const produce = async () => {
    const pace = new Pace(rate);
    for (let n = 0; producing; n++) {
      await pace.next();
      const waiting = first.put(numberedBatch(n, RECORD_BYTES));
      if (waiting === undefined) continue;
      if (slow) atFirstWait ??= counts();
      const before = performance.now();
      await waiting;
      waited += performance.now() - before;
    }
    first.close();
  };
  const transform = async () => {
    const pace = new Pace(rate * SPARE);
    for (let record = await first.next(); record !== undefined; record = await first.next()) {
      await pace.next();
      await second.put(numberedBatch(numbersIn(record)[0]! * 2, RECORD_BYTES));
      first.done();
    }
    second.close();
  };
  const consume = async () => {
    for (let record = await second.next(); record !== undefined; record = await second.next()) {
      await consumerPace.next();
      if (numbersIn(record)[0] !== second.left * 2) inOrder = false;
      second.done();
    }
  };
  const samples: StagesSample[] = [];
  const sample = () => {
    const transformed = second.entered;
    samples.push({ at: seconds(), ...counts(), transformed, held: [first.held, second.held] });
    onSample(samples.at(-1)!);
  };
  sample();
  const sampling = setInterval(sample, SAMPLE_INTERVAL);
  const stages = Promise.all([produce(), transform(), consume()]);
  await delay(phases[0]);
  const slowFrom = seconds();
  const atSlowing = counts();
  slow = true;
  consumerPace.perSecond = slowRate;
  await delay(phases[1]);
  const slowTo = seconds();
  slow = false;
  consumerPace.perSecond = rate * SPARE;
  await delay(phases[2]);
  producing = false;
  await stages;
  clearInterval(sampling);
  return {
    ...counts(),
    samples,
    inOrder,
    mostAhead,
    beforeFirstWait: atFirstWait === undefined ? NaN : atFirstWait.produced - atSlowing.produced,
    consumedMeanwhile: atFirstWait === undefined ? NaN : atFirstWait.consumed - atSlowing.consumed,
    waited: waited / 1000,
    slowFrom,
    slowTo,
  };
}
