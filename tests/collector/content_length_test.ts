// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseContentLength } from "../../collector/content_length.ts";

Deno.test("parseContentLength() reads every length that there can be, and knows that there is none", () => {
  assertEquals(parseContentLength(null), undefined);
  fc.assert(fc.property(fc.nat({ max: Number.MAX_SAFE_INTEGER }), (length) => {
    assertEquals(parseContentLength(`${length}`), length);
    assertEquals(parseContentLength(`000${length}`), length);
  }));
});

Deno.test("parseContentLength() takes nothing for a length that has more than digits", () => {
  for (
    const text of ["-1", "+1", "1.5", "0x10", "1e3", " 1", "1 ", "1, 1", "5, 5", "٣", "a", "NaN", "Infinity"]
  ) {
    assertEquals(parseContentLength(text), undefined, text);
  }
});

Deno.test("parseContentLength() takes a number that is beyond all limits for one that is", () => {
  assertEquals(parseContentLength("9".repeat(400)), Infinity);
});
