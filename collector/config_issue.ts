import type { z } from "zod";
import type { ConfigError } from "./config.ts";
import { quote } from "./quote.ts";

type Issue = z.core.$ZodIssue;

/**
 * Writes the place of a value in a config: `sources.metrics-*.sinks[0]`, `sources["web.01"].policy`.
 *
 * @param keys The keys on the way to the value.
 * @returns The keys joined by dots. One that itself has a dot, or a character that no name may have, is quoted.
 */
export function formatPath(keys: readonly PropertyKey[]): string {
  return keys.map((key, index) => {
    if (typeof key === "number") return `[${key}]`;
    const name = String(key);
    if (!/^[A-Za-z0-9_*-]+$/.test(name)) return `[${quote(name)}]`;
    return index === 0 ? name : `.${name}`;
  }).join("");
}

/**
 * Turns an issue of the schema into words: the value, and what would be right.
 *
 * @param issue The issue, with its input.
 * @returns One error, or one for each key where keys are not known.
 */
export function explainIssue(issue: Issue): ConfigError[] {
  const { input, path } = issue;
  const one = (message: string, at: readonly PropertyKey[] = path) => [{ path: formatPath(at), message }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.flatMap((key) =>
        one(`${quote(get(input, key))} is given for an unknown key: ${issue.message}`, [...path, key])
      );
    case "invalid_type":
      return one(`${tell(input, nounOf(issue.expected))}: give ${exampleOf(issue.expected)}`);
    case "invalid_value":
      return one(`${tell(input, "known here")}: give ${listOf(issue.values)}`);
    case "invalid_union": {
      // The one union is that of sinks. The issue is about its discriminator, while its input is the whole sink.
      const { discriminator = "", options = [] } = issue as { discriminator?: string; options?: unknown[] };
      return one(`${tell(get(input, discriminator), "known here")}: give ${listOf(options)}`);
    }
    case "too_small":
      return one(
        issue.origin === "string"
          ? `${quote(input)} is empty: give at least one character`
          : `${quote(input)} is too small: give at least ${issue.minimum}`,
      );
    case "too_big":
      return one(`${quote(input)} is too large: give at most ${issue.maximum}`);
    case "custom":
      return one(issue.message);
    default:
      // No other code can come out of the schema; should one be added there, zod's own words must do.
      return one(`${quote(input)} is refused: ${issue.message}`);
  }
}

function tell(value: unknown, expected: string): string {
  return value === undefined ? "is missing" : `${quote(value)} is not ${expected}`;
}

function nounOf(expected: string): string {
  switch (expected) {
    case "object":
    case "record":
      return "an object";
    case "array":
      return "a list";
    case "int":
    case "number":
      return "an integer";
    default:
      return `a ${expected}`;
  }
}

function exampleOf(expected: string): string {
  switch (expected) {
    case "object":
    case "record":
      return "{ … }";
    case "array":
      return "[ … ]";
    case "boolean":
      return "true or false";
    case "int":
    case "number":
      return "one, without quotes or fraction";
    default:
      return "one, in quotes";
  }
}

function listOf(values: readonly unknown[]): string {
  const quoted = values.map(quote);
  return quoted.length < 2 ? quoted.join("") : `${quoted.slice(0, -1).join(", ")} or ${quoted.at(-1)}`;
}

function get(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;
}
