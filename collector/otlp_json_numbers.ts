import type { FieldKind } from "./otlp_schema.ts";

const INTEGER = /^-?[0-9]+$/;
const NUMBER = /^(-?[0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$/;

/** Far longer than any number of 64 bits: a double with all of its digits has 24. */
const LONGEST = 400;

/** More zeros behind its last other digit has no integer of 64 bits. */
const MOST_ZEROS = 19;

/** What JSON has no numbers for. */
const NAMED: ReadonlySet<string> = new Set(["NaN", "Infinity", "-Infinity"]);

/** The least and the largest value of each type of integer. */
const RANGES: Readonly<Partial<Record<FieldKind, readonly [bigint, bigint]>>> = {
  uint64: [0n, 2n ** 64n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  enum: [-(2n ** 31n), 2n ** 31n - 1n],
};

/**
 * Says whether a text is a value of a type of integer, as Protobuf's JSON mapping writes them: a number or a string.
 *
 * @param text The number, or what is between the quotes of the string.
 * @param kind The type.
 * @param quoted Whether it is a string.
 * @returns Whether it is. `1.7e18` and `2.0` are, as numbers only: decoders do not agree on them as strings.
 */
export function isInteger(text: string, kind: FieldKind, quoted: boolean): boolean {
  if (text.length > LONGEST) return false; // and not a big integer of millions of digits, which takes seconds to make
  if (!INTEGER.test(text)) {
    const value = quoted ? undefined : integerOf(text);
    return value !== undefined && isWithin(value, kind);
  }
  // A time in nanoseconds has 19 digits, and any number of 19 digits is one of 64 bits without a sign.
  if (kind === "uint64" && text.length <= 19 && text.charCodeAt(0) !== 0x2d) return true;
  return isWithin(BigInt(text), kind);
}

function isWithin(value: bigint, kind: FieldKind): boolean {
  const [least, largest] = RANGES[kind]!;
  return value >= least && value <= largest;
}

/** The integer that a number with a point or an exponent is, to its last digit; nothing if it is none of 64 bits. */
function integerOf(text: string): bigint | undefined {
  const [, whole, fraction = "", exponent = "0"] = NUMBER.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const digits = `${whole}${fraction}`;
  let end = digits.length;
  while (end > 0 && digits[end - 1] === "0") end--;
  const significant = digits.slice(0, end);
  if (significant === "" || significant === "-") return 0n;
  const zeros = Number(exponent) - fraction.length + digits.length - end;
  if (zeros < 0 || zeros > MOST_ZEROS) return undefined;
  return BigInt(significant) * 10n ** BigInt(zeros);
}

/**
 * Says whether a text is a floating-point number, as Protobuf's JSON mapping writes them: a number or a string.
 *
 * @param text The number, or what is between the quotes of the string.
 * @param quoted Whether it is a string.
 * @returns Whether it is. `NaN` and the infinities are, as strings only; what is too large for a double is not.
 */
export function isNumberText(text: string, quoted: boolean): boolean {
  if (quoted && NAMED.has(text)) return true;
  return NUMBER.test(text) && Number.isFinite(Number(text));
}
