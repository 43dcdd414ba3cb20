// @ts-types="../../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { LineScanner } from "../../../collector/json_lines/line_scanner.ts";
import { memory, MOST_RECORDS, WINDOW_BYTES } from "../../../collector/json_lines/scanner.wasm";
import { MAX_DEPTH } from "../../../collector/json_validator.ts";
import { RecordSpans } from "../../../collector/record_spans.ts";
import { ACCEPTED, REJECTED } from "../json_texts.ts";
import { bodyAt, framed, frameTwice } from "./framed_twice.ts";

const OPTIONS = { record: 1_048_576 };
const encoder = new TextEncoder();

const TEXTS = [...ACCEPTED, ...REJECTED];

/** Texts with a token of each kind, and broken ones. */
const DELICATE = [
  '{"name":"text","other":"text","n":-12.5e+3}',
  '{"name": "text", "other": "text", "list": ["a", "b"]}',
  '{"a":"\\u00e9\\n\\"\\\\","b":"é日😀"}',
  '["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]',
  '{"a":[{},[],true,false,null,0]}\r',
  '{"a":1 \r\t, "b" :2} \t\r',
  "123456789",
  '{"a":"b","c":"d"',
  '{"a":"b","c":"d',
  '{"a":"\\u12',
  '{"a":"\\',
  '["\x1f"]',
  "tru",
  "[fals",
  "[nul]",
  "-",
  '{"a":"b","c":01}',
  '{"a":"b""c":"d"}',
];

Deno.test("LineScanner.scan() takes for right just what JsonValidator does, on whatever side of a lane it lies", () => {
  const before = { ...framed };
  for (const text of TEXTS) {
    for (let at = 0; at < 80; at++) {
      if (at !== 1) frameTwice(bodyAt(at, text));
    }
    for (const behind of ["", " ", "\r\n", "\n\n", "\n{}\n", " \t\r1\n", "\n\0", "\0"]) {
      frameTwice(bodyAt(90, text, behind));
    }
  }
  assertEquals(framed.bodies - before.bodies, TEXTS.length * 87);
  assertGreater(framed.good - before.good, ACCEPTED.length * 20);
});

Deno.test("LineScanner.scan() finds the same records wherever the window ends", () => {
  const before = framed.good;
  for (const text of DELICATE) {
    for (let at = WINDOW_BYTES - 110; at <= WINDOW_BYTES + 3; at++) {
      frameTwice(bodyAt(at, text, at % 3 === 0 ? "" : "\n"));
      if (at % 7 === 0) frameTwice(bodyAt(at, text, '\r\n\n {"next":"line"}\n[2]'));
    }
  }
  assertGreater(framed.good - before, 600);
});

Deno.test("LineScanner.scan() finds the same records around the second and third end of a window", () => {
  for (const windows of [2, 3]) {
    for (let at = windows * WINDOW_BYTES - 220; at <= windows * WINDOW_BYTES + 5; at += 9) {
      for (const text of DELICATE.slice(0, 8)) frameTwice(bodyAt(at, text, '\n{"next":1}'));
    }
  }
});

Deno.test("LineScanner.scan() takes every byte in every place for what JsonValidator takes it for", () => {
  const text = '{"a":"bc","d": "\\u00e9\\n", "e":[-1.5e+7,true,false,null,{}],"f":"g"}';
  const line = encoder.encode(text);
  for (let at = 0; at < line.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const changed = line.slice();
      changed[at] = byte;
      frameTwice(bodyAt(at % 2 === 0 ? 0 : 37, changed));
    }
    frameTwice(text.slice(0, at));
    frameTwice(text.slice(0, at) + "\n");
    frameTwice(text.slice(0, at) + text.slice(at + 1) + "\n");
  }
});

Deno.test("LineScanner.scan() finds control characters and non-ASCII at every place of a long string", () => {
  for (let at = 0; at < 150; at++) {
    for (
      const piece of [
        "\0",
        "\x07",
        "\t",
        "\n",
        "\r",
        "\x1f",
        "\x7f",
        "é",
        "日",
        "😀",
        '\\"',
        "\\u00e9",
        "\\u00g9",
        "\\x",
      ]
    ) {
      frameTwice(`{"name":"${"x".repeat(at)}${piece}${"y".repeat(150 - at)}","n":1}\n`);
      frameTwice(`{"${"x".repeat(at)}${piece}":"${"y".repeat(150 - at)}","n":"1"}\n`);
    }
  }
});

Deno.test("LineScanner.scan() allows exactly MAX_DEPTH containers in each other", () => {
  for (let depth = MAX_DEPTH - 1; depth <= MAX_DEPTH + 1; depth++) {
    for (
      const [open, inner, close] of [
        ["[", "", "]"],
        ["[", "1", "]"],
        ['{"a":', "1", "}"],
        ['{"a":"b","c":', "{}", "}"],
        ['{ "a" : ', "[]", " }"],
      ] as const
    ) {
      const times = depth - (inner === "{}" || inner === "[]" ? 1 : 0);
      const framing = frameTwice(`1\n${open.repeat(times)}${inner}${close.repeat(times)}\n`);
      assertEquals(framing.ok, depth <= MAX_DEPTH);
      frameTwice(`${open.repeat(times)}${inner}${close.repeat(times - 1)}\n`);
    }
  }
});

Deno.test("LineScanner.scan() keeps to the limits of bytes and records", () => {
  const line = `{"name":"text","text":"${"x".repeat(100)}"}`;
  const body = `${line}\n \r\n${line}\r\n\n${line} \n`;
  for (let record = line.length - 1; record <= line.length + 1; record++) {
    for (const records of [undefined, 0, 1, 2, 3, 4]) {
      const framing = frameTwice(body, records === undefined ? { record } : { record, records });
      assertEquals(framing.ok, record >= line.length && (records ?? 3) >= 3);
    }
  }
  for (const record of [WINDOW_BYTES, 2 ** 31, 2 ** 32, 2 ** 32 + 5, 2 ** 53, Infinity]) {
    assert(frameTwice(body, { record, records: record }).ok, `${record}`);
  }
});

Deno.test("LineScanner.scan() finds more records than one scan may have", () => {
  for (let count = MOST_RECORDS - 1; count <= MOST_RECORDS + 1; count++) {
    for (const blank of ["", "\n \r\n"]) {
      const framing = frameTwice("1\n".repeat(count) + blank);
      assert(framing.ok);
      assertEquals(framing.batch.ends.length, count);
      frameTwice("1\n".repeat(count) + blank + "x");
      frameTwice("1\n".repeat(count) + blank + "2", { record: 10, records: count });
    }
  }
  const framing = frameTwice("1\n".repeat(200_000));
  assert(framing.ok);
  assertEquals(framing.batch.ends.length, 200_000);
});

Deno.test("LineScanner.scan() goes on behind lines that are longer than its window", () => {
  const long = JSON.stringify(["x".repeat(WINDOW_BYTES), 'y\\"é']);
  const longest = JSON.stringify(Array.from({ length: 30_000 }, (_, index) => `${index}`));
  for (
    const lines of [[long], ["1", long, "2"], [long, long, "[3]", longest, '{"a":"b"}'], [longest, "x"], [
      "",
      long,
      " ",
    ]]
  ) {
    frameTwice(lines.join("\n"));
    frameTwice(lines.join("\r\n") + "\r\n");
  }
  for (let length = WINDOW_BYTES - 5; length <= WINDOW_BYTES + 2; length++) {
    const line = JSON.stringify("x".repeat(length - 3)) + "\n";
    assertEquals(line.length, length);
    for (const body of [line, line.trim(), "1\n" + line, line + "1\n", line + line, line + " \n"]) {
      frameTwice(body);
      frameTwice(body, { record: length - 2 });
      frameTwice(" ".repeat(WINDOW_BYTES) + body);
    }
  }
});

Deno.test("LineScanner.scan() looks for the end of a line of blanks that has none once, however long it is", () => {
  let looks = 0;
  class Body extends Uint8Array {
    override indexOf(byte: number, from?: number): number {
      looks++;
      return super.indexOf(byte, from);
    }
  }
  const body = new Body(20 * WINDOW_BYTES).fill(0x20);
  const spans = new RecordSpans();
  assertEquals([new LineScanner().scan(body, 0, OPTIONS, spans), spans.count, looks], [0, 0, 1]);
  for (const record of ["", "[1]", "x"]) frameTwice(" ".repeat(3 * WINDOW_BYTES) + record);
});

Deno.test("LineScanner.scan() lets invalid UTF-8 be found where it is", () => {
  // deno-fmt-ignore
  const broken = [
    [0x80], [0xbf], [0xc0, 0x80], [0xc1, 0xbf], [0xc3], [0xe0, 0x80, 0x80], [0xe0, 0x9f, 0xbf], [0xe2, 0x82],
    [0xed, 0xa0, 0x80], [0xed, 0xbf, 0xbf], [0xf0, 0x80, 0x80, 0x80], [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x9f, 0x98],
    [0xf4, 0x90, 0x80, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xfe], [0xff], [0xc3, 0x28], [0xe2, 0x28, 0xa1],
  ];
  for (const bytes of broken) {
    for (const fill of [0, 5, 13, 14, 15, 16, 40, 63, 64, 65]) {
      const text = [
        ...encoder.encode(`{"name":"${"x".repeat(fill)}`),
        ...bytes,
        ...encoder.encode('y","b":"c"}'),
      ];
      for (const before of [0, 64, 200, WINDOW_BYTES - fill - 11, WINDOW_BYTES - fill - 9]) {
        const framing = frameTwice(bodyAt(before, Uint8Array.from(text)));
        assert(!framing.ok && framing.notUtf8, `${bytes}`);
        assertEquals(framing.offset, before + 9 + fill + (bytes[0]! === 0x28 ? 1 : 0));
      }
    }
  }
});

Deno.test("LineScanner.scan() sees nothing of the body before", () => {
  frameTwice(`["${"é".repeat(200)}"]\n`);
  const spans = new RecordSpans();
  const scanner = new LineScanner();
  const body = encoder.encode('{"a":12');
  for (let length = 1; length <= body.length; length++) {
    frameTwice(`${JSON.stringify({ a: 1234567890, b: "}".repeat(90) })}\n`);
    assertEquals(scanner.scan(body.subarray(0, length), 0, OPTIONS, spans), 0);
  }
  assertEquals([spans.count, scanner.nonAscii, scanner.lineBreaks], [0, false, false]);
  assertEquals(scanner.scan(encoder.encode("[1\r]"), 0, OPTIONS, spans), 4);
  assertEquals([spans.count, scanner.nonAscii, scanner.lineBreaks], [1, false, true]);
});

Deno.test("scanner.wasm has two pages of memory for good", () => {
  assertEquals(memory.buffer.byteLength, 128 * 1024);
  assertThrows(() => memory.grow(1), RangeError);
});
