// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import type { Settlement } from "../../collector/settlements.ts";
import type { Source } from "../../collector/source.ts";
import type { SinkSlot } from "../../sinks/sink_sender.ts";
import { admit, assertBalanced, makeSource } from "../collector/sources.ts";
import { broken, busy, FakeSink, makePool } from "./fake_sink.ts";

const NEVER = 1 << 30;
const NAMES = ["up", "disk", "spill"] as const;
type Name = typeof NAMES[number];

/** Where the sources go; `spill` is the dead letter sink of `up`, by itself or beside it, and of `disk` in some runs. */
const ROUTES: readonly (readonly Name[])[] = [["up"], ["disk"], ["disk", "up"], ["spill"], ["up", "spill"]];

const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("admit" as const),
      source: fc.nat(ROUTES.length - 1),
      records: fc.integer({ min: 1, max: 5 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("busy" as const, "busy" as const, "broken" as const),
      sink: fc.constantFrom(...NAMES),
      times: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("stall" as const, "resume" as const, "obey" as const, "ignore" as const),
      sink: fc.constantFrom(...NAMES),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("tick" as const), ms: fc.nat(400) }) },
);

type PlannedEvent = typeof event extends fc.Arbitrary<infer Event> ? Event : never;

const around = fc.record({
  timeout: fc.option(fc.integer({ min: 20, max: 300 }), { nil: undefined }),
  concurrency: fc.option(fc.integer({ min: 1, max: 2 }), { nil: undefined }),
  breaker: fc.option(
    fc.record({ failures: fc.integer({ min: 1, max: 3 }), pause: fc.integer({ min: 50, max: 500 }) }),
    { nil: undefined },
  ),
  retry: fc.constantFrom(0, 150, 600, Infinity).map((maxElapsed) => ({ initial: 20, max: 80, maxElapsed })),
});

/** What a run is made of. */
interface Plan {
  readonly around: Record<Name, Partial<SinkSlot>>;
  readonly deadLetterOfDisk: boolean;
  readonly spare: number;
  readonly events: readonly PlannedEvent[];
  /** After how many milliseconds the daemon stops waiting; nothing for when everything is settled. */
  readonly deadline: number | undefined;
}

const plan: fc.Arbitrary<Plan> = fc.record({
  around: fc.record({ up: around, disk: around, spill: around }),
  deadLetterOfDisk: fc.boolean(),
  spare: fc.nat(2),
  events: fc.array(event, { minLength: 10, maxLength: 60 }),
  deadline: fc.option(fc.nat(300), { nil: undefined }),
});

/** What became of records that somebody waits for. */
interface Answer {
  readonly source: number;
  readonly from: number;
  readonly to: number;
  settlement?: Settlement;
}

/** One run of a plan, and everything that must hold. */
class Run {
  readonly #plan: Plan;
  readonly #slots: Record<Name, Partial<SinkSlot>>;
  readonly #sinks: Record<Name, FakeSink> = {
    up: new FakeSink(),
    disk: new FakeSink(),
    spill: new FakeSink(),
  };
  readonly #sources: Source[];
  readonly #next = ROUTES.map(() => 0);
  readonly #answers: Answer[] = [];
  readonly #made: ReturnType<typeof makePool>;
  readonly #probes: Record<Name, number> = { up: -1, disk: -1, spill: -1 };
  readonly #faults: string[] = [];
  readonly #permits: number;

  constructor(plan: Plan) {
    this.#plan = plan;
    const { up, disk, spill } = plan.around;
    this.#slots = {
      up: { ...up, deadLetter: "spill" },
      disk: { ...disk, deadLetter: plan.deadLetterOfDisk ? "spill" : undefined },
      spill,
    };
    this.#permits = NAMES.length + plan.spare;
    this.#made = makePool(this.#sinks, this.#permits, {}, this.#slots);
    for (const name of NAMES) this.#sinks[name].onWrite = () => this.#checkBreaker(name);
    const batch = { records: 3, bytes: NEVER, linger: 20 };
    this.#sources = ROUTES.map((sinks, i) => makeSource({ name: `s${i}`, sinks, batch, policy: "reject" }));
    for (const source of this.#sources) this.#made.pool.attach(source);
  }

  /** What came about in it, to see that the plans are not too tame. */
  get tally() {
    const { attempts, failed, breaker } = this.#made.seen;
    return {
      timeouts: attempts.filter((attempt) => attempt.endsWith("timeout")).length,
      breakers: breaker.filter((change) => change.endsWith("-> open")).length,
      closed: breaker.filter((change) => change.endsWith("-> closed")).length,
      withoutAttempt: failed.filter((line) => line.includes("breaker_open given up")).length,
      deadLettered: this.#sum(({ ledger }) => ledger.deadLettered.total.records),
      dropped: this.#sum(({ ledger }) => ledger.dropped.total.records),
      delivered: this.#sum(({ ledger }) => ledger.delivered.records),
      left: this.#sum(({ buffer }) => buffer.records),
    };
  }

  async play(time: FakeTime): Promise<void> {
    for (const event of this.#plan.events) {
      if (event.kind === "admit") this.#admit(event.source, event.records);
      else if (event.kind === "tick") await time.tickAsync(event.ms);
      else {
        const sink = this.#sinks[event.sink];
        if ("times" in event) {
          const error = event.kind === "busy" ? busy : broken;
          sink.writeErrors.push(...Array.from({ length: event.times }, error));
        } else if (event.kind === "stall") sink.stall();
        else if (event.kind === "resume") sink.resume();
        else sink.obeys = event.kind === "obey";
      }
      this.#checkAtAnyTime();
    }
    const { pool } = this.#made;
    const { deadline } = this.#plan;
    if (deadline === undefined) { for (const name of NAMES) this.#sinks[name].resume(); }
    let drained = false;
    const draining = pool.drain(deadline ?? NEVER).then(() => drained = true);
    for (let i = 0; i < 1_000 && !drained; i++) {
      await time.tickAsync(25);
      this.#checkAtAnyTime();
    }
    assert(drained, "it does not come to an end");
    await draining;
    for (const source of this.#sources) source.abandon();
    for (const name of NAMES) this.#sinks[name].resume(); // what was left under way comes to rest
    await time.runMicrotasks();
    this.#checkAtTheEnd();
    assertEquals(time.next(), false, "a timer is left");
  }

  #admit(source: number, records: number): void {
    const from = this.#next[source]!;
    const to = this.#next[source] = from + records;
    const lines = Array.from({ length: records }, (_, i) => `${from + i}`);
    const { position } = admit(this.#sources[source]!, ...lines);
    const answer: Answer = { source, from, to };
    this.#answers.push(answer);
    this.#sources[source]!.settled(position, records).then((settlement) => answer.settlement = settlement);
  }

  /** Nobody begins before the pause is over, and then one alone. A sink that throws would only have failed: so it is noted. */
  #checkBreaker(name: Name): void {
    const pause = this.#slots[name].breaker?.pause;
    if (pause === undefined) return;
    const { breaker, breakerAt } = this.#made.seen;
    const last = breaker.findLastIndex((change) => change.startsWith(`${name} `));
    if (last < 0 || breaker[last]!.endsWith("-> closed")) return;
    const opened = breaker.findLastIndex((change) =>
      change.startsWith(`${name} `) && change.endsWith("-> open")
    );
    if (breaker[last]!.endsWith("-> open")) {
      this.#faults.push(`a write to '${name}' while its breaker was open`);
    }
    if (Date.now() < breakerAt[opened]! + pause) {
      this.#faults.push(`a write to '${name}' before the pause was over`);
    }
    if (this.#probes[name] === last) this.#faults.push(`two probes of '${name}' at once`);
    this.#probes[name] = last;
  }

  #checkAtAnyTime(): void {
    const { pool } = this.#made;
    assertEquals(this.#faults, []);
    assertLessOrEqual(pool.semaphore.inUse, this.#permits);
    for (const source of this.#sources) assertBalanced(source);
    for (const name of NAMES) {
      const { concurrency = Infinity } = this.#slots[name];
      assertLessOrEqual(this.#sinks[name].writing, concurrency);
      assertLessOrEqual(this.#sinks[name].mostOfOneSource, 1);
      assertLessOrEqual(pool.condition(name).inProgress, concurrency);
    }
  }

  #checkAtTheEnd(): void {
    const { pool } = this.#made;
    const complete = this.#plan.deadline === undefined;
    assertEquals([pool.semaphore.inUse, pool.semaphore.waiting], [0, 0]);
    for (const name of NAMES) {
      const { inProgress, waiting, overdue } = pool.condition(name);
      assertEquals([inProgress, waiting, overdue], [0, 0, 0]);
    }
    for (const [i, source] of this.#sources.entries()) {
      assertBalanced(source);
      if (complete) assertEquals([source.buffer.records, source.memory.used], [0, 0]);
      const has = new Map(NAMES.map((name) => [name, this.#sinks[name].lines(source.name).map(Number)]));
      for (const lines of has.values()) {
        assert(lines.every((line, at) => at === 0 || line > lines[at - 1]!), "out of order, or doubled");
      }
      // One record after the other: where is it, and is that what the books say?
      const expected = { delivered: 0, dropped: 0, deadLettered: 0 };
      const settled = this.#next[i]! - source.buffer.records;
      const lost = new Set<number>();
      for (let record = 0; record < settled; record++) {
        const fates = ROUTES[i]!.map((name) => this.#fateOf(record, name, has));
        if (fates.includes("nowhere")) lost.add(record);
        expected[fates.includes("nowhere") ? "dropped" : "delivered"]++;
        expected.deadLettered += fates.filter((fate) => fate === "dead letter").length;
      }
      const { delivered, dropped, deadLettered, deliveredBySink } = source.ledger;
      assertEquals([delivered.records, dropped.total.records], [expected.delivered, expected.dropped]);
      if (!complete) continue; // of a batch in flight some sinks may have been told of already
      assertEquals(deadLettered.total.records, expected.deadLettered);
      const bySink = new Map(deliveredBySink.entries());
      for (const [name, lines] of has) assertEquals(bySink.get(name)?.records ?? 0, lines.length);
      for (const { source: of, from, to, settlement } of this.#answers) {
        if (of !== i) continue;
        const some = Array.from({ length: to - from }, (_, at) => lost.has(from + at)).includes(true);
        assertEquals(settlement, some ? "lost" : "delivered");
      }
    }
    this.#checkAcknowledged();
  }

  /** An acknowledgement is never a lie, also where the daemon stopped in the middle. */
  #checkAcknowledged(): void {
    for (const { source, from, to, settlement } of this.#answers) {
      if (settlement !== "delivered") continue;
      const has = new Map(NAMES.map((name) => [name, this.#sinks[name].lines(`s${source}`).map(Number)]));
      for (let record = from; record < to; record++) {
        for (const name of ROUTES[source]!) assert(this.#fateOf(record, name, has) !== "nowhere");
      }
    }
  }

  #fateOf(record: number, name: Name, has: ReadonlyMap<Name, number[]>): "there" | "dead letter" | "nowhere" {
    if (has.get(name)!.includes(record)) return "there";
    const deadLetter = this.#slots[name].deadLetter as Name | undefined;
    return deadLetter !== undefined && has.get(deadLetter)!.includes(record) ? "dead letter" : "nowhere";
  }

  #sum(of: (source: Source) => number): number {
    return this.#sources.reduce((sum, source) => sum + of(source), 0);
  }
}

Deno.test("FlushPool: every record ends in one place, in order and as booked, whatever fails, stalls or is given up", async () => {
  const total: Record<string, number> = {};
  await fc.assert(
    fc.asyncProperty(plan, async (plan) => {
      using time = new FakeTime(0);
      const run = new Run(plan);
      await run.play(time);
      for (const [key, count] of Object.entries(run.tally)) total[key] = (total[key] ?? 0) + count;
    }),
    { numRuns: 150 },
  );
  for (const [key, count] of Object.entries(total)) {
    assertGreater(count, 20, `the plans are too tame: few ${key}`);
  }
});
