// @ts-nocheck -- AssemblyScript: its own compiler checks the types
// deno-lint-ignore-file
/**
 * The smaller tokens of JSON for `scanner.as.ts`, a byte at a time.
 *
 * Functions that skip take the address of their first byte and return that behind the last one; or 0 where it is not
 * right. They need not know where the bytes end, as what is behind them is right nowhere.
 */

const TAB: u32 = 0x09, LINE_FEED: u32 = 0x0a, CARRIAGE_RETURN: u32 = 0x0d, SPACE: u32 = 0x20;
const QUOTE: u32 = 0x22, PLUS: u32 = 0x2b, MINUS: u32 = 0x2d, POINT: u32 = 0x2e, SLASH: u32 = 0x2f;
const ZERO: u32 = 0x30, BACKSLASH: u32 = 0x5c, LOWER_A: u32 = 0x61, LOWER_B: u32 = 0x62;
const LOWER_E: u32 = 0x65, LOWER_F: u32 = 0x66, LOWER_N: u32 = 0x6e, LOWER_R: u32 = 0x72;
const LOWER_T: u32 = 0x74;

export function skipHexDigits(at: usize): usize {
  const stop = at + 4;
  for (; at < stop; at++) {
    if (!isHexDigit(byteAt(at))) return 0;
  }
  return stop;
}

export function skipNumber(at: usize): usize {
  if (byteAt(at) == MINUS) at++;
  if (byteAt(at) == ZERO) {
    at++; // another digit is as wrong as anything else that may not follow a value
  } else {
    at = skipDigits(at);
    if (at == 0) return 0;
  }
  if (byteAt(at) == POINT) {
    at = skipDigits(at + 1);
    if (at == 0) return 0;
  }
  if ((byteAt(at) | 0x20) == LOWER_E) {
    at++;
    const sign = byteAt(at);
    if (sign == PLUS || sign == MINUS) at++;
    at = skipDigits(at);
  }
  return at;
}

function skipDigits(at: usize): usize {
  if (!isDigit(byteAt(at))) return 0;
  do at++; while (isDigit(byteAt(at)));
  return at;
}

/** Skips spaces and tabs. */
export function skipPlainSpace(at: usize): usize {
  while (byteAt(at) == SPACE || byteAt(at) == TAB) at++;
  return at;
}

export function skipBlank(at: usize): usize {
  while (isBlank(byteAt(at))) at++;
  return at;
}

export function byteAt(at: usize): u32 {
  return load<u8>(at);
}

export function isBlank(byte: u32): bool {
  return byte == SPACE || byte == LINE_FEED || byte == CARRIAGE_RETURN || byte == TAB;
}

export function isDigit(byte: u32): bool {
  return byte - ZERO < 10;
}

function isHexDigit(byte: u32): bool {
  return isDigit(byte) || (byte | 0x20) - LOWER_A < 6;
}

/** Whether a backslash and this are an escape, all of it. */
export function isEscape(byte: u32): bool {
  const isSign = byte == QUOTE || byte == BACKSLASH || byte == SLASH;
  return isSign || byte == LOWER_N || byte == LOWER_T || byte == LOWER_R || byte == LOWER_B ||
    byte == LOWER_F;
}
