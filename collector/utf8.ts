/**
 * Finds where bytes stop being UTF-8, as of RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
 *
 * For errors only: `isUtf8` of `node:buffer` says much faster that there is nothing to find.
 *
 * @param bytes The bytes.
 * @returns The offset of the first byte of the first sequence that is not UTF-8, or -1 if there is none. That byte
 * is 0x80 or above.
 */
export function indexOfInvalidUtf8(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length === 0) return at;
    at += length;
  }
  return -1;
}

/** The length of the sequence that starts at `at`, 0 if it is ill-formed. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // Table 3-7 of the Unicode standard: four lead bytes narrow what may come second.
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  const second = bytes[at + 1];
  if (second === undefined || second < low || second > high) return 0;
  for (let i = 2; i < length; i++) {
    const byte = bytes[at + i];
    if (byte === undefined || byte < 0x80 || byte > 0xbf) return 0;
  }
  return length;
}
