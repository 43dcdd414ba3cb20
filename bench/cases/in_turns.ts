/**
 * Does something to several servers in turns, so that whatever else the machine does falls on all of them. Who is first
 * changes from round to round.
 *
 * @param entrants The servers.
 * @param rounds How many rounds.
 * @param measure Does it to one of them once.
 */
export async function inTurns<Entrant>(
  entrants: readonly Entrant[],
  rounds: number,
  measure: (entrant: Entrant, round: number) => Promise<void>,
): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const entrant of round % 2 === 0 ? entrants : entrants.toReversed()) await measure(entrant, round);
  }
}
