import type { SourceConfig } from "./config.ts";
import type { Source } from "./source.ts";
import { isSourceName } from "./source_name.ts";

/** Options of {@linkcode SourceRegistry}. */
export interface SourceRegistryOptions {
  /** The rules, in the order of the config. */
  readonly rules: readonly SourceConfig[];
  /** The most sources there may be. */
  readonly limit: number;
  /** Makes a source that follows a rule. */
  readonly create: (name: string, config: SourceConfig) => Source;
}

/** Why there is no such source. */
export type NoSource = "bad_name" | "unknown_source" | "too_many_sources";

/**
 * Every source by its name. A source begins to exist when it is first named; there are never more than the limit, so
 * that an agent that makes up names cannot use up the memory.
 */
export class SourceRegistry {
  readonly limit: number;
  readonly #sources = new Map<string, Source>();
  /** The same, by the number of their names; nothing where there are several of one number. */
  readonly #numbered = new Map<number, Source | undefined>();
  #longestName = 0;
  readonly #named = new Map<string, SourceConfig>();
  readonly #patterns: { readonly matches: (name: string) => boolean; readonly config: SourceConfig }[] = [];
  readonly #create: (name: string, config: SourceConfig) => Source;

  /** @param options The rules, the limit, and how a source is made. */
  constructor({ rules, limit, create }: SourceRegistryOptions) {
    this.limit = limit;
    this.#create = create;
    for (const config of rules) {
      if (config.pattern.includes("*")) this.#patterns.push({ matches: matcherOf(config.pattern), config });
      else this.#named.set(config.pattern, config);
    }
  }

  /** Every source that exists. */
  get all(): IterableIterator<Source> {
    return this.#sources.values();
  }

  /**
   * Finds a source that exists by what a text ends in. To cut the name out and look into a map by it takes 1 us where the
   * agents of a thousand sources take turns: the runtime has to go through a text that it has not seen before.
   *
   * @param text A URL, for one.
   * @param from Where the name begins in it.
   * @returns The source, or nothing where none of that name exists yet.
   */
  find(text: string, from: number = 0): Source | undefined {
    const length = text.length - from;
    if (length > this.#longestName) return undefined;
    const number = numberOf(text, from);
    const source = this.#numbered.get(number);
    if (source === undefined) {
      return this.#numbered.has(number) ? this.#sources.get(text.slice(from)) : undefined;
    }
    const { name } = source;
    return name.length === length && text.endsWith(name) ? source : undefined;
  }

  /** How many sources exist. */
  get size(): number {
    return this.#sources.size;
  }

  /**
   * Finds a source, or makes it: a rule with exactly its name wins, then the first pattern that matches.
   *
   * @param name Its name.
   * @returns The source, or why there is none.
   */
  get(name: string): Source | NoSource {
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    if (!isSourceName(name)) return "bad_name";
    const config = this.#named.get(name) ?? this.#patterns.find(({ matches }) => matches(name))?.config;
    if (config === undefined) return "unknown_source";
    if (this.#sources.size >= this.limit) return "too_many_sources";
    const source = this.#create(name, config);
    this.#sources.set(name, source);
    const number = numberOf(name, 0);
    this.#numbered.set(number, this.#numbered.has(number) ? undefined : source);
    this.#longestName = Math.max(this.#longestName, name.length);
    return source;
  }
}

/** The number of the name that a text ends in, from where that begins. */
function numberOf(text: string, from: number): number {
  let number = 0;
  for (let at = from; at < text.length; at++) number = (31 * number + text.charCodeAt(at)) & 0x3fff_ffff;
  return number;
}

/**
 * `*` stands for any characters, also none; every other character for itself. Each literal between two stars is taken
 * where it is found first, so that nothing is ever tried again: as a regular expression, five stars let whoever makes up
 * names stop the daemon for a second with each.
 */
function matcherOf(pattern: string): (name: string) => boolean {
  const literals = pattern.split("*");
  const prefix = literals.shift()!;
  const suffix = literals.pop()!;
  return (name) => {
    const end = name.length - suffix.length;
    if (end < prefix.length || !name.startsWith(prefix) || !name.endsWith(suffix)) return false;
    let at = prefix.length;
    for (const literal of literals) {
      const found = name.indexOf(literal, at);
      if (found < 0) return false;
      at = found + literal.length;
    }
    return at <= end;
  };
}
