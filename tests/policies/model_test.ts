// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import type { Amount, BufferedBatch, RecordFormat } from "../../collector/batch.ts";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { block, dropNewest, dropOldest, type OverloadPolicy, reject } from "../../policies/mod.ts";
import { BufferModel, encode, type HeldRecord, type ModelRecord, sum, weightEndsOf } from "./model.ts";

const RUNS = 1_000;
const KIB = 1024;
const TIMEOUT = 100;
const EVENTS = ["admitted", "evicted", "committed", "discarded"] as const;

const POLICIES: readonly OverloadPolicy[] = [
  block({ timeout: TIMEOUT }),
  dropNewest(),
  dropOldest(),
  reject(),
];

/** Sizes of records, and limits at which they overflow. */
interface Scale {
  readonly size: fc.Arbitrary<number>;
  readonly records: fc.Arbitrary<number>;
  readonly bytes: fc.Arbitrary<number>;
}

/** Every buffer is full soon, every limit is hit exactly. */
const SMALL: Scale = {
  size: fc.integer({ min: 1, max: 16 }),
  records: fc.integer({ min: 1, max: 12 }),
  bytes: fc.integer({ min: 1, max: 60 }),
};

/** From one byte to larger than a full-grown chunk: chunks are filled, left, used again and freed. */
const LARGE: Scale = {
  size: fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: 1, max: 100 }) },
    { weight: 4, arbitrary: fc.integer({ min: 1_000, max: 5_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4 * KIB - 1, max: 4 * KIB + 1 }) },
    { weight: 1, arbitrary: fc.integer({ min: 60 * KIB, max: 70 * KIB }) },
    { weight: 1, arbitrary: fc.integer({ min: 256 * KIB - 1, max: 256 * KIB + 1 }) },
    { weight: 1, arbitrary: fc.constantFrom(300 * KIB, 1_024 * KIB, 1_100 * KIB) },
  ),
  records: fc.integer({ min: 1, max: 200 }),
  bytes: fc.integer({ min: 4 * KIB, max: 3_000 * KIB }),
};

const format = fc.constantFrom<RecordFormat>("json", "binary");

function operationsOf({ size, records, bytes }: Scale) {
  const type = <T extends string>(type: T) => fc.constant(type);
  const offer = fc.record({
    type: type("offer"),
    format,
    sizes: fc.oneof(
      { weight: 6, arbitrary: fc.array(size, { maxLength: 14, size: "max" }) },
      {
        weight: 1,
        arbitrary: fc.tuple(fc.nat(300), fc.nat(40)).map(([n, size]) => new Array<number>(n).fill(size + 1)),
      },
    ),
    owned: fc.boolean(),
    /** The heaviest record of a batch with weights; 0 for a batch without. */
    heaviest: fc.constantFrom(0, 0, 1, 5, 40),
    /** The batch is a view of memory that is so much larger. */
    slack: fc.constantFrom(0, 0, 1_000),
  });
  // A single large record that owns its memory is adopted, not copied.
  const frame = offer.map((offer) => ({ ...offer, sizes: [70 * KIB], owned: true }));
  const take = fc.record({ type: type("take"), limit: fc.record({ records, bytes }) });
  const settle = fc.record({ type: type("settle"), outcome: fc.constantFrom("commit", "commit", "discard") });
  const abort = fc.record({ type: type("abort"), index: fc.nat(20) });
  const tick = fc.record({ type: type("tick"), ms: fc.integer({ min: 1, max: TIMEOUT }) });
  const close = fc.record({ type: type("close") });
  return fc.array(
    fc.oneof(
      { weight: 80, arbitrary: offer },
      { weight: 8, arbitrary: frame },
      { weight: 50, arbitrary: take },
      { weight: 50, arbitrary: settle },
      { weight: 12, arbitrary: abort },
      { weight: 12, arbitrary: tick },
      { weight: 1, arbitrary: close },
    ),
    { maxLength: 60, size: "max" },
  );
}

function scenarioOf(scale: Scale) {
  return fc.record({
    capacity: fc.record({ records: scale.records, bytes: scale.bytes }),
    waiting: fc.integer({ min: 1, max: 6 }),
    /** Memory that chunks can be reserved in; where it is short they are made just as large as needed. */
    memory: fc.constantFrom(0, 20 * KIB, 500 * KIB, Infinity),
    /** A flush begins within the very call that admits a record, as one can of which the observer tells. */
    eager: fc.option(fc.record({ records: scale.records, bytes: scale.bytes }), { nil: undefined }),
    operations: operationsOf(scale),
  });
}

const scenario = fc.oneof(
  { weight: 3, arbitrary: scenarioOf(SMALL) },
  { weight: 1, arbitrary: scenarioOf(LARGE) },
);

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never;
type Operation = Scenario["operations"][number];
type Offer = Extract<Operation, { type: "offer" }>;

/** The real buffer and the model, side by side. */
class Harness {
  readonly #policy: OverloadPolicy;
  readonly #eager: Amount | undefined;
  readonly #model: BufferModel;
  readonly #buffer: BoundedBuffer;
  readonly #decided: unknown[] = [];
  readonly #controllers: AbortController[] = [];
  readonly #sums: BufferModel["sums"];
  /** What is in flight: what the buffer handed out, and what it has to be. */
  #taken: BufferedBatch | undefined;
  #expected: readonly HeldRecord[] = [];
  #nextId = 0;
  /** Bytes of memory that the buffer booked. */
  #booked = 0;

  constructor(policy: OverloadPolicy, { capacity, waiting, eager, memory: limit }: Scenario) {
    this.#policy = policy;
    this.#eager = eager;
    this.#model = new BufferModel({ policy: policy.name, capacity, timeout: TIMEOUT, waiting });
    const sums = this.#sums = structuredClone(this.#model.sums);
    const count = (event: keyof typeof sums) => (amount: Amount) => {
      sums[event].records += amount.records;
      sums[event].bytes += amount.bytes;
      this.#assertBooks();
    };
    const admitted = (amount: Amount) => {
      count("admitted")(amount);
      if (this.#eager !== undefined && this.#taken === undefined) {
        this.#taken = this.#buffer.take(this.#eager);
      }
    };
    const [, evicted, committed, discarded] = EVENTS.map(count);
    const observer = { admitted, evicted: evicted!, committed: committed!, discarded: discarded! };
    const memory = {
      tryReserve: (bytes: number) => this.#booked + bytes <= limit && (this.#booked += bytes, true),
      charge: (bytes: number) => void (this.#booked += bytes),
      release: (bytes: number) => void (this.#booked -= bytes),
    };
    this.#buffer = new BoundedBuffer({ ...capacity, waiting, observer, memory });
  }

  async run(operation: Operation, time: FakeTime): Promise<void> {
    switch (operation.type) {
      case "offer":
        await this.#offer(operation);
        break;
      case "take":
        if (this.#taken === undefined) this.#taken = this.#buffer.take(operation.limit);
        else assertEquals(this.#buffer.take(operation.limit), undefined);
        break;
      case "settle":
        this.#settle(operation.outcome === "commit" ? "committed" : "discarded");
        break;
      case "abort": {
        const { waiting } = this.#model;
        if (waiting.length === 0) break;
        const index = operation.index % waiting.length;
        this.#controllers[waiting[index]!.producer]!.abort();
        this.#model.abort(index, Date.now());
        break;
      }
      case "tick":
        time.tick(operation.ms);
        this.#model.expire(Date.now());
        break;
      case "close":
        this.#buffer.close();
        this.#model.close();
    }
    this.#adoptTaken(operation.type === "take" ? operation.limit : this.#eager);
    for (let i = 0; i < 4; i++) await Promise.resolve();
    this.#assertSame();
  }

  /** Everything that is left comes out in order, and nothing else. */
  async end(time: FakeTime): Promise<void> {
    await this.run({ type: "close" }, time);
    while (this.#buffer.records > 0) {
      await this.run({ type: "take", limit: { records: 1_000, bytes: 1_000 * KIB } }, time);
      await this.run({ type: "settle", outcome: "commit" }, time);
    }
    assertEquals(this.#model.held, []);
    assertEquals(this.#buffer.take({ records: 1, bytes: 1 }), undefined);
    assertEquals(this.#booked, 0);
  }

  async #offer({ format, sizes, owned, slack, heaviest }: Offer): Promise<void> {
    const weighted = heaviest > 0;
    const records = sizes.map((size): ModelRecord => {
      const id = this.#nextId++;
      return { id, size, format, weighted, weight: weighted ? 1 + id * 7 % heaviest : 1 };
    });
    const producer = this.#controllers.push(new AbortController()) - 1;
    const { data, ends } = encode(records, slack);
    this.#model.offer(producer, records, Date.now());
    const decide = (admission: unknown) => {
      this.#decided.push({ producer, admission });
      // The memory of a batch that is not the buffer's own is used for something else now.
      if (!owned) data.fill(0xee);
    };
    const { signal } = this.#controllers[producer]!;
    const batch = { format, data, ends, owned, ...(weighted && { weightEnds: weightEndsOf(records) }) };
    const admission = this.#policy.admit(this.#buffer, batch, { signal });
    if (admission instanceof Promise) admission.then(decide);
    else decide(admission);
    await undefined;
  }

  #settle(outcome: "committed" | "discarded"): void {
    const batch = this.#taken;
    if (batch === undefined) return;
    assertContent(batch, this.#expected); // whatever was offered and evicted meanwhile
    this.#taken = undefined;
    this.#model.settle(outcome, Date.now());
    if (outcome === "committed") this.#buffer.commit();
    else this.#buffer.discard();
  }

  /** Compares a batch that was just taken with what the model has at its front. */
  #adoptTaken(limit: Amount | undefined): void {
    const batch = this.#taken;
    if (batch === undefined || this.#model.inFlight > 0) return;
    this.#expected = this.#model.take(batch.ends.length);
    assertContent(batch, this.#expected);
    const single = batch.ends.length === 1;
    const { records, bytes } = sum(this.#expected);
    assert(single || records <= limit!.records && bytes <= limit!.bytes);
  }

  #assertSame(): void {
    const model = this.#model;
    const buffer = this.#buffer;
    assertEquals(this.#decided.splice(0), model.decided.splice(0));
    assertEquals(this.#sums, model.sums);
    assertEquals(buffer.position, model.position);
    assertEquals(buffer.producersWaiting, model.waiting.length);
    assertEquals(buffer.inFlight?.records ?? 0, sum(model.held.slice(0, model.inFlight)).records);
    assertEquals(buffer.oldest, model.held[model.inFlight]?.admittedAt);
    this.#assertBooks();
    // A record takes up its bytes, 12 for its end and its time, and 4 for its weight where it has one.
    const least = model.held.reduce((sum, { weighted }) => sum + (weighted ? 16 : 12), buffer.bytes);
    assert(this.#booked >= least, `${this.#booked} bytes booked`);
  }

  /** Holds at every moment: within the observer, too. */
  #assertBooks(): void {
    const { admitted, evicted, committed, discarded } = this.#sums;
    const { records, bytes, capacity } = this.#buffer;
    assert(records <= capacity.records && bytes <= capacity.bytes, "over its limit");
    assert(records === admitted.records - evicted.records - committed.records - discarded.records, "records");
    assert(bytes === admitted.bytes - evicted.bytes - committed.bytes - discarded.bytes, "bytes");
  }
}

function assertContent(batch: BufferedBatch, records: readonly HeldRecord[]): void {
  const { data, ends } = encode(records, 0);
  assert(records.every(({ format }) => format === batch.format), "another format");
  assert(Buffer.compare(data, batch.data) === 0, "other bytes");
  assertEquals(Array.from(batch.ends), Array.from(ends));
  const { weightEnds } = batch;
  // A record without a weight weighs 1, whether its batch says so, as one beside others with weights does, or not.
  const told = weightEnds === undefined ? records.map((_, index) => index + 1) : Array.from(weightEnds);
  assertEquals(told, Array.from(weightEndsOf(records)));
  assertEquals(Array.from(batch.admittedAt), records.map(({ admittedAt }) => admittedAt));
}

for (const policy of POLICIES) {
  Deno.test(`${policy.name} admits, drops, evicts and delivers exactly what the model does`, async () => {
    using time = new FakeTime(1_000);
    await fc.assert(
      fc.asyncProperty(scenario, async (scenario) => {
        const harness = new Harness(policy, scenario);
        for (const operation of scenario.operations) await harness.run(operation, time);
        await harness.end(time);
      }),
      { numRuns: RUNS },
    );
  });
}
