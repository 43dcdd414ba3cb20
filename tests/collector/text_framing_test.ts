// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameText } from "../../collector/framing.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function recordsOf(text: string): string[] {
  const body = encoder.encode(text);
  const framing = frameText(body, { record: 1_000_000 });
  assert(framing.ok, JSON.stringify(framing));
  assertEquals(decoder.decode(body), text, "the body is only read");
  const { format, data, ends } = framing.batch;
  assertEquals([format, ends.at(-1) ?? 0], ["json", data.length]);
  return Array.from(ends, (end, index) => decoder.decode(data.subarray(ends[index - 1] ?? 0, end)));
}

Deno.test("frameText() makes each line a record, however it ends", () => {
  const expected = ['{"message":"a b"}\n', '{"message":" é😀 "}\n', '{"message":"c"}\n'];
  assertEquals(recordsOf("a b\n é😀 \r\nc"), expected);
  assertEquals(recordsOf("a b\n\n \t\r\n é😀 \n\r\nc\r\n"), expected);
});

Deno.test("frameText() makes no record of blank lines", () => {
  for (const text of ["", "\n", "\r\n", " \t\n\n  "]) assertEquals(recordsOf(text), [], JSON.stringify(text));
});

Deno.test("frameText() escapes what JSON does not allow in a string, and nothing else", () => {
  assertEquals(recordsOf('"\\/\b\f\r\t\0\x1f\x7f<>&\u2028é\n'), [
    '{"message":"\\"\\\\/\\b\\f\\r\\t\\u0000\\u001f\x7f<>&\u2028é"}\n',
  ]);
});

Deno.test("frameText() gives back every line", () => {
  const line = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.string({ unit: fc.constantFrom("a", '"', "\\", "\r", "\t", "é") }),
  ).map((text) => text.toWellFormed());
  const property = fc.property(
    fc.array(line),
    fc.constantFrom("\n", "\r\n"),
    fc.boolean(),
    (lines, end, last) => {
      const text = lines.join(end) + (last ? end : "");
      const pieces = text.split("\n");
      // Only before a line feed is a carriage return part of the line's end.
      const expected = pieces.map((piece, index) =>
        index < pieces.length - 1 ? piece.replace(/\r$/, "") : piece
      )
        .filter((piece) => !/^[ \t]*$/.test(piece));
      const records = recordsOf(text);
      assertEquals(records.map((record) => (JSON.parse(record) as { message: string }).message), expected);
      assertEquals(records, expected.map((message) => JSON.stringify({ message }) + "\n"));
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

Deno.test("frameText() applies the limit to the record that a line becomes", () => {
  const body = encoder.encode('abc\n\n"ab\nx');
  assert(frameText(body, { record: '{"message":"\\"ab"}'.length }).ok);
  assertEquals(frameText(body, { record: '{"message":"\\"ab"}'.length - 1 }), {
    ok: false,
    code: "too_large",
    record: 2,
    offset: 5,
    reason: "record is longer than 17 bytes",
    limit: 17,
  });
});
