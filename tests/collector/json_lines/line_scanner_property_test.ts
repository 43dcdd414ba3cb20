// @ts-types="../../types/deno_std_assert.d.ts"
import { assertGreater } from "@std/assert";
import fc from "fast-check";
import { WINDOW_BYTES } from "../../../collector/json_lines/scanner.wasm";
import { mutate, randomOf } from "../otlp_mutations.ts";
import { bodyAt, framed, frameTwice } from "./framed_twice.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const MUTATIONS = 20_000;
const MUTATIONS_AT_WINDOW_ENDS = 1_500;

/** A mutated line of a fixture, or two of these. */
function* mutatedLines(count: number, seed: number): Generator<Uint8Array> {
  const random = randomOf(seed);
  const lines = ["logs.ndjson", "metrics.ndjson", "traces.ndjson"].flatMap((name) =>
    Deno.readTextFileSync(new URL(name, FIXTURES)).split("\n").filter((line) =>
      line !== "" && line.length < 1000
    )
  );
  const encoder = new TextEncoder();
  const line = () => `${lines[random(lines.length)]}${["\n", "\r\n", " \n", "\n\n"][random(4)]}`;
  for (let i = 0; i < count; i++) {
    const text = random(2) === 0 ? line() : line() + line();
    const body = encoder.encode(
      random(3) === 0 ? text.replaceAll(",", ["\t,", ", ", ",\r", " , "][random(4)]!) : text,
    );
    yield random(4) === 0 ? body : mutate(body, random);
  }
}

Deno.test(`frameNdjson() is the same with LineScanner and without, for ${MUTATIONS} mutated records`, () => {
  const before = framed.good;
  for (const body of mutatedLines(MUTATIONS, 1)) frameTwice(body);
  assertGreater(framed.good - before, MUTATIONS / 5);
});

Deno.test("frameNdjson() is the same with LineScanner and without, for mutated records at the ends of windows", () => {
  const before = framed.good;
  const random = randomOf(2);
  for (const body of mutatedLines(MUTATIONS_AT_WINDOW_ENDS, 3)) {
    frameTwice(bodyAt(WINDOW_BYTES - random(body.length + 2), body, ["", "\n", "\n1\n"][random(3)]));
  }
  assertGreater(framed.good - before, MUTATIONS_AT_WINDOW_ENDS / 5);
});

Deno.test("frameNdjson() is the same with LineScanner and without, for any lines with any white space and limits", () => {
  const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\r"), maxLength: 3 });
  const property = fc.property(
    fc.array(fc.json({ maxDepth: 4 }), { minLength: 1, maxLength: 6 }),
    fc.array(space, { minLength: 1 }),
    fc.nat({ max: 64 }),
    fc.integer({ min: 1, max: 400 }),
    fc.integer({ min: 0, max: 8 }),
    (values, spaces, before, record, records) => {
      const lines = values.map((text) => {
        const tokens = text.match(/"(?:[^"\\]|\\.)*"|[[\]{},:]|[^[\]{},:"\s]+/gsu) ?? [];
        return tokens.map((token, index) => spaces[index % spaces.length] + token).join("") + spaces[0];
      });
      const compact = bodyAt(before === 1 ? 0 : before, values.join("\n"));
      const spaced = bodyAt(before === 1 ? 0 : before, lines.join("\n"), "");
      for (const body of [compact, spaced]) {
        frameTwice(body);
        frameTwice(body, { record });
        frameTwice(body, { record: 1000, records });
      }
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});
