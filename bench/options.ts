// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import type { Generator } from "./load/put_load.ts";
import { UsageError } from "./usage_error.ts";

/** What `--help` prints. */
export const USAGE = `Usage: deno task bench [OPTIONS]

Measures Penstock against a bare server of the same kind in the same run, in turns. Exits with 1 where a target is missed or a
measurement of the two failed, with 2 where it cannot begin.

Options:
  --out FILE        save the report as JSON; docs/benchmarks.md is made from it: deno run -A bench/report.ts FILE
  --compare FILE    show what changed since a saved report, and by how much beyond the spread
  --quick           a run of less than a minute: the most telling cases, without a sink to nowhere and without other
                    collectors; targets are told, but decide nothing
  --only NAMES      only these cases, with commas between: http-1, http-10, http-100, http-1000, ws-200B, ws-20kB,
                    otlp-json, otlp-protobuf, otlp-convert, sources, connections, at-rest
  --rounds N        rounds that count (default: 5; quick: 3)
  --seconds N       seconds of each round; latency takes half as long again (default: 2; quick: 0.4)
  --generator NAME  wrk or built-in (default: wrk where it is installed and rounds last whole seconds)
  --help            print this

Environment: FLUENT_BIT, OTELCOL, VECTOR hold the paths of programs that are measured in the same run.
`;

/** What was asked for on the command line. */
export interface Options {
  readonly out: string | undefined;
  readonly compare: string | undefined;
  readonly quick: boolean;
  /** Empty for everything. */
  readonly only: readonly string[];
  readonly rounds: number | undefined;
  readonly seconds: number | undefined;
  readonly generator: Generator | undefined;
  readonly help: boolean;
}

/**
 * @param args The command line.
 * @returns What it asks for.
 * @throws {UsageError} If it is not understood.
 */
export function parseOptions(args: readonly string[]): Options {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    string: ["out", "compare", "only", "rounds", "seconds", "generator"],
    boolean: ["quick", "help"],
    unknown: (arg) => unknown.push(arg),
  });
  if (unknown.length > 0) throw new UsageError(`Unknown argument ${unknown.join(", ")}`);
  const { out, compare, quick, only, rounds, seconds, generator, help } = parsed;
  for (const [name, value] of Object.entries({ out, compare, only })) {
    if (value === "") throw new UsageError(`--${name} needs a value`);
  }
  const options = {
    out,
    compare,
    quick,
    only: only?.split(",") ?? [],
    rounds: positive("rounds", rounds),
    seconds: positive("seconds", seconds),
    generator: generatorNamed(generator),
    help,
  };
  if (options.rounds !== undefined && !Number.isInteger(options.rounds)) {
    throw new UsageError(`--rounds must be an integer, current value is ${rounds}`);
  }
  return options;
}

function generatorNamed(name: string | undefined): Generator | undefined {
  if (name === undefined || name === "wrk" || name === "built-in") return name;
  throw new UsageError(`--generator must be wrk or built-in, current value is '${name}'`);
}

function positive(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0 && value < Infinity)) {
    throw new UsageError(`--${name} must be a positive number, current value is '${text}'`);
  }
  return value;
}
