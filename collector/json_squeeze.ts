const TAB = 0x09, LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, SPACE = 0x20, QUOTE = 0x22, BACKSLASH = 0x5c;

/**
 * Says whether a JSON text spans lines. Strings hold no raw control characters, so that a line feed or carriage
 * return in valid JSON is always between tokens.
 *
 * @param bytes What holds the valid JSON text.
 * @param start Offset of its first byte.
 * @param stop Offset behind its last byte.
 * @returns Whether there is a line feed or carriage return in it.
 */
export function spansLines(bytes: Uint8Array, start: number, stop: number): boolean {
  for (let at = start; at < stop; at++) {
    const byte = bytes[at]!;
    if (byte === LINE_FEED || byte === CARRIAGE_RETURN) return true;
  }
  return false;
}

/**
 * Copies a JSON text without the white space between its tokens. Strings and numbers keep every byte (invariant 7).
 *
 * @param source What holds the valid JSON text.
 * @param start Offset of its first byte.
 * @param stop Offset behind its last byte.
 * @param target Where to write; may be `source` (or share its memory) if the text does not move towards the end.
 * @param to Offset in `target` of the first byte written.
 * @returns Offset behind the last byte written.
 */
export function squeezeJson(
  source: Uint8Array,
  start: number,
  stop: number,
  target: Uint8Array,
  to: number,
): number {
  let inString = false;
  for (let at = start; at < stop; at++) {
    const byte = source[at]!;
    if (inString) {
      target[to++] = byte;
      // The byte behind a backslash is part of the escape, were it a quote.
      if (byte === BACKSLASH) target[to++] = source[++at]!;
      else if (byte === QUOTE) inString = false;
    } else if (byte !== SPACE && byte !== LINE_FEED && byte !== CARRIAGE_RETURN && byte !== TAB) {
      target[to++] = byte;
      inString = byte === QUOTE;
    }
  }
  return to;
}
