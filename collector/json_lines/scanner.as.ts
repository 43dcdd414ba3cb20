// @ts-nocheck -- AssemblyScript: its own compiler checks the types
// deno-lint-ignore-file
/**
 * Finds the records of NDJSON in a window of memory and checks that they are JSON, many bytes at a time.
 *
 * It knows what is right and nothing else: at the first line that is not, or that does not end in the window, it
 * stops, and `JsonValidator` says what is wrong. So it must take for right just what that takes for right.
 *
 * Where the next address depends on a condition, that must be a branch, which the processor guesses. A choice without
 * one (`?:`, or what the compiler makes of a short function) waits for what it compares: a quarter slower.
 *
 * `deno task scanner` makes `scanner.wasm` of this.
 */

import {
  byteAt,
  isBlank,
  isDigit,
  isEscape,
  skipBlank,
  skipHexDigits,
  skipNumber,
  skipPlainSpace,
} from "./tokens.as.ts";

/** Most bytes of a window. */
export const WINDOW_BYTES: u32 = 65_536;
/** Most records of one scan. */
export const MOST_RECORDS: u32 = 4096;

/** Bytes behind the window that are written and read: a line feed, and as many as are looked at in one step. */
const PADDING: u32 = 80;

/** Address of what a scan found: how many records; then whether there is no ASCII, and line breaks in records. */
export const FOUND: usize = memory.data(12, 4);
/** Address of the list of where records start, as offsets in the body. */
export const STARTS: usize = memory.data(4 * MOST_RECORDS, 4);
/** Address of the list of offsets behind records. */
export const STOPS: usize = memory.data(4 * MOST_RECORDS, 4);
/** Address of the window, where the bytes are put. */
export const WINDOW: usize = memory.data(WINDOW_BYTES + PADDING, 16);

/** One bit for each byte of the window: whether a string cannot just go on there. */
const STOPPERS: usize = memory.data((WINDOW_BYTES + PADDING) / 8 + 8, 16);
/** What to add to an eighth of an address in the window for the address of its bit. */
const TO_STOPPERS: usize = STOPPERS - (WINDOW >> 3);

/** As many as `MAX_DEPTH` of `JsonValidator`. */
const MAX_DEPTH: u32 = 512;
/** What closes the containers around the innermost one. */
const CLOSERS: usize = memory.data(MAX_DEPTH);

/** Quote, backslash and the last control character: from memory, as constants of 16 bytes are made anew at each use. */
const SPECIAL: usize = memory.data<u8>([0x22, 0x5c, 0x1f]);

const LINE_FEED: u32 = 0x0a, CARRIAGE_RETURN: u32 = 0x0d, SPACE: u32 = 0x20, QUOTE: u32 = 0x22;
const COMMA: u32 = 0x2c, MINUS: u32 = 0x2d, COLON: u32 = 0x3a, OPEN_BRACKET: u32 = 0x5b;
const BACKSLASH: u32 = 0x5c, LOWER_F: u32 = 0x66, LOWER_N: u32 = 0x6e, LOWER_T: u32 = 0x74;
const LOWER_U: u32 = 0x75, OPEN_BRACE: u32 = 0x7b, CLOSE_BRACE: u32 = 0x7d;

// Several bytes as one number, the first one lowest.
const TRUE: u32 = 0x65757274, ALSE: u32 = 0x65736c61, NULL: u32 = 0x6c6c756e;
/** `":"` and `","`, and the same with a space before the second quote. */
const NAME_TEXT: u32 = 0x223a22, TEXT_NAME: u32 = 0x222c22;
const NAME_SPACE_TEXT: u32 = 0x22203a22, TEXT_SPACE_NAME: u32 = 0x22202c22;
const THREE_BYTES: u32 = 0xffffff;

/** In place of the first byte of a value that is skipped already. */
const SKIPPED: u32 = 256;

/**
 * Finds the records of the window, one on each line that is not blank.
 *
 * @param length Bytes in the window. A last line without line feed is left out.
 * @param base What to add to an offset in the window for the offset in the body.
 * @param limit Most bytes of one record.
 * @param most Most records, {@linkcode MOST_RECORDS} at most.
 * @returns Bytes of the lines, from the first one on, whose records it found: see {@linkcode FOUND}.
 */
export function scan(length: u32, base: u32, limit: u32, most: u32): u32 {
  const end = WINDOW + length;
  const toOffset = base - (WINDOW as u32);
  const nonAscii = findStoppers(end);
  store<u32>(FOUND + 8, 0);
  let at = WINDOW;
  let count: u32 = 0;
  while (true) {
    const start = skipBlank(at);
    if (start == end) {
      at = end;
      break;
    }
    if (count == most) break;
    let stop = skipValue(start);
    if (stop == 0 || stop - start > limit) break;
    store<u32>(STARTS + 4 * count, start + toOffset);
    store<u32>(STOPS + 4 * count, stop + toOffset);
    let byte = byteAt(stop);
    while (byte != LINE_FEED && isBlank(byte)) byte = byteAt(++stop);
    if (byte != LINE_FEED) break;
    count++;
    at = stop + 1;
  }
  store<u32>(FOUND, count);
  store<u32>(FOUND + 4, nonAscii);
  return (at - WINDOW) as u32;
}

/**
 * Finds what no string can just go over: quotes, backslashes and control characters.
 *
 * Behind the window it writes zeros. A zero is right nowhere, so all that reads on to the end of the window stops
 * there, and need not ask for the end at each byte.
 *
 * @param end Address behind the window.
 * @returns Not 0 if there is a byte that is no ASCII.
 */
function findStoppers(end: usize): u32 {
  const zeros = i8x16.splat(0);
  v128.store(end, zeros);
  v128.store(end, zeros, 16);
  v128.store(end, zeros, 32);
  v128.store(end, zeros, 48);
  const quote = v128.load_splat<u8>(SPECIAL);
  const backslash = v128.load_splat<u8>(SPECIAL, 1);
  const control = v128.load_splat<u8>(SPECIAL, 2);
  let all = zeros;
  for (let at = WINDOW; at <= end; at += 64) {
    const a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load(at, 48);
    all = v128.or(all, v128.or(v128.or(a, b), v128.or(c, d)));
    const low = stoppersIn(a, quote, backslash, control) | stoppersIn(b, quote, backslash, control) << 16;
    const high = stoppersIn(c, quote, backslash, control) | stoppersIn(d, quote, backslash, control) << 16;
    store<u64>(TO_STOPPERS + (at >> 3), (low as u64) | ((high as u64) << 32));
  }
  return i8x16.bitmask(all);
}

function stoppersIn(bytes: v128, quote: v128, backslash: v128, control: v128): u32 {
  const special = v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, backslash));
  return i8x16.bitmask(v128.or(special, i8x16.eq(i8x16.min_u(bytes, control), bytes)));
}

/** The stoppers from the byte at `at` on, lowest bit first: of 57 bytes at least, and zeros behind. */
function stoppersFrom(at: usize): u64 {
  return load<u64>(TO_STOPPERS + (at >> 3)) >> (at & 7);
}

/** The index of the lowest bit that is set, 64 if there is none. */
function first(bits: u64): usize {
  return ctz(bits) as usize;
}

// These take the address of their first byte, that of strings is behind the quote, and return the address behind the
// last one; or 0 where it is not right.

/**
 * Skips a value. The most of telemetry are members of objects whose value is a string and which are not the last; if
 * short, such a member takes one look-up and two comparisons.
 */
function skipValue(at: usize): usize {
  let depth: u32 = 0;
  /** What closes the innermost container; 0 outside of all. */
  let closer: u32 = 0;
  while (true) {
    let token = byteAt(at);
    if (closer == CLOSE_BRACE) {
      if (token != QUOTE) return 0;
      at++;
      let stoppers: u64;
      /** Where the closing quote of the name is, if there is one among the stoppers. */
      let closeName: usize;
      /** Where the closing quote of the value is, 0 if that is not known. */
      let close: usize;
      while (true) {
        // The next stoppers are the quote behind the name and those around the value.
        stoppers = stoppersFrom(at);
        closeName = at + first(stoppers);
        const second = stoppers & (stoppers - 1);
        const third = second & (second - 1);
        close = 0;
        if (third == 0) break;
        const behindName = load<u32>(closeName);
        if ((behindName & THREE_BYTES) != NAME_TEXT && behindName != NAME_SPACE_TEXT) break;
        close = at + first(third);
        const behindText = load<u32>(close);
        if ((behindText & THREE_BYTES) == TEXT_NAME) at = close + 3;
        else if (behindText == TEXT_SPACE_NAME) at = close + 4;
        else break;
      }
      if (close != 0 && byteAt(close) == QUOTE) {
        at = close + 1;
        token = SKIPPED;
      } else {
        if (stoppers != 0 && byteAt(closeName) == QUOTE) {
          at = closeName + 1;
        } else {
          at = skipString(at);
          if (at == 0) return 0;
        }
        token = byteAt(at);
        if (token <= SPACE) {
          at = skipSpace(at);
          token = byteAt(at);
        }
        if (token != COLON) return 0;
        at++;
        token = byteAt(at);
        if (token <= SPACE) {
          at = skipSpace(at);
          token = byteAt(at);
        }
      }
    }

    if (token == QUOTE) {
      at++;
      const stoppers = stoppersFrom(at);
      const close = at + first(stoppers);
      if (stoppers != 0 && byteAt(close) == QUOTE) {
        at = close + 1;
      } else {
        at = skipString(at);
        if (at == 0) return 0;
      }
    } else if (isDigit(token) || token == MINUS) {
      at = skipNumber(at);
      if (at == 0) return 0;
    } else if (token == OPEN_BRACE || token == OPEN_BRACKET) {
      if (depth == MAX_DEPTH) return 0;
      store<u8>(CLOSERS + depth++, closer);
      closer = token + 2; // in ASCII each closing bracket is two behind its opening one
      at++;
      if (byteAt(at) <= SPACE) at = skipSpace(at);
      if (byteAt(at) != closer) continue;
      // Empty: closed below, as after a last element.
    } else if (token == LOWER_T) {
      if (load<u32>(at) != TRUE) return 0;
      at += 4;
    } else if (token == LOWER_F) {
      if (load<u32>(at + 1) != ALSE) return 0;
      at += 5;
    } else if (token == LOWER_N) {
      if (load<u32>(at) != NULL) return 0;
      at += 4;
    } else if (token != SKIPPED) {
      return 0;
    }

    while (true) {
      if (depth == 0) return at;
      token = byteAt(at);
      if (token <= SPACE) {
        at = skipSpace(at);
        token = byteAt(at);
      }
      if (token == COMMA) break;
      if (token != closer) return 0;
      at++;
      closer = byteAt(CLOSERS + --depth);
    }
    at++;
    if (byteAt(at) <= SPACE) at = skipSpace(at);
  }
}

function skipString(at: usize): usize {
  while (true) {
    let stoppers = stoppersFrom(at);
    if (stoppers == 0) {
      at &= ~7; // from where on all 64 are known
      while (stoppers == 0) {
        at += 64;
        stoppers = stoppersFrom(at);
      }
    }
    at += first(stoppers);
    const byte = byteAt(at);
    if (byte == QUOTE) return at + 1;
    if (byte != BACKSLASH) return 0;
    const escaped = byteAt(at + 1);
    at += 2;
    if (escaped == LOWER_U) {
      at = skipHexDigits(at);
      if (at == 0) return 0;
    } else if (!isEscape(escaped)) {
      return 0;
    }
  }
}

/** Skips what may stand between the tokens of a value that is on one line. */
function skipSpace(at: usize): usize {
  while (true) {
    at = skipPlainSpace(at);
    if (byteAt(at) != CARRIAGE_RETURN) return at;
    store<u32>(FOUND + 8, 1);
    at++;
  }
}
