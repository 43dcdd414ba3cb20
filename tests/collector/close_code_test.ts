// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { closeCode, closeReason } from "../../collector/close_code.ts";
import { SHUTTING_DOWN } from "../../collector/ingest_answer.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text).length;

Deno.test("closeCode() tells what is invalid, too large, and to be tried again", () => {
  const refusals = [
    { status: 400, code: "invalid_record", message: "" },
    { status: 413, code: "too_large", message: "" },
    { status: 503, code: "overloaded", message: "" },
    SHUTTING_DOWN,
  ] as const;
  assertEquals(refusals.map((refusal) => closeCode(refusal)), [1007, 1009, 1013, 1013]);
});

Deno.test("closeReason() leaves alone what fits in a close frame", () => {
  for (const reason of ["", "why", "x".repeat(123), "é".repeat(61)]) {
    assertEquals(closeReason(reason), reason);
  }
});

Deno.test("closeReason() cuts at 123 bytes, before a character that would be cut in two", () => {
  assertEquals(closeReason("x".repeat(124)), "x".repeat(123));
  assertEquals(closeReason("é".repeat(62)), "é".repeat(61));
  assertEquals(closeReason("x".repeat(122) + "é"), "x".repeat(122));
  assertEquals(closeReason("x".repeat(121) + "€"), "x".repeat(121));
  assertEquals(closeReason("x".repeat(120) + "𝄞"), "x".repeat(120));
  assertEquals(closeReason("x".repeat(119) + "𝄞x"), "x".repeat(119) + "𝄞");
});

Deno.test("closeReason() is the longest beginning of whole characters in 123 bytes, of any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 0, maxLength: 200 }), (reason) => {
      fc.pre(!reason.startsWith("\ufeff")); // no reason of ours begins with a mark that decoders take away
      const cut = closeReason(reason);
      assert(reason.startsWith(cut));
      assertLessOrEqual(bytesOf(cut), 123);
      const next = String.fromCodePoint(reason.codePointAt(cut.length) ?? 0);
      assert(cut === reason || bytesOf(cut + next) > 123, "one more character would fit");
    }),
    { numRuns: 500 },
  );
});
