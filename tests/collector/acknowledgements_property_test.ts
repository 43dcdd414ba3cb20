// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { TestAcknowledgements } from "./acknowledged_client.ts";
import { jsonBatch } from "../sinks/batches.ts";
import { turn } from "./intakes.ts";

const CREDIT = 8;

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ admit: fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ refuse: true }) },
  { weight: 3, arbitrary: fc.record({ deliver: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ lose: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ sent: fc.integer({ min: 1, max: 3 }) }) },
  { weight: 4, arbitrary: fc.constant({ turn: true }) },
);

/** What a client makes of what it is told. */
class Client {
  /** Number of its last message, and how many records it had. */
  readonly records: number[] = [];
  readonly nacked = new Set<number>();
  acked = 0;
  credit = CREDIT;
  readonly sums = { accepted: 0, dropped: 0, evicted: 0 };

  // deno-lint-ignore no-explicit-any -- whatever is told
  read(messages: any[]): void {
    for (const { type, seq, credit, ...rest } of messages) {
      assertLessOrEqual(seq, this.records.length, "of a message that was never sent");
      if (type === "nack") {
        assert(!this.nacked.has(seq), `${seq} is refused twice`);
        assert(seq > this.acked, `${seq} is refused behind an ack of ${this.acked}`);
        this.nacked.add(seq);
      } else {
        assertEquals(type, "ack");
        assertGreaterOrEqual(seq, this.acked);
        this.acked = seq;
        this.credit = credit;
        for (const key of ["accepted", "dropped", "evicted"] as const) this.sums[key] += rest[key];
      }
    }
  }

  /** How many are neither acked nor nacked. */
  get underWay(): number {
    let count = 0;
    for (let seq = this.acked + 1; seq <= this.records.length; seq++) if (!this.nacked.has(seq)) count++;
    return count;
  }
}

Deno.test("Acknowledgements covers every message once, counts every record once, and knows what is under way", async () => {
  const scenario = fc.record({
    policy: fc.constantFrom("drop_newest" as const, "drop_oldest" as const),
    ack: fc.constantFrom("buffered" as const, "written" as const, "synced" as const),
    records: fc.integer({ min: 3, max: 12 }),
    steps: fc.array(step, { maxLength: 60 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ policy, ack, records, steps }) => {
      const test = new TestAcknowledgements({
        policy,
        ack,
        credit: CREDIT,
        buffer: { records, bytes: 1 << 20 },
      });
      const client = new Client();
      const expected = { accepted: 0, dropped: 0, evicted: 0 };
      let n = 0;
      const { acks, source } = test;
      const receive = (records: number): boolean => {
        // What was told and not read yet makes no difference to the daemon: it counts from when it told it.
        client.read(test.take());
        const mayCome = client.underWay < CREDIT;
        client.records.push(records);
        assertEquals(acks.receive(), mayCome, `message ${client.records.length}`);
        return mayCome;
      };
      for (const step of steps) {
        if ("admit" in step) {
          let lines: string[] = [], messages = 0;
          for (const count of step.admit) {
            if (lines.length + count > records) break; // such a batch is no admission
            if (!receive(count)) return; // such a client is closed
            messages++;
            lines = [...lines, ...Array.from({ length: count }, () => `${n++}`)];
          }
          if (messages === 0) continue;
          const before = source.ledger.dropped.total.records;
          const admission = source.offer(jsonBatch(lines), { signal: new AbortController().signal });
          assert(!(admission instanceof Promise) && "accepted" in admission);
          assertEquals(
            source.ledger.dropped.total.records - before,
            admission.dropped.records + admission.evicted.records,
          );
          for (const key of ["accepted", "dropped", "evicted"] as const) {
            expected[key] += admission[key].records;
          }
          acks.admitted(messages, admission);
        } else if ("refuse" in step) {
          if (!receive(0)) return;
          acks.refused({ status: 400, code: "invalid_record", message: "why" });
        } else if ("deliver" in step) {
          if (source.buffer.records > 0) test.deliver(step.deliver);
        } else if ("lose" in step) {
          if (source.buffer.records > 0) test.lose(step.lose);
        } else if ("sent" in step) {
          await test.sent(step.sent);
        } else await turn();
      }
      while (source.buffer.records > 0) test.deliver(3);
      acks.drain();
      for (let i = 0; i < 20 && test.drained === 0; i++) await test.sent();
      client.read(test.take());
      assertGreaterOrEqual(test.drained, 1);
      assertEquals([client.acked, client.underWay], [client.records.length, 0]);
      const { accepted, ...others } = client.sums;
      const { accepted: admitted, ...otherExpected } = expected;
      assertEquals(others, otherExpected);
      if (ack === "buffered") assertEquals(accepted, admitted);
      else {
        // What was delivered of a message that was refused is not told; what is told was delivered.
        assertLessOrEqual(accepted, source.ledger.delivered.records);
        const isWhole = ![...client.nacked].some((seq) => client.records[seq - 1]! > 0);
        if (isWhole) assertEquals(accepted, source.ledger.delivered.records);
      }
    }),
    { numRuns: 500 },
  );
});
