// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertNotStrictEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import type { Batch } from "../../collector/batch.ts";
import { frameBinary, frameJson, frameNdjson, frameText, type Framing } from "../../collector/framing.ts";

const OPTIONS = { record: 1_000_000 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

type Frame = typeof frameNdjson;

function batchOf(framing: Framing): Batch {
  assert(framing.ok, JSON.stringify(framing));
  return framing.batch;
}

function recordsOf(batch: Batch): string[] {
  assertEquals(batch.ends.at(-1) ?? 0, batch.data.length);
  assertEquals(batch.ends.byteLength, batch.ends.buffer.byteLength, "'ends' must have memory of its own");
  return Array.from(batch.ends, (end, i) => decoder.decode(batch.data.subarray(batch.ends[i - 1] ?? 0, end)));
}

/** Frames a text and returns its records without their line feeds. */
function frameLines(frame: Frame, text: string): string[] {
  const batch = batchOf(frame(encoder.encode(text), OPTIONS));
  assertEquals(batch.format, "json");
  return recordsOf(batch).map((line) => {
    assert(line.endsWith("\n") && !/[\n\r]/.test(line.slice(0, -1)), JSON.stringify(line));
    return line.slice(0, -1);
  });
}

function failureOf(frame: Frame, body: string | Uint8Array, record = OPTIONS.record): unknown[] {
  const framing = frame(typeof body === "string" ? encoder.encode(body) : body, { record });
  assert(!framing.ok, "It was framed");
  assertEquals(framing.limit, framing.code === "too_large" ? record : undefined);
  return [framing.code, framing.record, framing.offset, framing.reason];
}

Deno.test("frameNdjson() keeps every byte of a line", () => {
  const lines = [
    '{"a" : 1.00 , "b":[ 1e+05,12345678901234567890 ]}',
    '"\\u00e9\\/é😀"',
    "-0.0",
    '{"a":1,"a":1}',
  ];
  assertEquals(frameLines(frameNdjson, lines.join("\n") + "\n"), lines);
});

Deno.test("frameNdjson() makes a body of lines the batch without copying it", () => {
  const body = encoder.encode('{"a":1}\n[1, 2]\n"x"\n');
  const batch = batchOf(frameNdjson(body, OPTIONS));
  assertStrictEquals(batch.data, body);
  assertEquals([...batch.ends], [8, 15, 19]);
});

Deno.test("frameNdjson() skips blank lines and white space around values", () => {
  assertEquals(frameLines(frameNdjson, '\n \r\n\t{"a": 1} \t\r\n\r\n  2\n\n3\r'), ['{"a": 1}', "2", "3"]);
  for (const text of ["", "\n", " ", "\r\n\t \r\n"]) assertEquals(frameLines(frameNdjson, text), []);
});

Deno.test("frameNdjson() squeezes a value with a carriage return between its tokens", () => {
  assertEquals(frameLines(frameNdjson, '[1 ,2]\n{"a" :\r1, "b" : " "}\n[ 3]'), [
    "[1 ,2]",
    '{"a":1,"b":" "}',
    "[ 3]",
  ]);
});

Deno.test("frameNdjson() puts a missing last line feed into the byte behind the body, and touches no other", () => {
  const memory = encoder.encode('??1\n{"a":2}??');
  const batch = batchOf(frameNdjson(memory.subarray(2, 11), OPTIONS));
  assertEquals(recordsOf(batch), ["1\n", '{"a":2}\n']);
  assertStrictEquals(batch.data.buffer, memory.buffer);
  assertEquals(decoder.decode(memory), '??1\n{"a":2}\n?');
});

Deno.test("frameNdjson() copies a body that lacks its last line feed and has no byte behind it", () => {
  const memory = encoder.encode('??1\n{"a":2}');
  const batch = batchOf(frameNdjson(memory.subarray(2), OPTIONS));
  assertEquals(recordsOf(batch), ["1\n", '{"a":2}\n']);
  assertNotStrictEquals(batch.data.buffer, memory.buffer);
  assertEquals(decoder.decode(memory), '??1\n{"a":2}');
});

Deno.test("frameNdjson() says which record is not JSON, and where", () => {
  const cases: [text: string, record: number, offset: number, reason: string][] = [
    ["x", 1, 0, "unexpected 'x', expected a value"],
    ["1\n\n \r\n2\nnul", 3, 11, "unexpected end, expected 'null'"],
    ["1\r\n  [1,\n2]\n", 2, 8, "unexpected line feed, expected a value"],
    ['{"a":1\n{"b":2}\n', 1, 6, "unexpected line feed, expected ',' or '}'"],
    ['{"é":1}\n{"a":"\n"}', 2, 15, "control character 0x0A in string"],
    ["1 2\n", 1, 2, "unexpected '2', expected a line feed"],
    ["1\n{}{}\n", 2, 4, "unexpected '{', expected a line feed"],
    ["1\r2\n", 1, 2, "unexpected '2', expected a line feed"],
    ["\ufeff1\n", 1, 0, "unexpected byte order mark, expected a value"],
    ["01\n", 1, 1, "unexpected '1', expected no digit after a leading zero"],
  ];
  for (const [text, ...expected] of cases) {
    assertEquals(failureOf(frameNdjson, text), ["invalid_record", ...expected], text);
  }
});

Deno.test("frameNdjson() frames a body after one that failed", () => {
  failureOf(frameNdjson, "1\n[2\r,3]\nx\n");
  assertEquals(frameLines(frameNdjson, "[ 1]\n2\n"), ["[ 1]", "2"]);
});

Deno.test("frameNdjson() says which record is over the limit, however it goes on", () => {
  const tooLarge = ["too_large", 2, 3, "record is longer than 5 bytes"];
  for (
    const long of [
      "123456",
      '"1234"',
      '"12345',
      "[1,2,3",
      '"1234"x',
      "123456x",
      "-1e+12",
      '"\\u1234"',
    ]
  ) {
    assertEquals(failureOf(frameNdjson, `1\n ${long}\n3\n`, 5), tooLarge, long);
  }
  const huge = encoder.encode(`"${"x".repeat(1_000_000)}`);
  assertEquals(failureOf(frameNdjson, huge, 1000), ["too_large", 1, 0, "record is longer than 1000 bytes"]);
  assert(frameNdjson(encoder.encode('12345 \n"123"\r\n  [1,2]'), { record: 5 }).ok);
  // What is wrong within the limit comes first.
  assertEquals(failureOf(frameNdjson, '1\n "123\n4567"\n', 5).slice(0, 3), ["invalid_record", 2, 7]);
});

Deno.test("framing says which record is not UTF-8, and where", () => {
  const bad = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const reason = "byte 0xE9 does not begin a UTF-8 sequence";
  const cases: [frame: Frame, text: string, record: number, offset: number][] = [
    [frameNdjson, '1\n\n{"a":"caf\xe9"}\n3\n', 2, 12],
    [frameNdjson, '1\n"\xc3\xa9" \xe9\n', 2, 7],
    [frameNdjson, "1\n\xe9\n", 2, 2],
    [frameJson, '[1,"\xe9"]', 2, 4],
    [frameJson, "[1,2 \xe9]", 2, 5],
    [frameJson, "\xe9", 1, 0],
    [frameText, "a\n\nb\xe9\n", 2, 4],
    [frameText, "\xe9", 1, 0],
  ];
  for (const [frame, text, record, offset] of cases) {
    assertEquals(
      failureOf(frame, bad(text)),
      ["invalid_record", record, offset, reason],
      JSON.stringify(text),
    );
  }
  assertEquals(failureOf(frameNdjson, bad('1\nx\n"\xe9"\n')).slice(0, 3), ["invalid_record", 2, 2]);
  assertEquals(failureOf(frameNdjson, bad('1\n"12345678\xe9"\n'), 5).slice(0, 3), ["too_large", 2, 2]);
});

Deno.test("frameNdjson() agrees with parsing line by line", () => {
  const blank = fc.string({ unit: fc.constantFrom(" ", "\t", "\r"), maxLength: 2 });
  const value = fc.oneof(
    { weight: 12, arbitrary: fc.json({ maxDepth: 2 }).map((text) => text.toWellFormed()) },
    { weight: 2, arbitrary: fc.constant("") },
    { weight: 1, arbitrary: fc.constantFrom("x", "{", "[1 2]", "01", '"é', "1 1", "nulL") },
  );
  const lines = fc.array(fc.tuple(blank, value, blank), { maxLength: 12 });
  const property = fc.property(
    lines,
    fc.boolean(),
    fc.integer({ min: 5, max: 60 }),
    (tuples, last, limit) => {
      const text = tuples.map((parts) => parts.join("")).join("\n") + (last ? "\n" : "");
      const records: string[] = [];
      let failed = false;
      let lineStart = 0;
      const framing = frameNdjson(encoder.encode(text), { record: limit });
      for (const line of text.split("\n")) {
        const trimmed = line.replace(/^[ \t\r]+|[ \t\r]+$/g, "");
        const start = lineStart + line.indexOf(trimmed);
        lineStart += encoder.encode(line).length + 1;
        if (trimmed === "") continue;
        const bytes = encoder.encode(trimmed).length;
        let valid = true;
        try {
          JSON.parse(trimmed);
        } catch {
          valid = false;
        }
        if (valid && bytes <= limit) {
          records.push(trimmed + "\n");
          continue;
        }
        assert(!framing.ok, text);
        assertEquals(framing.record, records.length + 1);
        assertEquals(framing.code, valid ? "too_large" : "invalid_record");
        if (valid) assertEquals(framing.offset, start);
        else assert(framing.offset >= start && framing.offset < lineStart);
        failed = true;
        break;
      }
      if (!failed) assertEquals(recordsOf(batchOf(framing)), records);
    },
  );
  fc.assert(property, { numRuns: 2000 });
});

Deno.test("frameNdjson() frames more records than its scratch space holds at first, and than it keeps", () => {
  for (const records of [1025, 100_000, 3]) {
    const batch = batchOf(frameNdjson(encoder.encode("7\n".repeat(records)), OPTIONS));
    assertEquals(batch.ends, Uint32Array.from({ length: records }, (_, index) => 2 * index + 2));
  }
});

Deno.test("frameNdjson() does not pin a body that was mostly white space", () => {
  const body = encoder.encode("1\n" + " ".repeat(1000) + "2\n");
  assertEquals(batchOf(frameNdjson(body.slice(), OPTIONS)).data.buffer.byteLength, 4);
  // Squeezed only in the end, and given as what Node.js modules hand out.
  const pretty = Buffer.from(encoder.encode(`[1,\r${" ".repeat(1000)}2]\n`));
  assertEquals(batchOf(frameNdjson(pretty, OPTIONS)).data.buffer.byteLength, 6);
});

Deno.test("frameBinary() makes the whole body one frame", () => {
  const body = Uint8Array.of(0xff, 0x0a, 0x00);
  const batch = batchOf(frameBinary(body, { record: 3 }));
  assertEquals(batch.format, "binary");
  assertStrictEquals(batch.data, body);
  assertEquals([...batch.ends], [3]);
  assertEquals(failureOf(frameBinary, body, 2), ["too_large", 1, 0, "record is longer than 2 bytes"]);
});

Deno.test("frameBinary() makes no record of an empty body", () => {
  const batch = batchOf(frameBinary(new Uint8Array(0), OPTIONS));
  assertEquals([batch.format, batch.data.length, batch.ends.length], ["binary", 0, 0]);
});

Deno.test("framing stops at the first record that is one too many, before it looks at it", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  const limits = { record: 100, records: 2 };
  const tooMany = { ok: false, code: "too_large", record: 3, reason: "more than 2 records", tooMany: true };
  assertEquals(frameNdjson(encode("1\n2\n{not JSON"), limits), { ...tooMany, offset: 4 } as Framing);
  assertEquals(frameJson(encode("[1,2,{not JSON"), limits), { ...tooMany, offset: 5 } as Framing);
  assertEquals(frameText(encode("a\n\nb\nc\n"), limits), { ...tooMany, offset: 5 } as Framing);
  const allowed = [frameNdjson(encode("1\n2\n"), limits), frameText(encode("a\nb\n\n"), limits)];
  assertEquals(allowed.map((framing) => framing.ok && framing.batch.ends.length), [2, 2]);
});
