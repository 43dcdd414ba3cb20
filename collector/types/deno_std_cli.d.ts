/**
 * Types of `deno-std/cli/parse_args.js` (`@std/cli/parse-args`), which ships none: the part of `jsr:@std/cli@1` that the
 * command line needs. `collect` and `negatable` are left out.
 *
 * @module
 */

/** Options of {@linkcode parseArgs}. */
export interface ParseOptions<S extends string = never, B extends string = never, D extends boolean = false> {
  /** Flags whose value is always a text. Without a value it is `""`; a flag not given at all is `undefined`. */
  string?: S | readonly S[];
  /** Flags that take no value. One not given is `false`. */
  boolean?: B | readonly B[];
  /** Values of flags that are not given. */
  default?: Readonly<Partial<Record<NoInfer<S>, string> & Record<NoInfer<B>, boolean>>>;
  /** Other names of flags; what is given under one name appears under all of them. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Whether everything after the first argument that is no flag goes to `_` unparsed.
   *
   * @default {false}
   */
  stopEarly?: boolean;
  /**
   * Whether what follows `--` goes to a property of that name rather than to `_`.
   *
   * @default {false}
   */
  "--"?: D;
  /**
   * Called for each flag that no option names (with `key` and `value`) and for each argument that is no flag (without
   * them). Leaves out of the result whatever it returns `false` for.
   */
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

/** What {@linkcode parseArgs} found. */
export type ParsedArgs<S extends string = never, B extends string = never, D extends boolean = false> =
  & { [K in S]: string | undefined }
  & { [K in B]: boolean }
  & {
    /** Arguments that are no flags. One that looks like a number is a number, unless `string` names `_`. */
    _: (string | number)[];
    /** Flags that no option names. */
    [flag: string]: unknown;
  }
  & (D extends true ? { "--": string[] } : unknown);

/**
 * Parses a command line.
 *
 * @param args The arguments, as in `Deno.args`.
 * @param options Which flags there are.
 * @returns Flags and other arguments.
 */
export function parseArgs<
  const S extends string = never,
  const B extends string = never,
  const D extends boolean = false,
>(args: readonly string[], options?: ParseOptions<S, B, D>): ParsedArgs<S, B, D>;
