// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { frameBinary, frameNdjson, frameValues } from "../../collector/framing.ts";
import { framingRefusal, rejectionRefusal } from "../../collector/ingest_answer.ts";
import type { Source } from "../../collector/source.ts";
import type { PolicyName } from "../../policies/mod.ts";
import { RecordedReplies, recordsOf, takeAll, TestIntake, type TestMessage, turn } from "./intakes.ts";
import { assertBalanced, makeSource, PRODUCER } from "./sources.ts";

const RECORD = 5000;
const POLICIES = ["drop_newest", "drop_oldest", "reject"] as const;

const number = fc.nat(1_000_000).map(String);
const text = fc.oneof(
  { weight: 12, arbitrary: fc.oneof(number, number.map((n) => `{"n":${n}}\n`)) },
  { weight: 3, arbitrary: fc.array(number, { maxLength: 6 }).map((numbers) => numbers.join("\n")) },
  { weight: 2, arbitrary: fc.array(number, { maxLength: 4 }).map((numbers) => `[${numbers.join(",\n")}]`) },
  { weight: 2, arbitrary: fc.array(number, { maxLength: 4 }).map((numbers) => numbers.join(" ")) },
  // Each takes a line feed more than it came with.
  { weight: 2, arbitrary: fc.array(number, { maxLength: 4 }).map((numbers) => `"${numbers.join('""')}"`) },
  { weight: 2, arbitrary: fc.nat(60).map((size) => `"${"é".repeat(size)}"`) },
  { weight: 2, arbitrary: fc.constantFrom("", "\n", " ", "{", "1,2", "}\n{", '"a', "tru", "\ufeff1") },
  { weight: 1, arbitrary: fc.nat(100).map((n) => `${n}${" ".repeat(64 * 1024)}`) },
  { weight: 1, arbitrary: fc.constant(`"${"x".repeat(RECORD)}"`) },
);
/** Size and content of a frame: a counterexample is to be readable. */
const binary = fc.tuple(
  fc.oneof(
    { weight: 8, arbitrary: fc.nat(60) },
    { weight: 1, arbitrary: fc.constantFrom(0, 4095, 4096, 4097, RECORD, RECORD + 1) },
  ),
  fc.nat(255),
);

/** What one read of a socket brought; mostly of one kind, as clients do. */
const read = fc.oneof(
  { weight: 4, arbitrary: fc.array(text, { minLength: 1, maxLength: 8 }) },
  { weight: 2, arbitrary: fc.array(binary, { minLength: 1, maxLength: 8 }) },
  { weight: 1, arbitrary: fc.array(fc.oneof(text, binary), { minLength: 1, maxLength: 8 }) },
);
const take = fc.record({ take: fc.integer({ min: 1, max: 8 }) });
const steps = fc.array(
  fc.oneof({ weight: 3, arbitrary: read.map((messages) => ({ messages })) }, { weight: 2, arbitrary: take }),
  { minLength: 1, maxLength: 25 },
);
const buffer = fc.record({
  records: fc.integer({ min: 1, max: 12 }),
  bytes: fc.constantFrom(30, 200, 12_000),
});

type Generated = string | readonly [size: number, value: number];

function made(messages: readonly Generated[]): TestMessage[] {
  return messages.map((message) =>
    typeof message === "string" ? message : new Uint8Array(message[0]).fill(message[1])
  );
}

/** Takes exactly so many records, if there are: one flush may take fewer, as it comes to the end of a chunk of memory. */
function takeRecords(source: Source, records: number): string[] {
  const taken: string[] = [];
  while (source.buffer.records > 0 && taken.length < records) {
    taken.push(...takeAll(source, { records: records - taken.length, bytes: 1 << 30 }));
  }
  return taken;
}

/** Offers one message by itself, as if there were no others. */
async function offerAlone(source: Source, replies: RecordedReplies, message: TestMessage): Promise<void> {
  const limits = { record: RECORD, records: source.buffer.capacity.records };
  const bytes = typeof message === "string" ? new TextEncoder().encode(message) : message.slice();
  let framing = typeof message === "string" ? frameNdjson(bytes, limits) : frameBinary(bytes, limits);
  if (!framing.ok && typeof message === "string" && framing.code !== "too_large") {
    framing = frameValues(new TextEncoder().encode(message), limits);
  }
  if (!framing.ok) {
    replies.refused(framingRefusal(source, framing));
    return;
  }
  const admission = await source.offer(framing.batch, PRODUCER);
  if ("rejected" in admission) replies.refused(rejectionRefusal(source, admission));
  else replies.admitted(1, admission);
}

Deno.test("MessageIntake makes of any messages what each would be by itself, under policies that do not wait", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...POLICIES), buffer, steps, async (policy, buffer, steps) => {
      const test = new TestIntake({ policy, buffer, record: RECORD });
      const model = makeSource({ policy, buffer });
      const expected = new RecordedReplies();
      for (const step of steps) {
        if ("take" in step) {
          assertEquals(takeRecords(test.source, step.take), takeRecords(model, step.take));
        } else {
          const messages = made(step.messages);
          await test.read(...messages);
          for (const message of messages) await offerAlone(model, expected, message);
          assertEquals(test.replies.summed, expected.summed);
        }
        assertBalanced(test.source);
      }
      assertEquals(test.waits, []);
      assertEquals(await test.drain(), drainAll(model));
      assertEquals(test.source.ledger.received, model.ledger.received);
      await test.assertTidy();
    }),
    { numRuns: 400 },
  );
});

Deno.test("MessageIntake keeps the newest records under drop_oldest, whatever a sink has begun to write", async () => {
  const numbers = fc.array(fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 12,
  });
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 3, max: 10 }),
      fc.nat(10),
      numbers,
      async (records, inFlight, reads) => {
        // Which of the messages is told to have been dropped, and which evicted, differs: what stays does not.
        const test = new TestIntake({ policy: "drop_oldest", buffer: { records, bytes: 10_000 } });
        const model = makeSource({ policy: "drop_oldest", buffer: { records, bytes: 10_000 } });
        const expected = new RecordedReplies();
        let n = 0;
        const next = (count: number) => Array.from({ length: count }, () => `${n++}`).join("\n");
        for (const counts of reads) {
          for (const source of [test.source, model]) {
            if (source.buffer.inFlight === undefined && inFlight > 0) {
              source.take({
                records: inFlight,
                bytes: 1e9,
              });
            }
          }
          const messages = counts.map(next);
          await test.read(...messages);
          for (const message of messages) await offerAlone(model, expected, message);
          assertEquals(balance(test.replies), balance(expected));
          assertBalanced(test.source);
        }
        for (const source of [test.source, model]) if (source.buffer.inFlight !== undefined) source.commit();
        assertEquals(await test.drain(), drainAll(model));
        await test.assertTidy();
      },
    ),
    { numRuns: 200 },
  );
});

/** Messages, records that came, and how many more there are than before. */
function balance({ replies }: RecordedReplies): number[] {
  let messages = 0, came = 0, more = 0;
  for (const reply of replies) {
    if ("refused" in reply) continue;
    messages += reply.messages;
    came += reply.accepted + reply.dropped;
    more += reply.accepted - reply.evicted;
  }
  return [messages, came, more];
}

Deno.test("MessageIntake makes of any messages what each would be by itself, under block, whenever there is room", async () => {
  const policy: PolicyName = "block";
  await fc.assert(
    fc.asyncProperty(buffer, steps, fc.array(fc.boolean()), async (buffer, steps, inFlight) => {
      const test = new TestIntake({ policy, buffer, record: RECORD });
      // Whatever can ever fit does so in the end: each message meets with an empty buffer.
      const model = makeSource({ policy, buffer });
      const expected = new RecordedReplies();
      const records: string[] = [];
      const all: string[] = [];
      for (const [i, step] of steps.entries()) {
        if ("take" in step) records.push(...await test.flush({ records: step.take, bytes: 1 << 30 }));
        else {
          // As when a sink is at work while messages come, and is done before the last of them.
          const isWriting = inFlight[i] === true && test.source.buffer.records > 0;
          const written = isWriting ? test.source.take({ records: 2, bytes: 1 << 30 }) : undefined;
          const shown = written === undefined ? [] : recordsOf(written);
          const messages = made(step.messages);
          for (const [at, message] of messages.entries()) {
            test.add(message);
            if (at % 3 === 2) await turn();
          }
          await turn();
          if (written !== undefined) test.source.commit();
          records.push(...shown);
          await turn();
          for (const message of messages) {
            await offerAlone(model, expected, message);
            all.push(...takeAll(model));
          }
        }
        assertBalanced(test.source);
        assertLessOrEqual(test.source.buffer.producersWaiting, 1);
        assertEquals(test.intake.waiting, test.source.buffer.producersWaiting === 1);
      }
      records.push(...await test.drain());
      assertEquals(records, all);
      assertEquals(test.replies.summed, expected.summed);
      await test.assertTidy();
    }),
    { numRuns: 300 },
  );
});

/** A flush takes texts or frames, never both. */
function drainAll(source: Source): string[] {
  const records: string[] = [];
  while (source.buffer.records > 0) records.push(...takeAll(source));
  return records;
}
