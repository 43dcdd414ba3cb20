// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLess, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { SourceRegistry } from "../../collector/source_registry.ts";
import { BAD_NAMES } from "./bad_names.ts";
import { makeSource, sourceConfig } from "./sources.ts";

function makeRegistry(patterns: string[], limit = 100): { registry: SourceRegistry; created: string[] } {
  const created: string[] = [];
  const registry = new SourceRegistry({
    rules: patterns.map((pattern) => sourceConfig({ pattern })),
    limit,
    create: (name, config) => {
      created.push(name);
      return makeSource({ ...config, name });
    },
  });
  return { registry, created };
}

/** The pattern of the rule that a name follows, or why it follows none. */
function ruleOf(registry: SourceRegistry, name: string): string {
  const source = registry.get(name);
  return typeof source === "string" ? source : source.config.pattern;
}

Deno.test("SourceRegistry.get() makes a source when it is first named, and only then", () => {
  const { registry, created } = makeRegistry(["*"]);
  assertEquals([registry.size, created], [0, []]);
  const source = registry.get("a");
  assert(typeof source !== "string");
  assertEquals(source.name, "a");
  assertStrictEquals(registry.get("a"), source);
  registry.get("b");
  assertEquals([created, registry.size, [...registry.all].map(({ name }) => name)], [["a", "b"], 2, [
    "a",
    "b",
  ]]);
});

Deno.test("SourceRegistry.get() prefers a name to a pattern, and the first pattern to the others", () => {
  const { registry } = makeRegistry(["web-*", "*-cpu", "web-cpu", "*", "never-*"]);
  const rules = {
    "web-cpu": "web-cpu",
    "web-x-cpu": "web-*",
    "db-cpu": "*-cpu",
    "web-": "web-*",
    "web": "*",
    "never-x": "*",
  };
  for (const [name, rule] of Object.entries(rules)) assertEquals(ruleOf(registry, name), rule, name);
});

Deno.test("SourceRegistry.get() knows no source that no rule is for", () => {
  const { registry, created } = makeRegistry(["metrics-*", "orders"]);
  for (const name of ["metrics", "order", "orders2", "xmetrics-1", "Orders", "constructor", "toString"]) {
    assertEquals(registry.get(name), "unknown_source", name);
  }
  assertEquals([created, registry.size], [[], 0]);
});

Deno.test("SourceRegistry.get() makes no more sources than the limit, and finds those there are", () => {
  const { registry, created } = makeRegistry(["a*"], 2);
  const [first] = [registry.get("a1"), registry.get("a2")];
  assertEquals(registry.get("a3"), "too_many_sources");
  assertEquals(registry.get("b"), "unknown_source");
  assertStrictEquals(registry.get("a1"), first);
  assertEquals(created, ["a1", "a2"]);
});

Deno.test("SourceRegistry.get() refuses bad names although a pattern matches them", () => {
  const { registry, created } = makeRegistry(["*", "..", ".hidden", "", "*/*"]);
  for (const name of BAD_NAMES) assertEquals(registry.get(name), "bad_name", JSON.stringify(name));
  assertEquals(created, []);
});

Deno.test("SourceRegistry takes every character of a pattern but * literally", () => {
  const { registry } = makeRegistry(["a.b*", "[a-z]*", "a+*", "(x|y)*", "^a*", "*$", "a{2}*", "\\w*", "a?*"]);
  assertEquals(ruleOf(registry, "a.b1"), "a.b*");
  for (const name of ["axb1", "q", "aa", "x", "a", "w", "aab"]) {
    assertEquals(registry.get(name), "unknown_source", name);
  }
});

Deno.test("SourceRegistry matches patterns with any number of stars, which stand for nothing too", () => {
  const cases: [pattern: string, name: string, matches: boolean][] = [
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["a*a", "aba", true],
    ["ab*ba", "aba", false],
    ["*ab*ab*", "abab", true],
    ["*ab*ab*", "abb", false],
    ["*ab*ab", "ababab", true],
    ["a*bc*bc", "abc", false],
    ["a**b", "ab", true],
    ["*.*", "a.b", true],
    ["*.*", "ab", false],
    ["***", "x", true],
  ];
  for (const [pattern, name, matches] of cases) {
    const { registry } = makeRegistry([pattern]);
    assertEquals(ruleOf(registry, name), matches ? pattern : "unknown_source", `${pattern} for ${name}`);
  }
});

Deno.test("SourceRegistry matches like the obvious regular expression", () => {
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), minLength: 1, maxLength: 8 });
  const name = fc.string({ unit: fc.constantFrom("a", "b", "."), maxLength: 10 }).map((rest) => `a${rest}`);
  fc.assert(
    fc.property(pattern, name, (pattern, name) => {
      const expected = new RegExp(`^${pattern.replaceAll(".", "\\.").replaceAll("*", ".*")}$`).test(name);
      assertEquals(ruleOf(makeRegistry([pattern]).registry, name) === pattern, expected);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("SourceRegistry.get() takes no longer for a name made up to be tried in every way", () => {
  // As a regular expression, this one takes minutes.
  const { registry } = makeRegistry(["*-*-*-*-*-*-*-*x"]);
  const start = performance.now();
  for (let i = 0; i < 1_000; i++) assertEquals(registry.get(`a${"-".repeat(127)}`), "unknown_source");
  assertLess(performance.now() - start, 1_000);
});

Deno.test("SourceRegistry.find() finds those that exist by what a text ends in, from where the name begins", () => {
  const { registry } = makeRegistry(["*"]);
  const name = fc.stringMatching(/^[a-c][a-c.-]{0,5}$/);
  fc.assert(fc.property(fc.uniqueArray(name, { maxLength: 9 }), name, fc.string(), (made, other, before) => {
    for (const one of made) if (registry.size < registry.limit) registry.get(one);
    const known = new Map(Array.from(registry.all, (source) => [source.name, source]));
    for (const one of [...made, other, `${other}?a=b`, ""]) {
      assertStrictEquals(registry.find(before + one, before.length), known.get(one));
    }
  }));
  assert(registry.size > 20);
  assertStrictEquals(registry.find("x".repeat(10_000)), undefined);
});

Deno.test("SourceRegistry.find() tells sources apart whose names have the same number", () => {
  const { registry } = makeRegistry(["*"]);
  // 31 times a character more is made up for by the next one's 31 less.
  const names = ["AaAa", "BBBB", "AaBB", "Aa"];
  for (const name of names) registry.get(name);
  assertEquals(names.map((name) => registry.find(`/${name}`, 1)?.name), names);
  for (const other of ["BBAa", "BB", "\0Aa"]) assertStrictEquals(registry.find(`/${other}`, 1), undefined);
});
