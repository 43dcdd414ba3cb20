// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertFalse } from "@std/assert";
import { type Config, formatConfigError, parseConfig } from "../../collector/config.ts";

/** A config of one source and one sink, with more keys or other ones. */
export function minimal(more: Record<string, unknown> = {}): Record<string, unknown> {
  return { sources: { "*": {} }, sinks: { console: { type: "stdout" } }, ...more };
}

/** A config with one source of this content. */
export function withSource(source: unknown, more: Record<string, unknown> = {}) {
  return minimal({ sources: { a: source }, ...more });
}

/** A config with one sink of this content. */
export function withSink(sink: unknown) {
  return minimal({ sinks: { s: sink } });
}

export function accept(value: unknown): Config {
  const result = parseConfig(value);
  assert(result.ok, result.ok ? "" : result.errors.map(formatConfigError).join("\n"));
  return result.config;
}

export function refuse(value: unknown): string[] {
  const result = parseConfig(value);
  assertFalse(result.ok, `Accepted ${JSON.stringify(value)}`);
  return result.errors.map(formatConfigError);
}

/** Asserts that each config has one error, at this path, in these words. */
export function assertRefused(cases: readonly (readonly [config: unknown, error: string])[]): void {
  for (const [config, error] of cases) assertEquals(refuse(config), [error]);
}
