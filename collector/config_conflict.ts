import type { ConfigError } from "./config.ts";
import { formatPath } from "./config_issue.ts";

/** Values that are right by themselves and impossible together. */
export type Conflicts = Generator<ConfigError, void>;

/**
 * @param text A value.
 * @param given The same as it was given, if it was.
 * @returns The value, and whether nobody asked for it.
 */
export function told(text: string, given: unknown): string {
  return given === undefined ? `${text} (the default)` : text;
}

/**
 * @param keys The keys on the way to the value.
 * @param message What is wrong with it, and what would be right.
 * @returns The error.
 */
export function error(keys: readonly PropertyKey[], message: string): ConfigError {
  return { path: formatPath(keys), message };
}
