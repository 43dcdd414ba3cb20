// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { frameJson } from "../../collector/framing.ts";

const OPTIONS = { record: 1_000_000 };
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Frames a body and returns its records without their line feeds. */
function recordsOf(body: string | Uint8Array): string[] {
  const framing = frameJson(typeof body === "string" ? encoder.encode(body) : body, OPTIONS);
  assert(framing.ok, JSON.stringify(framing));
  const { format, data, ends } = framing.batch;
  assertEquals(format, "json");
  assertEquals(ends.at(-1) ?? 0, data.length);
  return Array.from(ends, (end, index) => {
    assertEquals(data[end - 1], 0x0a);
    return decoder.decode(data.subarray(ends[index - 1] ?? 0, end - 1));
  });
}

function failureOf(text: string, record = OPTIONS.record): unknown[] {
  const framing = frameJson(encoder.encode(text), { record });
  assert(!framing.ok, "It was framed");
  return [framing.code, framing.record, framing.offset, framing.reason];
}

Deno.test("frameJson() makes each element of an array a record, and anything else one record", () => {
  const cases: [body: string, records: string[]][] = [
    ['{"a": 1}', ['{"a": 1}']],
    ["  12\n", ["12"]],
    ["[]", []],
    [" [\n ] \n", []],
    ["[1]", ["1"]],
    ['[1,"a",{"b": 2},[3, 4],null]', ["1", '"a"', '{"b": 2}', "[3, 4]", "null"]],
    ["[ 1 ,\n 2\t,\r\n{} ]\n", ["1", "2", "{}"]],
    ["[[]]", ["[]"]],
    ['{"a":1}{"b":2}', ['{"a":1}', '{"b":2}']],
    ['{"a":1}\n{"b":2}\r\n', ['{"a":1}', '{"b":2}']],
    ["1 2\t3\n4", ["1", "2", "3", "4"]],
    ['1"a"2{}3[4]5', ["1", '"a"', "2", "{}", "3", "4", "5"]],
    ["[1,2][3] [] [4]", ["1", "2", "3", "4"]],
    ["{}[1,{}]{}", ["{}", "1", "{}", "{}"]],
  ];
  for (const [body, records] of cases) assertEquals(recordsOf(body), records, body);
});

Deno.test("frameJson() squeezes what spans lines and leaves the rest as it came", () => {
  const cases: [body: string, records: string[]][] = [
    ['{\n  "a" : [ 1.00 , 1e+05 ],\r\n\t"b" : 12345678901234567890\n}', [
      '{"a":[1.00,1e+05],"b":12345678901234567890}',
    ]],
    ['[ {"a" : 1}, {"b" :\n2}, [ 3 ] ]', ['{"a" : 1}', '{"b":2}', "[ 3 ]"]],
    ['[\n{"a": "x \\" y\\\\", "\\n b" : "\\\\\\""},\n[true ,\nfalse]\n]', [
      '{"a": "x \\" y\\\\", "\\n b" : "\\\\\\""}',
      "[true,false]",
    ]],
    ['{"a":\r1 }', ['{"a":1}']],
    ['{\n"é 日本" : " 😀 "}{ }', ['{"é 日本":" 😀 "}', "{ }"]],
  ];
  for (const [body, records] of cases) assertEquals(recordsOf(body), records, body);
});

Deno.test("frameJson() says which record is wrong, and where", () => {
  const cases: [body: string, record: number, offset: number, reason: string][] = [
    ["", 1, 0, "no JSON value"],
    [" \r\n", 1, 3, "no JSON value"],
    ["[", 1, 1, "unexpected end, expected a value"],
    ["[1,", 2, 3, "unexpected end, expected a value"],
    ["[1,]", 2, 3, "unexpected ']', expected a value"],
    ["[,1]", 1, 1, "unexpected ',', expected a value"],
    ["[1", 1, 2, "unexpected end, expected ',' or ']'"],
    ["[1 2]", 1, 3, "unexpected '2', expected ',' or ']'"],
    ["[1}", 1, 2, "unexpected '}', expected ',' or ']'"],
    ['[1,\n {\n}, {\n\n"a": x}]', 3, 18, "unexpected 'x', expected a value"],
    ["1,2", 2, 1, "unexpected ',', expected a value"],
    ["[1]]", 2, 3, "unexpected ']', expected a value"],
    ["01", 1, 1, "unexpected '1', expected no digit after a leading zero"],
    ["1-2", 1, 1, "unexpected '-', expected white space"],
    ["truefalse", 1, 4, "unexpected 'f', expected white space"],
    ["nullx", 1, 4, "unexpected 'x', expected white space"],
    ["1.5.5", 1, 3, "unexpected '.', expected white space"],
    ["\ufeff[]", 1, 0, "unexpected byte order mark, expected a value"],
  ];
  for (const [body, ...expected] of cases) {
    assertEquals(failureOf(body), ["invalid_record", ...expected], body);
  }
  assertEquals(failureOf("[".repeat(1_000_000)), ["invalid_record", 1, 513, "nested deeper than 512"]);
});

Deno.test("frameJson() applies the limit to each element", () => {
  const reason = "record is longer than 5 bytes";
  assertEquals(failureOf('[1, "1234"]', 5), ["too_large", 2, 4, reason]);
  assertEquals(failureOf("123456", 5), ["too_large", 1, 0, reason]);
  assertEquals(failureOf('[1,2,3]"12345', 5), ["too_large", 4, 7, reason]);
  assert(frameJson(encoder.encode('["123",12345,[1,2]]'), { record: 5 }).ok);
});

Deno.test("frameJson() moves nothing where commas make room for line feeds", () => {
  const body = encoder.encode('[{"a":1},2,"x"]');
  const framing = frameJson(body, OPTIONS);
  assert(framing.ok);
  assertStrictEquals(framing.batch.data.buffer, body.buffer);
  assertEquals(decoder.decode(body), '[{"a":1}\n2\n"x"\n');
});

Deno.test("frameJson() leaves all around the body but the byte behind it as it was", () => {
  for (const text of ["[1,2]", '{"a":1}', "{}{}{}", "1 2 3", '[{"a":\n1} , 2]', " 1", "[ 1]{}[{}]{}"]) {
    const memory = encoder.encode(`<<${text}>>`);
    const expected = recordsOf(text);
    assertEquals(recordsOf(memory.subarray(2, 2 + text.length)), expected, text);
    const around = decoder.decode(memory);
    assertEquals([around.slice(0, 2), around.slice(-1)], ["<<", ">"], text);
  }
});

Deno.test("frameJson() gives back every value of any layout", () => {
  const layout = fc.record({
    values: fc.array(fc.json({ maxDepth: 3 }).map((text) => JSON.parse(text.toWellFormed()) as unknown), {
      maxLength: 6,
    }),
    indent: fc.constantFrom(0, 1, 4, "\t"),
    array: fc.boolean(),
    separator: fc.constantFrom(" ", "\n", "\r\n\t", "  "),
  });
  const property = fc.property(
    fc.array(layout, { minLength: 1, maxLength: 4 }),
    fc.boolean(),
    (parts, spare) => {
      let text = "";
      const expected: unknown[] = [];
      const isArray = (value: unknown) => Array.isArray(value);
      for (const { values, indent, array, separator } of parts) {
        if (array) {
          text += JSON.stringify(values, null, indent);
          expected.push(...values);
        } else {
          text += values.map((value) => JSON.stringify(value, null, indent) + separator).join("");
          expected.push(...values.flatMap((value) => isArray(value) ? value as unknown[] : [value]));
        }
      }
      if (text.trim() === "") return assertEquals(failureOf(text)[3], "no JSON value");
      const bytes = encoder.encode(text);
      const memory = new Uint8Array(bytes.length + (spare ? 1 : 0));
      memory.set(bytes);
      const records = recordsOf(memory.subarray(0, bytes.length));
      assertEquals(records.map((record) => JSON.parse(record) as unknown), expected);
      for (const record of records) assert(!/[\n\r]/.test(record), record);
    },
  );
  fc.assert(property, { numRuns: 1000 });
});
