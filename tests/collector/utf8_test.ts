// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { isUtf8 } from "node:buffer";
import { indexOfInvalidUtf8 } from "../../collector/utf8.ts";

Deno.test("indexOfInvalidUtf8() finds the first byte of the first ill-formed sequence", () => {
  const cases: [bytes: number[], index: number][] = [
    [[], -1],
    [[0x00, 0x7f], -1],
    [[0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80], -1],
    [[0xee, 0x80, 0x80, 0xf4, 0x8f, 0xbf, 0xbf, 0xed, 0x9f, 0xbf], -1],
    [[0x61, 0x80], 1], // a continuation without a lead
    [[0x61, 0xc3], 1], // cut off
    [[0x61, 0xe2, 0x82], 1],
    [[0x61, 0xf0, 0x9f, 0x98], 1],
    [[0xc3, 0x41], 0],
    [[0xe2, 0x82, 0x41], 0],
    [[0xf0, 0x9f, 0x98, 0xc0], 0],
    [[0xc0, 0x80], 0], // overlong
    [[0xc1, 0xbf], 0],
    [[0xe0, 0x9f, 0xbf], 0],
    [[0xf0, 0x8f, 0xbf, 0xbf], 0],
    [[0xed, 0xa0, 0x80], 0], // a surrogate
    [[0xf4, 0x90, 0x80, 0x80], 0], // above U+10FFFF
    [[0xf5, 0x80, 0x80, 0x80], 0],
    [[0xc3, 0xa9, 0xff], 2],
  ];
  for (const [bytes, index] of cases) {
    assertEquals(indexOfInvalidUtf8(Uint8Array.from(bytes)), index, `${bytes}`);
  }
});

Deno.test("indexOfInvalidUtf8() finds something exactly where isUtf8() says there is something", () => {
  const byte = fc.oneof(
    fc.constantFrom(0x61, 0x80, 0x9f, 0xa0, 0xbf, 0xc3, 0xe0, 0xed, 0xf0, 0xf4),
    fc.nat({ max: 255 }),
  );
  const property = fc.property(fc.array(byte, { maxLength: 12 }), (list) => {
    const bytes = Uint8Array.from(list);
    const index = indexOfInvalidUtf8(bytes);
    assertEquals(index === -1, isUtf8(bytes));
    if (index !== -1) assertEquals(isUtf8(bytes.subarray(0, index)), true);
  });
  fc.assert(property, { numRuns: 5000 });
});
