// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { SHUTTING_DOWN } from "../../collector/ingest_answer.ts";
import type { Refusal } from "../../collector/refusal.ts";
import { TestAcknowledgements } from "./acknowledged_client.ts";
import { turn } from "./intakes.ts";

const INVALID: Refusal = { status: 400, code: "invalid_record", message: "why" };
const OVERLOADED: Refusal = { status: 503, code: "overloaded", message: "full" };

const ack = (seq: number, accepted: number, { dropped = 0, evicted = 0, credit = 10 } = {}) => ({
  type: "ack",
  seq,
  accepted,
  dropped,
  evicted,
  credit,
});
const nack = (seq: number) => ({ type: "nack", seq, code: "invalid_record", message: "why" });
const lost = (seq: number) => ({
  type: "nack",
  seq,
  code: "not_written",
  message: "records of source 'orders' could not be written, send them again",
  retryAfterMs: 1000,
});

Deno.test("Acknowledgements.greet() tells the credit", () => {
  const client = new TestAcknowledgements({ credit: 7 });
  client.acks.greet();
  assertEquals(client.take(), [{ type: "hello", credit: 7 }]);
});

Deno.test("Acknowledgements has one ack under way, and sums up in the next what was settled meanwhile", async () => {
  const client = new TestAcknowledgements();
  client.admit("1");
  client.admit("2\n3");
  await turn();
  assertEquals(client.take(), [ack(2, 3)]);
  client.admit("4");
  client.admit("5");
  await turn();
  client.admit("6\n7");
  await turn();
  assertEquals(client.take(), []);
  await client.sent();
  assertEquals(client.take(), [ack(5, 4)]);
  await client.sent();
  assertEquals([client.take(), client.unsent], [[], 0]); // nothing to tell, nothing told
});

Deno.test("Acknowledgements.admitted() counts messages that were brought in together, dropped and evicted records", async () => {
  const client = new TestAcknowledgements({ policy: "drop_oldest", buffer: { records: 3, bytes: 1000 } });
  client.admit("1\n2\n3", 2);
  client.admit("4\n5", 2);
  client.source.take({ records: 2, bytes: 100 });
  client.admit("6\n7");
  await turn();
  assertEquals(client.take(), [ack(5, 6, { dropped: 1, evicted: 3 })]);
});

Deno.test("Acknowledgements.refused() tells of one message at once, and acks pass over it", async () => {
  const client = new TestAcknowledgements();
  client.admit("1");
  client.refuse(INVALID);
  client.refuse(OVERLOADED);
  client.admit("2");
  assertEquals(client.take(), [
    nack(2),
    { type: "nack", seq: 3, code: "overloaded", message: "full", retryAfterMs: 1000 },
  ]);
  await turn();
  assertEquals(client.take(), [ack(4, 2)]);
});

Deno.test("Acknowledgements.refused() stops at shutdown, and tells nothing of the message", async () => {
  const client = new TestAcknowledgements();
  assertEquals(client.acks.refused(SHUTTING_DOWN), false);
  assertEquals(client.acks.refused(INVALID), true);
  await turn();
  assertEquals(client.take(), [nack(1), ack(1, 0)]);
});

Deno.test("Acknowledgements.receive() allows as many messages as the credit, and not one more", async () => {
  const client = new TestAcknowledgements({ credit: 3 });
  assertEquals([1, 2, 3].map(() => client.acks.receive()), [true, true, true]);
  client.admit("1\n2", 2, false);
  await turn();
  assertEquals(client.take(), [ack(2, 2, { credit: 3 })]);
  assertEquals([1, 2, 3].map(() => client.acks.receive()), [true, true, false]);
});

Deno.test("Acknowledgements.receive() counts what is settled only once it was told", async () => {
  const client = new TestAcknowledgements({ credit: 2 });
  client.admit("1");
  await turn();
  client.admit("2");
  client.admit("3");
  await turn(); // the ack of these two waits for the first
  assertEquals(client.take().length, 1);
  assertEquals(client.acks.receive(), false);
});

Deno.test("Acknowledgements.receive() gives the place of a refused message free at once, and only once", async () => {
  const client = new TestAcknowledgements({ credit: 3, ack: "written" });
  client.admit("1");
  client.refuse(INVALID);
  client.refuse(INVALID);
  // Of three that came, one is under way; a cumulative ack of all three gives one place back, not three.
  await turn();
  assertEquals(client.take(), [nack(2), nack(3)]);
  assertEquals([1, 2].map(() => client.acks.receive()), [true, true]);
  client.deliver(1);
  await turn();
  assertEquals(client.take(), [ack(3, 1, { credit: 3 })]);
  assertEquals([1, 2].map(() => client.acks.receive()), [true, false]);
});

Deno.test("Acknowledgements.receive() gives no place free for refusals that a client leaves unread", async () => {
  const client = new TestAcknowledgements({ credit: 3, ack: "written" });
  client.takesNacks = false;
  client.admit("1");
  client.refuse(INVALID);
  client.refuse(INVALID);
  assertEquals(client.acks.receive(), false);
  await client.sent();
  assertEquals(client.acks.receive(), true);
});

for (const level of ["written", "synced"] as const) {
  Deno.test(`Acknowledgements tells at level ${level} what every sink has, and nothing before`, async () => {
    const client = new TestAcknowledgements({ ack: level });
    client.admit("1\n2");
    client.admit("3", 1);
    client.admit("", 1); // nothing of it is to be written
    await turn();
    assertEquals(client.take(), []);
    client.deliver(1);
    await turn();
    assertEquals(client.take(), []);
    client.deliver(1);
    await turn();
    assertEquals(client.take(), [ack(1, 2)]);
    await client.sent();
    client.deliver(5);
    await turn();
    assertEquals(client.take(), [ack(3, 1)]);
  });

  Deno.test(`Acknowledgements refuses at level ${level} each message of which a sink did not take all`, async () => {
    const client = new TestAcknowledgements({ ack: level });
    client.admit("1");
    client.admit("2\n3\n4", 2);
    client.admit("5");
    client.deliver(2);
    await turn();
    assertEquals(client.take(), [ack(1, 1)]);
    await client.sent();
    client.lose(2);
    await turn();
    assertEquals(client.take(), [lost(2), lost(3), ack(3, 0)]);
    await client.sent();
    client.deliver(1);
    await turn();
    assertEquals(client.take(), [ack(4, 1)]);
  });
}

Deno.test("Acknowledgements.caughtUp() waits for a client that leaves more than 64 KiB unread", async () => {
  const client = new TestAcknowledgements();
  client.bufferedAmount = 64 * 1024;
  assertEquals(client.acks.caughtUp(), undefined);
  client.bufferedAmount++;
  let isCaughtUp = false;
  client.acks.caughtUp()!.then(() => isCaughtUp = true);
  client.refuse(INVALID);
  await client.sent();
  assertEquals(isCaughtUp, false);
  client.bufferedAmount = 100;
  client.refuse(INVALID);
  await client.sent();
  assertEquals(isCaughtUp, true);
});

Deno.test("Acknowledgements.close() lets go who waits for a client that is gone", async () => {
  const client = new TestAcknowledgements();
  client.acks.close();
  client.bufferedAmount = 1 << 20;
  const caughtUp = client.acks.caughtUp()!;
  client.acks.close();
  await caughtUp;
});

Deno.test("Acknowledgements.drain() takes the credit away, and is done when all that was admitted is told", async () => {
  const client = new TestAcknowledgements({ ack: "written" });
  client.admit("1");
  client.admit("2");
  client.acks.drain();
  assertEquals(client.take(), [ack(0, 0, { credit: 0 })]);
  await client.sent();
  client.deliver(1);
  await turn();
  assertEquals([client.take(), client.drained], [[ack(1, 1, { credit: 0 })], 0]);
  client.lose(1);
  await turn();
  assertEquals([client.take(), client.drained], [[lost(2)], 0]);
  await client.sent();
  assertEquals([client.take(), client.drained], [[ack(2, 0, { credit: 0 })], 0]);
  await client.sent();
  assertEquals([client.take(), client.drained], [[], 1]);
});

Deno.test("Acknowledgements.drain() is done at once where nothing is under way", async () => {
  const client = new TestAcknowledgements();
  client.admit("1");
  await turn();
  await client.sent();
  client.acks.drain();
  assertEquals([client.take(), client.drained], [[ack(1, 1), ack(1, 0, { credit: 0 })], 0]);
  await client.sent();
  assertEquals(client.drained, 1);
});

Deno.test("Acknowledgements.drain() is done once, and not before the last ack is sent, while one is under way", async () => {
  const client = new TestAcknowledgements();
  client.admit("1");
  await turn();
  client.admit("2");
  client.acks.drain();
  assertEquals(client.take(), [ack(1, 1)]);
  await client.sent();
  assertEquals([client.take(), client.drained], [[ack(2, 1, { credit: 0 })], 0]);
  await client.sent();
  assertEquals(client.drained, 1);
});

Deno.test("Acknowledgements.receive() closes nobody who sends on while it drains", () => {
  const client = new TestAcknowledgements({ credit: 1, ack: "written" });
  client.admit("1");
  client.acks.drain();
  assertEquals([1, 2, 3].map(() => client.acks.receive()), [true, true, true]);
});

Deno.test("Acknowledgements.finish() tells what was not told yet, and nothing where there is nothing", async () => {
  const client = new TestAcknowledgements();
  client.acks.finish();
  assertEquals(client.take(), []);
  client.admit("1");
  client.acks.finish();
  assertEquals(client.take(), [ack(1, 1)]);
  await client.sent();
  client.acks.finish();
  assertEquals(client.take(), []);
});
