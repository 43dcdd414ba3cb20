import { type Figure, figuresOf } from "./figures.ts";
import type { Report } from "./report.ts";
import { median, type Spread, spreadOf } from "./statistics.ts";

/** What became of a figure between two reports. */
export interface Change {
  readonly name: string;
  readonly before: Spread;
  readonly after: Spread;
  readonly digits: number;
  /** Of the median, as a part of what it was: 0.1 is a tenth more. */
  readonly change: number;
  /**
   * How far apart the nearest rounds of the two reports are, as a part of the median that was: what is beyond the spread. 0
   * where the rounds of one report reach into those of the other, which noise alone can bring about.
   */
  readonly beyond: number;
  /** Whether one of the two has a single round: there is no spread then, and {@linkcode beyond} says nothing. */
  readonly isSingle: boolean;
}

/**
 * Compares the rounds of a figure with those of another run.
 *
 * @param before Then.
 * @param after Now.
 * @returns What became of it.
 */
export function compareFigures(before: Figure, after: Figure): Change {
  const [was, is] = [spreadOf(before.values), spreadOf(after.values)];
  const gap = is.min > was.max ? is.min - was.max : is.max < was.min ? is.max - was.min : 0;
  return {
    name: after.name,
    before: was,
    after: is,
    digits: after.digits,
    change: (is.median - was.median) / was.median,
    beyond: gap / was.median,
    isSingle: before.values.length === 1 || after.values.length === 1,
  };
}

/** What became of all figures between two reports. */
export interface Comparison {
  readonly changes: readonly Change[];
  /** Why the two may not be comparable; a sentence each. */
  readonly warnings: readonly string[];
  /** Names of figures that only one of the two has. */
  readonly unmatched: readonly string[];
}

/**
 * Compares two reports.
 *
 * @param before Then.
 * @param after Now.
 * @returns What became of every figure that both have.
 */
export function compareReports(before: Report, after: Report): Comparison {
  const then = new Map(figuresOf(before).map((figure) => [figure.name, figure]));
  const now = new Map(figuresOf(after).map((figure) => [figure.name, figure]));
  const changes: Change[] = [];
  for (const [name, figure] of now) {
    const other = then.get(name);
    if (other !== undefined && median(other.values) !== 0) changes.push(compareFigures(other, figure));
  }
  const warnings: string[] = [];
  const differ = (what: string, a: unknown, b: unknown) => {
    if (a !== b) warnings.push(`${what} was ${a} and is ${b}.`);
  };
  differ("The processor", before.machine.processor, after.machine.processor);
  differ("The number of cores", before.machine.cores, after.machine.cores);
  differ("Deno", before.machine.deno, after.machine.deno);
  differ("The load generator", before.generator, after.generator);
  differ("The length of a round, in seconds,", before.seconds, after.seconds);
  return {
    changes,
    warnings,
    unmatched: [...then.keys(), ...now.keys()].filter((name) => !(then.has(name) && now.has(name))),
  };
}
