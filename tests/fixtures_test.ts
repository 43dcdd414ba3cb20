// @ts-types="./types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertLessOrEqual } from "@std/assert";
import { generate } from "./fixtures/generate.ts";
import { DELICATE_NUMBERS } from "./fixtures/metrics.ts";

const FOLDER = new URL("./fixtures/", import.meta.url);
const NAMES = ["logs.ndjson", "metrics.ndjson", "traces.ndjson"];

Deno.test("generate() gives the committed fixtures, byte for byte", () => {
  const files = generate();
  assertEquals([...files.keys()].sort(), NAMES);
  for (const [name, bytes] of files) {
    // One boolean: a difference of two such files would fill the screen for minutes.
    const committed = Deno.readFileSync(new URL(name, FOLDER));
    assert(
      committed.length === bytes.length && committed.every((byte, i) => byte === bytes[i]),
      `${name} is not what tests/fixtures/generate.ts writes`,
    );
  }
});

Deno.test("fixtures are valid UTF-8 with one JSON value on each line", () => {
  let total = 0;
  let records = 0;
  for (const name of NAMES) {
    const bytes = Deno.readFileSync(new URL(name, FOLDER));
    const lines = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes).split("\n");
    assertEquals(lines.pop(), "", `${name} ends with a line feed`);
    for (const line of lines) {
      JSON.parse(line);
      assertLessOrEqual(new TextEncoder().encode(line).length, 8 * 1024);
    }
    assertGreaterOrEqual(lines.length, 700);
    total += bytes.length;
    records += lines.length;
  }
  assertGreaterOrEqual(records, 2000);
  assertLess(total, 2 * 1024 * 1024);
});

Deno.test("fixtures hold what a parser and a serialiser would change", () => {
  const text = new Map(NAMES.map((name) => [name, Deno.readTextFileSync(new URL(name, FOLDER))]));
  for (const number of DELICATE_NUMBERS) {
    assert(text.get("metrics.ndjson")!.includes(`"value":${number}}`), number);
  }
  for (
    const piece of [
      "🚀",
      "部署",
      "\\ud83d\\ude80",
      "\\u0000",
      "\\\\n",
      '\\"',
      "\\/",
      '""',
      "\u2028",
      "\\n\\tat ",
    ]
  ) {
    assert(text.get("logs.ndjson")!.includes(piece), piece);
  }
  assert(/"startTimeUnixNano":\d{19},/.test(text.get("traces.ndjson")!));
  assert(/"startTimeUnixNano":"\d{19}",/.test(text.get("traces.ndjson")!));
  for (const name of NAMES) {
    const changed = text.get(name)!.split("\n").filter((line) =>
      line !== "" && JSON.stringify(JSON.parse(line)) !== line
    );
    assertGreaterOrEqual(changed.length, 100, name);
  }
});
