// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertNotStrictEquals } from "@std/assert";
import type { RecordFormat } from "../../collector/batch.ts";
import { applyMask } from "../../collector/frame_mask.ts";
import { MessageAssembly } from "../../collector/message_assembly.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const OWNER = { flush() {} };

/** Adds a message that is masked and in the midst of other bytes. */
function add(assembly: MessageAssembly, owner: { flush(): void }, message: Uint8Array, format: RecordFormat) {
  const bytes = new Uint8Array(message.length + 8);
  bytes.set(message, 5);
  applyMask(bytes, 5, 5 + message.length, 0x12c4_56f8);
  return assembly.add(owner, bytes, 5, 5 + message.length, 0x12c4_56f8, format);
}

function contents(assembly: MessageAssembly) {
  const { messages, format, bytes, ends } = assembly;
  return { messages, format, text: new TextDecoder().decode(bytes), ends: [...ends] };
}

Deno.test("MessageAssembly.add() ends each text with a line feed, where it has none", () => {
  const assembly = new MessageAssembly();
  for (const text of ["1", "2\n", "", "\n", "3\n\n", "é"]) {
    assertEquals(add(assembly, OWNER, encode(text), "json"), true);
  }
  assertEquals(contents(assembly), {
    messages: 6,
    format: "json",
    text: "1\n2\n\n\n3\n\né\n",
    ends: [2, 4, 5, 6, 9, 12],
  });
});

Deno.test("MessageAssembly.add() leaves frames as they are", () => {
  const assembly = new MessageAssembly();
  for (const text of ["ab", "", "c\n"]) assertEquals(add(assembly, OWNER, encode(text), "binary"), true);
  assertEquals(contents(assembly), { messages: 3, format: "binary", text: "abc\n", ends: [2, 2, 4] });
});

Deno.test("MessageAssembly.add() does not end an empty text with the line feed of the one before", () => {
  const assembly = new MessageAssembly();
  add(assembly, OWNER, encode("1\n"), "json");
  add(assembly, OWNER, encode(""), "json");
  assertEquals(contents(assembly).ends, [2, 3]);
});

Deno.test("MessageAssembly.add() copies", () => {
  const assembly = new MessageAssembly();
  const message = encode("12");
  assembly.add(OWNER, message, 0, 2, 0, "json");
  message.fill(0);
  assertEquals(contents(assembly).text, "12\n");
});

Deno.test("MessageAssembly.add() refuses another format, and takes it once it is empty", () => {
  for (const [first, second] of [["json", "binary"], ["binary", "json"]] as const) {
    const assembly = new MessageAssembly();
    add(assembly, OWNER, encode("1\n"), first);
    assertEquals(add(assembly, OWNER, encode("2\n"), second), false);
    assertEquals(contents(assembly), { messages: 1, format: first, text: "1\n", ends: [2] });
    assembly.clear();
    assertEquals(add(assembly, OWNER, encode("2\n"), second), true);
    assertEquals(contents(assembly), { messages: 1, format: second, text: "2\n", ends: [2] });
  }
});

Deno.test("MessageAssembly.add() refuses what has no room, and stays as it was", () => {
  const size = 2 ** 16 - 1;
  for (const format of ["json", "binary"] as const) {
    const assembly = new MessageAssembly();
    assertEquals(add(assembly, OWNER, new Uint8Array(size).fill(0x31), format), true);
    const before = contents(assembly);
    assertEquals(add(assembly, OWNER, new Uint8Array(2 ** 17), format), false);
    assertEquals(contents(assembly), before);
    // Two reads' worth, each with the line feed that it may need, has room beside each other.
    assertEquals(add(assembly, OWNER, new Uint8Array(size - 1).fill(0x32), format), true);
    assertEquals(add(assembly, OWNER, encode("33"), format), false);
    assertEquals(assembly.messages, 2);
  }
});

Deno.test("MessageAssembly.add() takes as many messages as one read can hold, and refuses too many", () => {
  const assembly = new MessageAssembly();
  const smallest = 2 ** 16 / 2; // not even a mask
  for (let i = 0; i < smallest; i++) {
    if (!add(assembly, OWNER, new Uint8Array(0), "binary")) throw new Error(`Message ${i} was refused`);
  }
  assertEquals(assembly.messages, smallest);
  assertEquals(add(assembly, OWNER, new Uint8Array(0), "binary"), false);
});

Deno.test("MessageAssembly.add() flushes what is another's, before it takes anything", () => {
  const assembly = new MessageAssembly();
  const flushed: unknown[] = [];
  const owner = (name: string) => ({
    flush() {
      flushed.push([name, contents(assembly).text]);
      assembly.clear();
    },
  });
  const [a, b] = [owner("a"), owner("b")];
  add(assembly, a, encode("1"), "json");
  add(assembly, a, encode("2"), "json");
  assertEquals([assembly.isOf(a), assembly.isOf(b)], [true, false]);
  assertEquals(add(assembly, b, encode("3"), "binary"), true);
  assertEquals(flushed, [["a", "1\n2\n"]]);
  assertEquals([assembly.isOf(a), assembly.isOf(b), contents(assembly).text], [false, true, "3"]);
  assembly.clear();
  assertEquals([assembly.messages, assembly.isOf(b)], [0, false]);
  add(assembly, a, encode("4"), "json");
  assertEquals(flushed.length, 1); // who has nothing in it is not flushed
});

Deno.test("MessageAssembly.copy() may be written to, the byte behind it too", () => {
  const assembly = new MessageAssembly();
  add(assembly, OWNER, new Uint8Array(2 ** 17 - 2).fill(0x31), "json");
  const copy = assembly.copy();
  assertNotStrictEquals(copy.buffer, assembly.bytes.buffer);
  assertEquals(copy, assembly.bytes);
  new Uint8Array(copy.buffer, copy.byteOffset, copy.length + 1).fill(0);
  assertEquals(assembly.bytes.every((byte, i) => byte === (i === 2 ** 17 - 2 ? 0x0a : 0x31)), true);
});
