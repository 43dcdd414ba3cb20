import type { Config, SinkConfig } from "./config.ts";
import { type Conflicts, error, told } from "./config_conflict.ts";
import type { GivenConfig } from "./config_schema.ts";
import { formatDuration } from "./quantity.ts";
import { quote } from "./quote.ts";

/**
 * Finds what is impossible around the sinks.
 *
 * @param config The config with its defaults.
 * @param given The config as it was given, which tells what is a default.
 * @returns One error for each.
 */
export function* deliveryConflicts({ sinks, pool }: Config, given: GivenConfig): Conflicts {
  for (const { name, retry: { initial, max }, concurrency } of sinks) {
    if (initial > max) {
      const retry = given.sinks?.[name]?.retry;
      yield error(
        ["sinks", name, "retry", "initial"],
        `${told(formatDuration(initial), retry?.initial)} is more than max, ` +
          `${told(formatDuration(max), retry?.max)}: lower initial or raise max`,
      );
    }
    if (concurrency !== Infinity && concurrency > pool.permits) {
      yield error(
        ["sinks", name, "concurrency"],
        `${concurrency} is more than pool.permits, ${
          told(`${pool.permits}`, given.pool?.permits)
        }, which all sinks ` +
          "share: lower concurrency or raise pool.permits",
      );
    }
  }
  yield* deadLetterConflicts(sinks);
}

function* deadLetterConflicts(sinks: readonly SinkConfig[]): Conflicts {
  const deadLetters = new Map(sinks.map(({ name, deadLetter }) => [name, deadLetter]));
  const inCircles = new Set<string>();
  for (const { name, deadLetter } of sinks) {
    if (deadLetter === undefined) continue;
    const at = ["sinks", name, "deadLetter"];
    if (!deadLetters.has(deadLetter)) {
      const names = sinks.map(({ name }) => quote(name)).join(", ");
      yield error(at, `${quote(deadLetter)} is not the name of a sink: the sinks are ${names}`);
    } else if (deadLetter === name) {
      yield error(at, `${quote(name)} is the sink itself: name another one or leave it out`);
    } else if (!inCircles.has(name)) {
      const circle = circleThrough(name, deadLetters);
      if (circle === undefined) continue;
      for (const member of circle) inCircles.add(member);
      yield error(
        at,
        `${quote(deadLetter)} leads back to ${quote(name)} (${
          [...circle, name].join(" -> ")
        }), so that a batch which ` +
          "none of them takes would go round: leave deadLetter out of one of them",
      );
    }
  }
}

/** The sinks from one to the next until it comes again, if it does. */
function circleThrough(
  name: string,
  deadLetters: ReadonlyMap<string, string | undefined>,
): readonly string[] | undefined {
  const chain = [name];
  for (let next = deadLetters.get(name); next !== undefined; next = deadLetters.get(next)) {
    if (next === name) return chain;
    if (chain.includes(next)) return undefined; // a circle, but this one only leads to it
    chain.push(next);
  }
  return undefined;
}
