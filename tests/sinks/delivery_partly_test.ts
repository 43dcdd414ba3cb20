// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { RecordRange } from "../../collector/record_ranges.ts";
import type { Settlement } from "../../collector/settlements.ts";
import { SinkError } from "../../sinks/sink.ts";
import type { SinkSlot } from "../../sinks/sink_sender.ts";
import { admit, assertBalanced, makeSource } from "../collector/sources.ts";
import { broken, FakeSink, makePool } from "./fake_sink.ts";

const NEVER = 1 << 30;

/** An error of a sink that took everything but records `from` to `to`, of each pair. */
function refusing(...ranges: [from: number, to: number][]): SinkError {
  const untaken: RecordRange[] = ranges.map(([from, to]) => ({ from, to }));
  return new SinkError("refused", { kind: "http_413", retryable: false, untaken });
}

/** A source of batches of six records, each of which somebody waits for. */
function setUp<Name extends string>(around: Record<Name, Partial<SinkSlot>>, used: readonly NoInfer<Name>[]) {
  const names = Object.keys(around) as Name[];
  const sinks = Object.fromEntries(names.map((name) => [name, new FakeSink()])) as Record<Name, FakeSink>;
  const { pool } = makePool(sinks, 4, {}, around);
  const source = makeSource({
    sinks: used,
    policy: "reject",
    ack: "written",
    batch: { records: 6, bytes: NEVER, linger: NEVER },
  });
  pool.attach(source);
  const settled: (Settlement | undefined)[] = [];
  const send = async (time: FakeTime) => {
    for (let i = 0; i < 6; i++) {
      const { position } = admit(source, `${i}`.repeat(i + 1));
      source.settled(position, 1).then((settlement) => settled[i] = settlement);
    }
    await time.runMicrotasks();
    assertBalanced(source);
    assertEquals(source.buffer.records, 0);
  };
  return { sinks, source, send, settled };
}

function amounts(tallies: { entries(): Iterable<[string, { amount: unknown }]> }): Record<string, unknown> {
  return Object.fromEntries(Array.from(tallies.entries(), ([key, { amount }]) => [key, amount]));
}

Deno.test("Delivery books just the records as lost that a sink refused, and tells just who sent them", async () => {
  using time = new FakeTime();
  const { sinks: { up }, source, send, settled } = setUp({ up: {} }, ["up"]);
  up.writeErrors.push(refusing([1, 2], [4, 6]));
  await send(time);
  // Records of 3, 6 and 7 bytes with their line feeds, out of 2 + 3 + 4 + 5 + 6 + 7.
  const { ledger } = source;
  assertEquals(amounts(ledger.dropped), { sink_failed: { records: 3, bytes: 16 } });
  assertEquals(ledger.delivered.amount, { records: 3, bytes: 11 });
  assertEquals(amounts(ledger.deliveredBySink), { up: { records: 3, bytes: 11 } });
  assertEquals(settled, ["delivered", "lost", "delivered", "delivered", "lost", "lost"]);
});

Deno.test("Delivery books a record once that several sinks refused", async () => {
  using time = new FakeTime();
  const { sinks: { a, b }, source, send, settled } = setUp({ a: {}, b: {} }, ["a", "b"]);
  a.writeErrors.push(refusing([0, 1], [3, 5]));
  b.writeErrors.push(refusing([2, 4]));
  await send(time);
  assertEquals(source.ledger.dropped.total.records, 4);
  assertEquals(source.ledger.delivered.records, 2);
  assertEquals(settled, ["lost", "delivered", "lost", "lost", "lost", "delivered"]);
  b.writeErrors.push(broken());
  a.writeErrors.push(refusing([0, 1]));
  await send(time);
  assertEquals(source.ledger.dropped.total.records, 10); // the whole batch, by the other sink
});

Deno.test("Delivery sends the refused records to the dead letter sink, and no others", async () => {
  using time = new FakeTime();
  const { sinks: { up, spill }, source, send, settled } = setUp({ up: { deadLetter: "spill" }, spill: {} }, [
    "up",
  ]);
  up.writeErrors.push(refusing([1, 3], [5, 6]));
  await send(time);
  assertEquals(spill.lines(), ["11", "222", "555555"]);
  const { ledger } = source;
  assertEquals(ledger.delivered.records, 6);
  assertEquals(amounts(ledger.deadLettered), { up: { records: 3, bytes: 14 } });
  assertEquals(amounts(ledger.deliveredBySink), {
    up: { records: 3, bytes: 13 },
    spill: { records: 3, bytes: 14 },
  });
  assertEquals(settled, Array(6).fill("delivered"));
});

Deno.test("Delivery loses of the refused records those that the dead letter sink refuses too", async () => {
  using time = new FakeTime();
  const around = { up: { deadLetter: "spill" }, spill: {} };
  const { sinks: { up, spill }, source, send, settled } = setUp(around, ["up"]);
  up.writeErrors.push(refusing([1, 3], [5, 6]));
  spill.writeErrors.push(refusing([1, 3])); // of what it got: "222" and "555555"
  await send(time);
  assertEquals(settled, ["delivered", "delivered", "lost", "delivered", "delivered", "lost"]);
  assertEquals(amounts(source.ledger.dropped), { sink_failed: { records: 2, bytes: 11 } });
  up.writeErrors.push(refusing([0, 1]));
  spill.writeErrors.push(broken());
  await send(time);
  assertEquals(settled, ["lost", ...Array(5).fill("delivered")]);
});

Deno.test("Delivery sends a dead letter sink one thing at a time, and nothing again that it gets anyway", async () => {
  using time = new FakeTime();
  const around = { a: { deadLetter: "spill" }, b: { deadLetter: "spill" }, spill: {} };
  const { sinks: { a, b, spill }, source, send } = setUp(around, ["a", "b"]);
  a.writeErrors.push(refusing([0, 1]));
  b.writeErrors.push(refusing([5, 6]));
  await send(time);
  assertEquals([spill.lines(), spill.mostOfOneSource], [["0", "555555"], 1]);
  assertEquals(source.ledger.delivered.records, 6);

  const both = setUp({ a: { deadLetter: "spill" }, spill: {} }, ["a", "spill"]);
  both.sinks.a.writeErrors.push(refusing([0, 1]));
  await both.send(time);
  assertEquals(both.sinks.spill.lines().length, 6);
  assertEquals([both.source.ledger.delivered.records, both.source.ledger.dropped.total.records], [6, 0]);
});
