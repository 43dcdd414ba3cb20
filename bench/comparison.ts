/** Something measured on a bare server and on Penstock, in turns. */
export interface Pair<T> {
  readonly bare: T;
  readonly penstock: T;
}

/**
 * Measures two servers in turns, so that whatever else the machine does falls on both.
 *
 * @param rounds How many rounds count; one more warms both up.
 * @param measure Measures one of them once.
 * @returns What was measured, round by round.
 */
export async function inTurns<T>(
  rounds: number,
  measure: (which: keyof Pair<T>) => Promise<T>,
): Promise<Pair<T>[]> {
  const pairs: Pair<T>[] = [];
  for (let round = 0; round <= rounds; round++) {
    const pair = { bare: await measure("bare"), penstock: await measure("penstock") };
    if (round > 0) pairs.push(pair);
  }
  return pairs;
}

/**
 * @param values Some values.
 * @returns The one in the middle.
 */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/**
 * @param ratios The ratios of all rounds.
 * @returns Their median with the smallest and the largest: `0.70 (0.65-0.74)`.
 */
export function formatRatio(ratios: readonly number[]): string {
  return `${median(ratios).toFixed(2)} (${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)})`;
}

/** @param text Is written to standard output as a line. */
export function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}
