/**
 * Finds its way through bytes that are valid JSON: what follows need not look for the end of the bytes, nor for anything
 * out of place. All offsets are of the first byte of what is skipped, and of the byte behind it.
 */

const TAB = 0x09, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
const LOWER_D = 0x64, LOWER_U = 0x75;
/** What makes a letter a small one, and leaves a digit as it is. */
const LOWER_CASE = 0x20;

/** 1 for the bytes that end a number, `true`, `false` or `null`. */
const DELIMITER = new Uint8Array(256).fill(1, TAB, SPACE + 1);
for (const byte of [COMMA, CLOSE_BRACKET, CLOSE_BRACE]) DELIMITER[byte] = 1;

/** 1 for what stands for itself in a string. */
const PLAIN = new Uint8Array(256).fill(1);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;

/** Which half of a surrogate pair the escape `\ud…` is, by the digit behind the `d`. */
const NEITHER = 0, FIRST_HALF = 1, SECOND_HALF = 2;
const SURROGATE = new Uint8Array(256);
for (const byte of new TextEncoder().encode("89abAB")) SURROGATE[byte] = FIRST_HALF;
for (const byte of new TextEncoder().encode("cdefCDEF")) SURROGATE[byte] = SECOND_HALF;

const decoder = new TextDecoder();

/**
 * @param bytes What holds JSON.
 * @param at Where there may be white space.
 * @returns The offset behind it.
 */
export function skipSpace(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && bytes[at]! <= SPACE) at++;
  return at;
}

/**
 * Skips a string. An escape that is half a surrogate pair is no character, though the grammar of JSON has it.
 *
 * @param bytes What holds JSON.
 * @param at Offset of its first quote.
 * @returns The offset behind its last quote; or, as the complement `~offset`, that of half a surrogate pair.
 */
export function skipString(bytes: Uint8Array, at: number): number {
  for (at++;; at++) {
    if (PLAIN[bytes[at]!] === 1) continue;
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[++at] !== LOWER_U) continue;
    at = skipUnicodeEscape(bytes, at);
    if (at < 0) return at;
  }
}

/** Takes the offset of the `u`; returns that of the last digit, of the whole pair where it is one. */
function skipUnicodeEscape(bytes: Uint8Array, at: number): number {
  const last = at + 4;
  const half = halfAt(bytes, at);
  if (half === NEITHER) return last;
  const next = last + 2;
  return half === FIRST_HALF && bytes[last + 1] === BACKSLASH && bytes[next] === LOWER_U &&
      halfAt(bytes, next) === SECOND_HALF
    ? next + 4
    : ~(at - 1);
}

function halfAt(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1]! | LOWER_CASE) === LOWER_D ? SURROGATE[bytes[at + 2]!]! : NEITHER;
}

/**
 * Skips a value.
 *
 * @param bytes What holds JSON.
 * @param at Offset of its first byte.
 * @param levels How many arrays and objects may be nested in it, itself included.
 * @returns The offset behind its last byte; or, as the complement `~offset`, that of the bracket that is one level too
 * deep, or of half a surrogate pair.
 */
export function skipValue(bytes: Uint8Array, at: number, levels: number): number {
  const first = bytes[at];
  if (first === QUOTE) return skipString(bytes, at);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    while (at < bytes.length && DELIMITER[bytes[at]!] === 0) at++;
    return at;
  }
  let depth = 0;
  for (;;) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = skipString(bytes, at);
      if (at < 0) return at;
      continue;
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      if (++depth > levels) return ~at;
    } else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) {
      return at + 1;
    }
    at++;
  }
}

/**
 * @param bytes What holds JSON.
 * @param at Offset of the first byte of a string, number or literal.
 * @param stop Offset behind its last byte.
 * @returns Its text, without quotes and escapes.
 */
export function textOf(bytes: Uint8Array, at: number, stop: number): string {
  const text = decoder.decode(bytes.subarray(at, stop));
  return bytes[at] === QUOTE ? JSON.parse(text) : text;
}
