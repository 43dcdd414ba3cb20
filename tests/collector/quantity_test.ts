// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import {
  formatBytes,
  formatDuration,
  MAX_DURATION,
  parseBytes,
  parseDuration,
} from "../../collector/quantity.ts";

const NOT_QUANTITIES = [
  undefined,
  null,
  true,
  {},
  [],
  [1],
  1.5,
  NaN,
  "",
  " ",
  "5",
  "1.5s",
  "1e3B",
  "s",
  "64 MiB",
  " 5s",
  "5s ",
];

Deno.test("parseBytes() reads integers as bytes", () => {
  for (const bytes of [0, 1, 65_536, Number.MAX_SAFE_INTEGER]) {
    assertEquals(parseBytes(bytes), { ok: true, value: bytes });
  }
});

Deno.test("parseBytes() reads binary and decimal units", () => {
  const sizes: [string, number][] = [
    ["0B", 0],
    ["500B", 500],
    ["1KiB", 1024],
    ["64MiB", 67_108_864],
    ["2GiB", 2_147_483_648],
    ["1kB", 1000],
    ["1MB", 1_000_000],
    ["3GB", 3_000_000_000],
    [`${Number.MAX_SAFE_INTEGER}B`, Number.MAX_SAFE_INTEGER],
  ];
  for (const [text, value] of sizes) assertEquals(parseBytes(text), { ok: true, value }, text);
});

Deno.test("parseBytes() refuses what is not a size, naming the value and what would be right", () => {
  for (const value of [...NOT_QUANTITIES, "64mib", "64mb", "1KB", "64M", "5s", "0x10B", "12 parsecs"]) {
    const result = parseBytes(value);
    assertFalse(result.ok, `${value}`);
    assertStringIncludes(
      result.message,
      'is not a size: give bytes as an integer or a string such as "64MiB"',
    );
    assertStringIncludes(result.message, "units: B, kB, KiB, MB, MiB, GB, GiB");
  }
  assertEquals(parseBytes("12 parsecs"), {
    ok: false,
    message: '"12 parsecs" is not a size: give bytes as an integer or a string such as "64MiB" ' +
      "(units: B, kB, KiB, MB, MiB, GB, GiB)",
  });
});

Deno.test("parseBytes() refuses negative sizes", () => {
  for (const value of [-1, "-1B", "-64MiB", -Infinity]) {
    const result = parseBytes(value);
    assertFalse(result.ok);
    assertStringIncludes(result.message, "it must not be negative");
  }
});

Deno.test("parseBytes() refuses sizes that a double cannot hold exactly", () => {
  for (const value of [2 ** 53, Infinity, "9007199254740992B", "8388608GiB", `${"9".repeat(400)}B`]) {
    const result = parseBytes(value);
    assertFalse(result.ok);
    assertStringIncludes(result.message, "is too large: give at most 9007199254740991 bytes");
  }
  assertEquals(parseBytes("8388607GiB"), { ok: true, value: 8_388_607 * 2 ** 30 });
});

Deno.test("parseDuration() reads integers as milliseconds", () => {
  for (const value of [0, 1, MAX_DURATION]) assertEquals(parseDuration(value), { ok: true, value });
});

Deno.test("parseDuration() reads every unit", () => {
  const durations: [string, number][] = [
    ["0ms", 0],
    ["200ms", 200],
    ["5s", 5000],
    ["1m", 60_000],
    ["1h", 3_600_000],
    ["1d", 86_400_000],
    ["2147483647ms", MAX_DURATION],
  ];
  for (const [text, value] of durations) assertEquals(parseDuration(text), { ok: true, value }, text);
});

Deno.test("parseDuration() refuses what is not a duration, naming the value and what would be right", () => {
  for (const value of [...NOT_QUANTITIES, "5S", "5sec", "1w", "5B", "1h30m"]) {
    const result = parseDuration(value);
    assertFalse(result.ok, `${value}`);
    assertStringIncludes(
      result.message,
      'is not a duration: give milliseconds as an integer or a string such as "5s" (units: ms, s, m, h, d)',
    );
  }
});

Deno.test("parseDuration() refuses negative durations and those too long for a timer", () => {
  const negative = parseDuration("-5s");
  assertFalse(negative.ok);
  assertEquals(negative.message, '"-5s" is not a duration: it must not be negative');
  for (const value of [MAX_DURATION + 1, "25d", Infinity]) {
    const result = parseDuration(value);
    assertFalse(result.ok);
    assertStringIncludes(result.message, "is too large: give at most 2147483647ms");
  }
});

Deno.test("parseBytes() cuts a long value in its message", () => {
  const result = parseBytes("x".repeat(10_000));
  assertFalse(result.ok);
  assertStringIncludes(result.message, `"${"x".repeat(58)}… is not a size`);
});

Deno.test("formatBytes() takes the largest unit that divides", () => {
  const texts = [0, 1, 1000, 1024, 1025, 1_000_000, 2 ** 20, 3 * 2 ** 30].map(formatBytes);
  assertEquals(texts, ["0B", "1B", "1kB", "1KiB", "1025B", "1MB", "1MiB", "3GiB"]);
});

Deno.test("formatDuration() takes the largest unit that divides", () => {
  const texts = [0, 200, 1500, 5000, 90_000, 120_000, 3_600_000, 86_400_000].map(formatDuration);
  assertEquals(texts, ["0ms", "200ms", "1500ms", "5s", "90s", "2m", "1h", "1d"]);
});

Deno.test("formatBytes() and formatDuration() write what parseBytes() and parseDuration() read back", () => {
  fc.assert(fc.property(fc.maxSafeNat(), fc.nat(6), (bytes, zeros) => {
    const round = bytes % 2 ** 20 * 2 ** (10 * (zeros % 4));
    for (const value of [bytes, round]) {
      const result = parseBytes(formatBytes(value));
      assert(result.ok);
      assertEquals(result.value, value);
    }
  }));
  fc.assert(fc.property(fc.nat(MAX_DURATION), (value) => {
    assertEquals(parseDuration(formatDuration(value)), { ok: true, value });
  }));
});
