import type { Config, ConfigError, HttpSinkConfig } from "./config.ts";
import { formatPath } from "./config_issue.ts";
import { quote } from "./quote.ts";

/** A variable of the environment in the value of a header. */
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** What a name of a header is made of (RFC 9110, section 5.6.2). */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Printable ASCII, and spaces and tabs within. */
const VALUE = /^[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?$/;

/** What the sink or the connection says itself, in lower case. */
const OWN: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Headers as they are sent, and the values that were put in, which nobody is to be told. */
export interface SinkHeaders {
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
}

/** Gives the value of a variable of the environment. */
export type ReadVariable = (name: string) => string | undefined;

/**
 * Finds the variables of the environment that the headers of a sink are made with.
 *
 * @param sink The sink.
 * @returns Their names, each once.
 */
export function variablesOf({ headers }: HttpSinkConfig): string[] {
  return [
    ...new Set(
      Object.values(headers).flatMap((value) => Array.from(value.matchAll(VARIABLE), ([, name]) => name!)),
    ),
  ];
}

/**
 * Finds what is wrong with the headers of a sink as they stand in the config. Values are never quoted.
 *
 * @param sink The sink.
 * @returns One error for each.
 */
export function* headerConflicts({ name: sink, headers }: HttpSinkConfig): Generator<ConfigError, void> {
  const seen = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const path = formatPath(["sinks", sink, "headers", name]);
    const error = (message: string): ConfigError => ({ path, message });
    const lower = name.toLowerCase();
    const earlier = seen.get(lower);
    seen.set(lower, name);
    if (!NAME.test(name)) {
      yield error(`${quote(name)} is not the name of a header: give letters, digits and "-"`);
    } else if (OWN.has(lower)) {
      yield error(`${quote(name)} is a header that the sink sets by itself: leave it out`);
    } else if (earlier !== undefined) {
      yield error(`${quote(name)} is given as ${quote(earlier)} already: give each header once`);
    } else if (value.replaceAll(VARIABLE, "").includes("${")) {
      yield error('has a "${" that begins no variable: give "${NAME}" with letters, digits and "_"');
    } else if (!VALUE.test(value)) {
      yield error("is not the value of a header: give printable ASCII, without spaces around it");
    }
  }
}

/**
 * Puts the values of variables into the headers of a sink.
 *
 * @param sink The sink.
 * @param read Gives the value of a variable.
 * @returns The headers.
 * @throws {TypeError} If a variable is missing; {@linkcode findMissingVariables} says so beforehand.
 */
export function resolveHeaders(sink: HttpSinkConfig, read: ReadVariable): SinkHeaders {
  const values = new Map(
    variablesOf(sink).map((name) => {
      const value = read(name);
      if (value === undefined) throw new TypeError(`Cannot make headers: there is no variable ${name}`);
      return [name, value];
    }),
  );
  const headers = Object.fromEntries(
    Object.entries(sink.headers).map(([name, value]) => [
      name,
      value.replaceAll(VARIABLE, (_, variable: string) => values.get(variable)!),
    ]),
  );
  // The longest first, should one be the beginning of another.
  return { headers, secrets: [...values.values()].sort((a, b) => b.length - a.length) };
}

/**
 * Finds variables that headers are made with and that are not there or cannot be part of a header.
 *
 * @param config The config.
 * @param read Gives the value of a variable.
 * @returns One error for each, with its name and without its value.
 */
export function findMissingVariables({ sinks }: Config, read: ReadVariable): ConfigError[] {
  return sinks.flatMap((sink) => {
    if (sink.type !== "http") return [];
    return Object.entries(sink.headers).flatMap(([header, value]) => {
      const path = formatPath(["sinks", sink.name, "headers", header]);
      const names = new Set(Array.from(value.matchAll(VARIABLE), ([, name]) => name!));
      return [...names].flatMap((name) => {
        const value = read(name);
        if (value === undefined || value === "") {
          const state = value === undefined ? "not set" : "empty";
          return [{
            path,
            message: `the variable ${name} of the environment is ${state}: set it, or leave the header out`,
          }];
        }
        return VALUE.test(value) ? [] : [{
          path,
          message:
            `the variable ${name} of the environment cannot be part of a header: give it printable ASCII, ` +
            "without spaces or line ends around it",
        }];
      });
    });
  });
}
