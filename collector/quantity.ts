import { quote } from "./quote.ts";

/** What a config value was understood as, or why it was not. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | {
  readonly ok: false;
  readonly message: string;
};

/** The longest duration, in milliseconds, 24.8 days: a timer set for longer fires at once. */
export const MAX_DURATION: number = 2 ** 31 - 1;

type Units = ReadonlyMap<string, number>;

// From large to small: a quantity is told in the first unit that divides it.
const BYTE_UNITS: Units = new Map([
  ["GiB", 2 ** 30],
  ["GB", 10 ** 9],
  ["MiB", 2 ** 20],
  ["MB", 10 ** 6],
  ["KiB", 2 ** 10],
  ["kB", 10 ** 3],
  ["B", 1],
]);

const DURATION_UNITS: Units = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
  ["ms", 1],
]);

/**
 * Reads a size: an integer number of bytes, or an integer and a unit: `"64MiB"`, `"500B"`, `"1MB"`.
 *
 * The units are `B`, `KiB`, `MiB`, `GiB` (powers of 1024), `kB`, `MB`, `GB` (powers of 1000).
 *
 * @param value The value from the config.
 * @returns The number of bytes, a safe integer from 0, or a message that names the value and what would be right.
 *
 * @example
 * ```ts
 * import { parseBytes } from "./quantity.ts";
 *
 * parseBytes("64MiB"); // { ok: true, value: 67108864 }
 * ```
 */
export function parseBytes(value: unknown): Parsed<number> {
  const bytes = parse(value, BYTE_UNITS);
  if (bytes === undefined) {
    return refuse(
      `${quote(value)} is not a size: give bytes as an integer or a string such as "64MiB" ` +
        `(units: ${namesOf(BYTE_UNITS)})`,
    );
  }
  if (bytes < 0) return refuse(`${quote(value)} is not a size: it must not be negative`);
  if (!Number.isSafeInteger(bytes)) {
    return refuse(`${quote(value)} is too large: give at most ${Number.MAX_SAFE_INTEGER} bytes`);
  }
  return { ok: true, value: bytes };
}

/**
 * Reads a duration: an integer number of milliseconds, or an integer and a unit: `"5s"`, `"200ms"`, `"1h"`.
 *
 * The units are `ms`, `s`, `m`, `h`, `d`.
 *
 * @param value The value from the config.
 * @param max The longest that will do, in milliseconds. For what no timer is set for, it may be more than the default.
 * @returns The number of milliseconds, an integer from 0 to `max`, or a message that names the value and what would be
 *   right.
 */
export function parseDuration(value: unknown, max: number = MAX_DURATION): Parsed<number> {
  const milliseconds = parse(value, DURATION_UNITS);
  if (milliseconds === undefined) {
    return refuse(
      `${quote(value)} is not a duration: give milliseconds as an integer or a string such as "5s" ` +
        `(units: ${namesOf(DURATION_UNITS)})`,
    );
  }
  if (milliseconds < 0) return refuse(`${quote(value)} is not a duration: it must not be negative`);
  if (milliseconds > max) {
    const days = Math.floor(max / 8_640_000) / 10;
    return refuse(`${quote(value)} is too large: give at most ${max}ms, which is ${days} days`);
  }
  return { ok: true, value: milliseconds };
}

/**
 * Writes a size exactly, in the largest unit that divides it: `64MiB`, `1MB`, `1025B`.
 *
 * @param bytes A number of bytes.
 * @returns A text that {@linkcode parseBytes} reads as the same number.
 */
export function formatBytes(bytes: number): string {
  return format(bytes, BYTE_UNITS);
}

/**
 * Writes a duration exactly, in the largest unit that divides it: `5s`, `1h`, `1500ms`.
 *
 * @param milliseconds A number of milliseconds.
 * @returns A text that {@linkcode parseDuration} reads as the same number.
 */
export function formatDuration(milliseconds: number): string {
  return format(milliseconds, DURATION_UNITS);
}

/** Reads an integer, alone or with a unit; `undefined` when it is neither. The range is left to the caller. */
function parse(value: unknown, units: Units): number | undefined {
  // Beyond 2 ** 53 every double is an integer, so that a too large one is told as such.
  if (typeof value === "number") {
    return Number.isInteger(value) || Math.abs(value) === Infinity ? value : undefined;
  }
  if (typeof value !== "string") return undefined;
  const match = /^(-?\d+)([A-Za-z]+)$/.exec(value);
  const factor = units.get(match?.[2] ?? "");
  return match === null || factor === undefined ? undefined : Number(match[1]) * factor;
}

function format(quantity: number, units: Units): string {
  for (const [name, factor] of units) {
    if (quantity >= factor && quantity % factor === 0) return `${quantity / factor}${name}`;
  }
  return `${quantity}${[...units.keys()].at(-1)}`;
}

function namesOf(units: Units): string {
  return [...units.keys()].reverse().join(", ");
}

function refuse(message: string): Parsed<never> {
  return { ok: false, message };
}
