// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { frameNdjson, frameValues, type Framing } from "../../collector/framing.ts";

const LIMITS = { record: 1000 };
const encode = (text: string) => new TextEncoder().encode(text);

/** The records, or what is wrong. */
function told(framing: Framing): unknown {
  if (!framing.ok) return [framing.code, framing.record, framing.offset];
  const { data, ends, format } = framing.batch;
  assertEquals(format, "json");
  let start = 0;
  return [...ends].map((end) => {
    const line = new TextDecoder().decode(data.subarray(start, end));
    start = end;
    assert(line.endsWith("\n") && line.indexOf("\n") === line.length - 1, line);
    return line.slice(0, -1);
  });
}

const values = (text: string, limits: { record: number; records?: number } = LIMITS) =>
  told(frameValues(encode(text), limits));

Deno.test("frameValues() makes a record of every value, arrays too, with or without white space between", () => {
  assertEquals(values("[1,2]"), ["[1,2]"]);
  assertEquals(values("[]"), ["[]"]);
  assertEquals(values('{"a":1}[2]"3"4 5\n[6,[7]]null\r\n\ttrue'), [
    '{"a":1}',
    "[2]",
    '"3"',
    "4",
    "5",
    "[6,[7]]",
    "null",
    "true",
  ]);
});

Deno.test("frameValues() squeezes a value that spans lines on one, and leaves strings and numbers alone", () => {
  assertEquals(values('{\n  "a" : [ 1.50,\r\n 2e+03 ],\n "b c": "d  \\n e"\n}\n7'), [
    '{"a":[1.50,2e+03],"b c":"d  \\n e"}',
    "7",
  ]);
});

Deno.test("frameValues() tells which value is not JSON, and at which byte", () => {
  assertEquals(values("1 {"), ["invalid_record", 2, 3]);
  assertEquals(values("[1,]"), ["invalid_record", 1, 3]);
  assertEquals(values("1 ]"), ["invalid_record", 2, 2]);
  assertEquals(values("1,2"), ["invalid_record", 2, 1]);
  assertEquals(values(" "), ["invalid_record", 1, 1]);
});

Deno.test("frameValues() does not take two numbers or literals for one, or one for two", () => {
  for (const text of ["12true", "truefalse", "1-2", "nullnull"]) {
    assertEquals((values(text) as unknown[])[0], "invalid_record", text);
  }
  assertEquals(values("12 true"), ["12", "true"]);
});

Deno.test("frameValues() holds the limits of a record and of their number", () => {
  assertEquals(values('"1234"', { record: 6 }), ['"1234"']);
  assertEquals((values('"12345"', { record: 6 }) as unknown[])[0], "too_large");
  assertEquals(values("[1] [2]", { record: 9, records: 2 }), ["[1]", "[2]"]);
  const framing = frameValues(encode("[1] [2] 3"), { record: 9, records: 2 });
  assert(!framing.ok && framing.tooMany === true && framing.code === "too_large");
});

Deno.test("frameValues() and frameNdjson() make the same of values that are one a line", () => {
  fc.assert(
    fc.property(fc.array(fc.json(), { minLength: 1, maxLength: 8 }), (texts) => {
      const text = texts.join("\n");
      const expected = told(frameNdjson(encode(text), { record: 100_000 }));
      assertEquals(expected, texts);
      assertEquals(values(text, { record: 100_000 }), texts);
    }),
  );
});

Deno.test("frameValues() makes of any values, indented in any way, one line each that means the same", () => {
  const indented = fc.tuple(fc.jsonValue(), fc.constantFrom(0, 1, "\t", "  \r".trimEnd()));
  fc.assert(
    fc.property(fc.array(indented, { minLength: 1, maxLength: 5 }), (cases) => {
      const text = cases.map(([value, indent]) => JSON.stringify(value, null, indent)).join("\n");
      const records = values(text, { record: 100_000 }) as string[];
      assertEquals(
        records.map((record) => JSON.stringify(JSON.parse(record))),
        cases.map(([value]) => JSON.stringify(JSON.parse(JSON.stringify(value)))),
      );
    }),
  );
});
