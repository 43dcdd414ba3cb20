// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { isSourceName } from "../../collector/source_name.ts";
import { BAD_NAMES } from "./bad_names.ts";

Deno.test("isSourceName() accepts 1 to 128 letters, digits, dots, underscores and hyphens", () => {
  for (
    const name of ["a", "0", "Z9", "metrics-web01", "a.b_c-d", "a..b", "a-", "a.", "x".repeat(128), "CON"]
  ) {
    assertEquals(isSourceName(name), true, name);
  }
});

Deno.test("isSourceName() refuses whatever means something in a path, a log or a shell", () => {
  for (const name of BAD_NAMES) assertEquals(isSourceName(name), false, JSON.stringify(name));
});

Deno.test("isSourceName() lets only names through that are one component of a path below their directory", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: fc.constantFrom(..."aZ9._-/\\%\0\n ") })),
      (name) => {
        if (!isSourceName(name)) return;
        assertMatch(name, /^[\w][\w.-]*$/);
        assertEquals(new URL(`file:///data/${name}/x`).pathname, `/data/${name}/x`);
      },
    ),
    { numRuns: 1_000 },
  );
});
