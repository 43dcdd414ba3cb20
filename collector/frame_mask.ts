/** Below this, looking for words costs more than they save. */
const WORTH_WORDS = 16;

/** The words of the piece that was masked last: a piece holds many frames, and a view takes as long to make as a small one. */
let words: Int32Array = new Int32Array(0);

/**
 * Applies a key to a part of a WebSocket frame's payload, or takes it off (RFC 6455, section 5.3), four bytes at a time.
 *
 * @param bytes Where the payload is; it is changed in place.
 * @param start Where the part begins.
 * @param end Where it ends.
 * @param key The four bytes of the key, the one for `start` lowest.
 * @returns The key for what comes behind `end`.
 */
export function applyMask(bytes: Uint8Array, start: number, end: number, key: number): number {
  let at = start;
  if (end - start >= WORTH_WORDS) {
    const { buffer, byteOffset } = bytes;
    if (words.buffer !== buffer) words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    for (; (byteOffset + at & 3) !== 0; at++) {
      bytes[at]! ^= key;
      key = key >>> 8 | key << 24;
    }
    const last = byteOffset + end >> 2;
    for (let word = byteOffset + at >> 2; word < last; word++) words[word]! ^= key;
    at = (last << 2) - byteOffset;
  }
  for (; at < end; at++) {
    bytes[at]! ^= key;
    key = key >>> 8 | key << 24;
  }
  return key;
}

/**
 * Copies a payload and takes the mask off on the way. A word at a time wherever it begins, which is cheaper than a view of
 * the payload where it is small.
 *
 * @param from Where the payload is.
 * @param start Where it begins.
 * @param end Where it ends.
 * @param key The four bytes of the key, the one for `start` lowest.
 * @param to Where it is copied to.
 * @param target Where it shall begin there.
 */
export function copyUnmasked(
  from: DataView,
  start: number,
  end: number,
  key: number,
  to: DataView,
  target: number,
): void {
  let at = start;
  for (const last = end - 3; at < last; at += 4, target += 4) {
    to.setInt32(target, from.getInt32(at, true) ^ key, true);
  }
  for (; at < end; at++, target++) {
    to.setUint8(target, from.getUint8(at) ^ key);
    key >>>= 8;
  }
}
