const MASKED = 0x80, LENGTH = 0x7f;

/** Bytes of the key in the head of a masked frame: the last ones. */
export const KEY_BYTES = 4;

/** The longest head of a frame: two bytes, eight of the length, four of the key. */
export const LONGEST_HEAD = 14;

/**
 * @param second The second byte of a frame.
 * @returns How long its head is.
 */
export function headLength(second: number): number {
  const length = second & LENGTH;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (isMasked(second) ? KEY_BYTES : 0);
}

/**
 * @param second The second byte of a frame.
 * @returns Whether its payload is masked.
 */
export function isMasked(second: number): boolean {
  return (second & MASKED) !== 0;
}

/**
 * @param head Where the head of a frame is.
 * @param at Where it begins.
 * @returns How long its payload is; not to the byte where that is more than a number tells exactly.
 */
export function payloadLength(head: Uint8Array, at: number): number {
  const short = head[at + 1]! & LENGTH;
  if (short < 126) return short;
  let length = 0;
  for (let i = at + 2, end = i + (short === 126 ? 2 : 8); i < end; i++) length = length * 2 ** 8 + head[i]!;
  return length;
}

/**
 * @param bytes Where a key is.
 * @param at Where it begins.
 * @returns The key, its first byte lowest.
 */
export function readKey(bytes: Uint8Array, at: number): number {
  return bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16 | bytes[at + 3]! << 24;
}
