// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import fc from "fast-check";
import { JsonValidator, MAX_DEPTH } from "../../collector/json_validator.ts";
import { ACCEPTED, REJECTED } from "./json_texts.ts";

const encoder = new TextEncoder();

/** Validates a text that holds one value and white space around it, as `JSON.parse` would. */
function isJson(text: string): boolean {
  const validator = new JsonValidator();
  const bytes = encoder.encode(text);
  const isSpace = (byte: number | undefined) =>
    byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
  let start = 0;
  while (isSpace(bytes[start])) start++;
  let stop = validator.validate(bytes, start, bytes.length);
  if (stop < 0) {
    assert(validator.offset >= start && validator.offset <= bytes.length, `offset ${validator.offset}`);
    assert(validator.reason.length > 0);
    return false;
  }
  while (isSpace(bytes[stop])) stop++;
  return stop === bytes.length;
}

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("JsonValidator.validate() accepts all of RFC 8259", () => {
  assertGreater(ACCEPTED.length, 70);
  for (const text of ACCEPTED) {
    assert(parses(text), `The table is wrong about ${JSON.stringify(text)}`);
    assert(isJson(text), `Not accepted: ${JSON.stringify(text)}`);
  }
});

Deno.test("JsonValidator.validate() rejects all that RFC 8259 does not allow", () => {
  assertGreater(REJECTED.length, 120);
  for (const text of REJECTED) {
    assert(!parses(text), `The table is wrong about ${JSON.stringify(text)}`);
    assert(!isJson(text), `Not rejected: ${JSON.stringify(text)}`);
  }
});

Deno.test("JsonValidator.validate() rejects every proper prefix of an object", () => {
  const text = '{"a\\u00e9":[1,-2.5e+7,true,false,null],"b":{"c":"\\n"},"d":{}}';
  assert(isJson(text));
  for (let length = 0; length < text.length; length++) assert(!isJson(text.slice(0, length)), `${length}`);
});

Deno.test("JsonValidator.validate() allows exactly MAX_DEPTH containers in each other", () => {
  assertEquals(MAX_DEPTH, 512);
  const nested = (open: string, inner: string, close: string, times: number) =>
    open.repeat(times) + inner + close.repeat(times);
  assert(isJson(nested("[", "", "]", MAX_DEPTH)));
  assert(!isJson(nested("[", "", "]", MAX_DEPTH + 1)));
  assert(isJson(nested('{"a":', "1", "}", MAX_DEPTH)));
  assert(!isJson(nested('{"a":', "1", "}", MAX_DEPTH + 1)));
  assert(isJson(nested('[{"a":', "1", "}]", MAX_DEPTH / 2)));
  assert(!isJson(nested('[{"a":', "[]", "}]", MAX_DEPTH / 2)));
});

Deno.test("JsonValidator.validate() overflows no stack on a million brackets", () => {
  const validator = new JsonValidator();
  for (const open of ["[", '{"":']) {
    const bytes = encoder.encode(open.repeat(1_000_000));
    assertEquals(validator.validate(bytes, 0, bytes.length), -1);
    assertEquals(validator.offset, MAX_DEPTH * open.length);
    assertEquals(validator.reason, "nested deeper than 512");
  }
  const wide = encoder.encode(`[${"[],{},".repeat(100_000)}[]]`);
  assertEquals(validator.validate(wide, 0, wide.length), wide.length);
});

Deno.test("JsonValidator.validate() says where it failed, what it found and what it expected", () => {
  const cases: [text: string, offset: number, reason: string][] = [
    ["", 0, "unexpected end, expected a value"],
    ["x", 0, "unexpected 'x', expected a value"],
    ["\ufeff{}", 0, "unexpected byte order mark, expected a value"],
    ["é", 0, "unexpected byte 0xC3, expected a value"],
    ["\x07", 0, "unexpected byte 0x07, expected a value"],
    ["trve", 2, "unexpected 'v', expected 'true'"],
    ["fals", 4, "unexpected end, expected 'false'"],
    ["nil", 1, "unexpected 'i', expected 'null'"],
    ["-x", 1, "unexpected 'x', expected a digit"],
    ["1.", 2, "unexpected end, expected a digit"],
    ["1e+ ", 3, "unexpected ' ', expected a digit"],
    ["[007]", 2, "unexpected '0', expected no digit after a leading zero"],
    ['"abc', 4, "unterminated string"],
    ['"abc\\', 5, "unterminated string"],
    ['"a\nb"', 2, "control character 0x0A in string"],
    ['"a\\\x1f"', 3, "control character 0x1F in string"],
    ['"\\x41"', 2, "unexpected 'x', expected one of \"\\/bfnrtu after a backslash"],
    ['"\\u00g0"', 5, "unexpected 'g', expected a hexadecimal digit"],
    ['"\\u\\u"', 3, "unexpected '\\', expected a hexadecimal digit"],
    ["[1 2]", 3, "unexpected '2', expected ',' or ']'"],
    ["[1,\r]", 4, "unexpected ']', expected a value"],
    ['{"a":1]', 6, "unexpected ']', expected ',' or '}'"],
    ['{"a":1', 6, "unexpected end, expected ',' or '}'"],
    ['{"a" 1}', 5, "unexpected '1', expected ':'"],
    ['{"a":1,}', 7, "unexpected '}', expected a name in quotes"],
    ["{a:1}", 1, "unexpected 'a', expected a name in quotes"],
  ];
  const validator = new JsonValidator();
  for (const [text, offset, reason] of cases) {
    const bytes = encoder.encode(text);
    assertEquals(validator.validate(bytes, 0, bytes.length), -1, text);
    assertEquals([validator.offset, validator.reason], [offset, reason], text);
  }
});

Deno.test("JsonValidator.validate() reads from start to end and nothing else", () => {
  const validator = new JsonValidator();
  const bytes = encoder.encode('x{"a":[1,2]}y"12"');
  assertEquals(validator.validate(bytes, 1, bytes.length), 12);
  assertEquals(validator.validate(bytes, 14, 15), 15);
  assertEquals(validator.validate(bytes, 13, 16), -1);
  assertEquals([validator.offset, validator.reason], [16, "unterminated string"]);
  assertEquals(validator.validate(bytes, 1, 11), -1);
  assertEquals(validator.offset, 11);
});

Deno.test("JsonValidator.validate() takes a line feed for an error where a value must be on one line", () => {
  const validator = new JsonValidator();
  for (const text of ["[1\n]", "[\n]", '{"a":\n1}', '{"a"\n:1}', '{\n"a":1}', "[1,\n2]"]) {
    const bytes = encoder.encode(text);
    assertEquals(validator.validate(bytes, 0, bytes.length, true), -1, text);
    assertEquals(validator.offset, text.indexOf("\n"), text);
    assert(validator.reason.startsWith("unexpected line feed, expected "), validator.reason);
    assertEquals(validator.validate(bytes, 0, bytes.length, false), bytes.length);
  }
});

Deno.test("JsonValidator.lineBreaks is set by line breaks between tokens and by nothing else", () => {
  const cases: [text: string, expected: boolean][] = [
    ['{"a": [1,\t2], "b": "\\n\\r"}', false],
    ["1\n", false],
    ["[1,\n2]", true],
    ["[1\r]", true],
  ];
  for (const [text, expected] of cases) {
    const validator = new JsonValidator();
    const bytes = encoder.encode(text);
    assertGreater(validator.validate(bytes, 0, bytes.length), 0);
    assertEquals(validator.lineBreaks, expected, text);
    validator.validate(encoder.encode("[]"), 0, 2);
    assertEquals(validator.lineBreaks, expected, "is not reset by another value");
  }
});

Deno.test("JsonValidator.validate() accepts any JSON with any white space between its tokens", () => {
  const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\n", "\r"), maxLength: 3 });
  const property = fc.property(
    fc.json({ maxDepth: 4 }),
    fc.array(space, { minLength: 1 }),
    (text, spaces) => {
      const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^[\]{},:"\s]+/gsu) ?? [];
      const spaced = tokens.map((token, index) => spaces[index % spaces.length] + token).join("") + spaces[0];
      assertEquals(JSON.parse(spaced), JSON.parse(text));
      assert(isJson(spaced), spaced);
    },
  );
  fc.assert(property, { numRuns: 500 });
});

Deno.test("JsonValidator.validate() agrees with JSON.parse on JSON with random mutations", () => {
  const character = fc.oneof(
    fc.constantFrom(...'{}[],:"\\ \t\n\r0123456789+-.eEtrufalsn/bx\0\x1fé😀'),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  );
  const mutation = fc.record({ at: fc.nat(), remove: fc.nat({ max: 2 }), insert: fc.option(character) });
  const mutations = fc.array(mutation, { minLength: 1, maxLength: 3 });
  let accepted = 0;
  const property = fc.property(fc.json({ maxDepth: 3 }), mutations, (text, changes) => {
    const characters = [...text.toWellFormed()];
    for (const { at, remove, insert } of changes) {
      characters.splice(at % (characters.length + 1), remove, ...(insert === null ? [] : [insert]));
    }
    const mutated = characters.join("").toWellFormed();
    assertEquals(isJson(mutated), parses(mutated), JSON.stringify(mutated));
    if (parses(mutated)) accepted++;
  });
  fc.assert(property, { numRuns: 5000 });
  assertGreater(accepted, 100, "Too few mutations stay valid for the test to say anything");
});
