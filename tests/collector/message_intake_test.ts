// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { MessageAssembly } from "../../collector/message_assembly.ts";
import type { PolicyName } from "../../policies/mod.ts";
import { TestIntake, turn } from "./intakes.ts";
import { assertBalanced } from "./sources.ts";

const POLICIES: PolicyName[] = ["block", "drop_newest", "drop_oldest", "reject"];
const admitted = (messages: number, accepted: number, dropped = 0, evicted = 0) => ({
  messages,
  accepted,
  dropped,
  evicted,
});
const bytes = (size: number, value = 1) => new Uint8Array(size).fill(value);

Deno.test("MessageIntake.add() brings the small messages of one read in as one batch, in order", async () => {
  for (const policy of POLICIES) {
    const test = new TestIntake({ policy });
    await test.read('{"n":1}', '{"n":2}\n{"n":3}\n', "", '"é"', "[5,6]");
    assertEquals(test.replies.replies, [admitted(5, 5)]);
    assertEquals(test.admissions, 1);
    await test.read(bytes(3, 7), bytes(4095, 8));
    assertEquals([test.replies.replies[1], test.admissions], [admitted(2, 2), 2]);
    assertEquals(await test.flush(), ['{"n":1}', '{"n":2}', '{"n":3}', '"é"', "[5,6]"]);
    // The first chunk has no room for both.
    assertEquals([...await test.flush(), ...await test.flush()], [
      bytes(3, 7).toHex(),
      bytes(4095, 8).toHex(),
    ]);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake.add() keeps the order where texts and frames, small and large, follow each other", async () => {
  for (const policy of POLICIES) {
    const test = new TestIntake({ policy });
    const large = `"${"x".repeat(64 * 1024)}"`;
    await test.read("1", bytes(2), "3", large, "4", bytes(4096, 5), bytes(100_000, 6), bytes(1, 7), "8");
    const expected = ["1", "0101", "3", large, "4"];
    for (const [size, value] of [[4096, 5], [100_000, 6], [1, 7]]) expected.push(bytes(size!, value).toHex());
    assertEquals(await test.drain(), [...expected, "8"]);
    assertEquals(test.replies.summed, [admitted(9, 9)]);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake.add() refuses an invalid message in the midst of others alone, and as a whole", async () => {
  for (const policy of POLICIES) {
    const test = new TestIntake({ policy, buffer: { records: 5, bytes: 1000 }, record: 10 });
    await test.read("1", "2\n{", "3", '"123456789"', "4\n5", "1\n2\n3\n4\n5\n6");
    assertEquals(test.replies.summed, [
      admitted(1, 1),
      { refused: "invalid_record" },
      admitted(1, 1),
      { refused: "too_large" },
      admitted(1, 2),
      { refused: "too_large" },
    ]);
    assertEquals(await test.drain(), ["1", "3", "4", "5"]);
    await test.read(bytes(1), bytes(11), bytes(10, 2), bytes(0), bytes(5000));
    assertEquals(test.replies.summed.slice(6), [
      admitted(1, 1),
      { refused: "too_large" },
      admitted(2, 1),
      { refused: "too_large" },
    ]);
    assertEquals(await test.drain(), ["01", "02".repeat(10)]);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake.add() does not take values of two messages for one", async () => {
  const test = new TestIntake();
  await test.read('{"a":', "1}", "12", "34", "[1,", "2]");
  const invalid = { refused: "invalid_record" };
  assertEquals(test.replies.summed, [invalid, invalid, admitted(2, 2), invalid, invalid]);
  assertEquals(await test.drain(), ["12", "34"]);
});

Deno.test("MessageIntake.add() takes values over lines and side by side, an array as one record", async () => {
  const test = new TestIntake();
  await test.read("[1,\n 2]", '{\n"a" : 1.50\n}\n7', "8 9[10]", `[\n"${"y".repeat(70_000)}"\n]`);
  assertEquals(await test.drain(), [
    "[1,2]",
    '{"a":1.50}',
    "7",
    "8",
    "9",
    "[10]",
    `["${"y".repeat(70_000)}"]`,
  ]);
  assertEquals(test.replies.summed, [admitted(4, 7)]);
  await test.assertTidy();
});

Deno.test("MessageIntake.add() leaves the next message whole where values take more room than they came in", async () => {
  for (const count of [1, 2, 3, 10]) {
    const test = new TestIntake();
    const values = Array.from({ length: count }, (_, n) => `"${n}"`);
    await test.read("{", values.join(""), '"next"', "[3,\n4]");
    assertEquals(await test.drain(), [...values, '"next"', "[3,4]"]);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake.add() refuses what comes when its source is closed, whatever the policy", async () => {
  for (const policy of POLICIES) {
    const test = new TestIntake({ policy });
    await test.read("1");
    test.source.close();
    await test.read("2", "3");
    await test.read(bytes(5000));
    const shuttingDown = { refused: "shutting_down" };
    assertEquals(test.replies.summed, [admitted(1, 1), shuttingDown, shuttingDown, shuttingDown]);
    assertEquals(await test.drain(), ["1"]);
    assertBalanced(test.source);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake.add() admits empty messages as no records, under a full buffer and a closed one too", async () => {
  for (const policy of POLICIES) {
    const test = new TestIntake({ policy, buffer: { records: 1, bytes: 100 } });
    await test.read("1", "", " \n", bytes(0));
    await test.read("");
    test.source.close();
    await test.read("", bytes(0));
    assertEquals(test.replies.summed, [admitted(7, 1)]);
    assertEquals(await test.drain(), ["1"]);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake.add() tells of a text that is not UTF-8, and looks at nothing behind it", async () => {
  const test = new TestIntake();
  const text = Uint8Array.of(0x22, 0xff, 0x22);
  test.add("1");
  test.intake.add(text, false);
  await test.read("2");
  assertEquals([test.replies.replies, test.notUtf8.length, await test.drain()], [[admitted(1, 1)], 1, ["1"]]);
  assert(test.notUtf8[0]!.includes("0xFF"));
  await test.assertTidy();
});

Deno.test("MessageIntake.add() has one message after the other wait for room, and reads on behind the last", async () => {
  const test = new TestIntake({ policy: "block", buffer: { records: 2, bytes: 1000 } });
  await test.read("1", "2\n3", "4", "{", "5");
  assertEquals([test.replies.summed, test.waits, test.intake.waiting], [[admitted(1, 1)], [true], true]);
  await test.read("6", bytes(5000)); // what had been read ahead
  assertEquals(await test.flush(), ["1"]);
  assertEquals([test.replies.summed, test.waits], [[admitted(2, 3)], [true]]);
  assertEquals(await test.flush({ records: 1, bytes: 100 }), ["2"]);
  assertEquals(test.replies.summed, [admitted(3, 4), { refused: "invalid_record" }]);
  assertEquals(await test.drain(), ["3", "4", "5", "6"]);
  assertEquals(test.waits, [true, false]);
  assertEquals(test.replies.summed.slice(2), [admitted(2, 2), { refused: "too_large" }]);
  await test.read("7");
  assertEquals(await test.drain(), ["7"]);
  assertBalanced(test.source);
  await test.assertTidy();
});

Deno.test("MessageIntake.add() refuses what does not fit under reject, and takes a smaller one behind it", async () => {
  const test = new TestIntake({ policy: "reject", buffer: { records: 3, bytes: 1000 } });
  await test.read("1", "2\n3\n4", "5", "6\n7", "8");
  const overloaded = { refused: "overloaded" };
  assertEquals(test.replies.summed, [admitted(1, 1), overloaded, admitted(1, 1), overloaded, admitted(1, 1)]);
  assertEquals(await test.drain(), ["1", "5", "8"]);
  await test.assertTidy();
});

Deno.test("MessageIntake.add() drops exactly the records that have no room, a smaller one behind them not", async () => {
  const test = new TestIntake({ policy: "drop_newest", buffer: { records: 100, bytes: 10 } });
  await test.read("1", "22222", "333333", "4", "5");
  assertEquals(test.replies.summed, [admitted(5, 3, 2)]);
  assertEquals(await test.drain(), ["1", "22222", "4"]);
  await test.assertTidy();
});

Deno.test("MessageIntake.add() evicts exactly as many records as needed", async () => {
  const test = new TestIntake({ policy: "drop_oldest", buffer: { records: 4, bytes: 1000 } });
  await test.read("1", "2", "3");
  await test.read("4", "5\n6");
  assertEquals(test.replies.summed, [admitted(5, 6, 0, 2)]);
  assertEquals(await test.drain(), ["3", "4", "5", "6"]);
  await test.assertTidy();
});

Deno.test("MessageIntake.add() books large messages while they wait, and small ones not", async () => {
  const test = new TestIntake({ policy: "block", buffer: { records: 1, bytes: 300_000 } });
  await test.read("0");
  const base = test.memory.used;
  await test.read("1");
  assertEquals([test.intake.waiting, test.memory.used], [true, base]);
  await test.read(bytes(100_000), `"${"x".repeat(99_998)}"`);
  assertEquals(test.memory.used, base + 200_000);
  await test.drain();
  assertEquals(test.waits, [true, false]);
  await test.assertTidy();
});

Deno.test("MessageIntake.stop() lets go of what waits and of all behind it", async () => {
  const test = new TestIntake({ policy: "block", buffer: { records: 1, bytes: 300_000 } });
  await test.read("0", "1", "2");
  await test.read(bytes(100_000));
  test.intake.stop();
  test.gone.abort();
  await turn();
  await test.read("3", bytes(100_000));
  assertEquals([test.intake.waiting, test.waits], [false, [true, false]]);
  assertEquals(await test.drain(), ["0"]);
  assertEquals(test.replies.summed.slice(0, 1), [admitted(1, 1)]);
  await test.assertTidy();
});

Deno.test("MessageIntake.stop() does not undo what was added before it", async () => {
  // Alike for messages that are framed together, and for those that are not.
  for (const second of ["2", "[2,\n2]"]) {
    const test = new TestIntake();
    test.add("1");
    test.add(second);
    test.intake.stop();
    await turn();
    assertEquals(await test.drain(), ["1", second.replace("\n", "")]);
  }
});

Deno.test("MessageIntake looks at nothing behind a refusal after which the client may not go on", async () => {
  for (const policy of POLICIES) {
    const test = new TestIntake({ policy });
    test.replies.goesOn = false;
    await test.read("1", "{", "2");
    await test.read("3", bytes(5000));
    assertEquals(test.replies.summed, [admitted(1, 1), { refused: "invalid_record" }]);
    assertEquals(await test.drain(), ["1"]);
    await test.assertTidy();
  }
});

Deno.test("MessageIntake waits for a client that has not read what it was told", async () => {
  const test = new TestIntake({ policy: "reject" });
  const behind = Promise.withResolvers<void>();
  test.replies.behind = behind.promise;
  await test.read("1", "{", "2");
  assertEquals([test.replies.summed, test.waits], [[admitted(1, 1)], [true]]);
  behind.resolve();
  await turn();
  assertEquals(test.replies.summed.slice(1), [{ refused: "invalid_record" }, admitted(1, 1)]);
  assertEquals(await test.drain(), ["1", "2"]);
  await test.assertTidy();
});

Deno.test("MessageIntake.add() flushes another connection's messages first", async () => {
  const assembly = new MessageAssembly();
  const first = new TestIntake({ assembly });
  const second = new TestIntake({ assembly, source: first.source });
  first.add("1");
  second.add("2");
  first.add("3");
  second.add(bytes(1));
  await turn();
  assertEquals(await first.drain(), ["1", "2", "3", "01"]);
  assertEquals([first.replies.summed, second.replies.summed], [[admitted(2, 2)], [admitted(2, 2)]]);
});

Deno.test("MessageIntake.add() copies: ten thousand small messages take the memory of their records", async () => {
  const test = new TestIntake({ policy: "reject", buffer: { records: 20_000, bytes: 1 << 22 } });
  const text = JSON.stringify({ pad: "x".repeat(188) });
  for (let i = 0; i < 100; i++) await test.read(...new Array<string>(100).fill(text));
  assertEquals([test.source.buffer.records, test.admissions], [10_000, 100]);
  assertGreaterOrEqual(test.memory.used, 200 * 10_000 - 1);
  assertLess(test.memory.used, 1.3 * 200 * 10_000);
  assertEquals(new Set(await test.drain()), new Set([text]));
  await test.assertTidy();
});

Deno.test("MessageIntake.add() takes more in one turn than the assembly holds", async () => {
  const test = new TestIntake({ policy: "block", buffer: { records: 100_000, bytes: 1 << 24 } });
  const texts = Array.from({ length: 50 }, (_, n) => `"${n}${"x".repeat(10_000)}"`);
  await test.read(...texts);
  assertEquals(await test.drain(), texts);
  assertLessOrEqual(test.admissions, 10);
  assertEquals(test.replies.summed, [admitted(50, 50)]);
  await test.assertTidy();
});
