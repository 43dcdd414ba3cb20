/** First bytes of frames that are a whole message, or a control frame. */
export const FRAME = { text: 0x81, binary: 0x82, close: 0x88, ping: 0x89, pong: 0x8a } as const;

/** Any will do: it is masking that costs, not the mask. */
const MASK = [0x12, 0x34, 0x56, 0x78];

/**
 * Makes a frame as a client sends it.
 *
 * @param first Its first byte.
 * @param payload What is in it.
 * @returns The frame, masked.
 */
export function maskedFrame(first: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = payload;
  const head = length < 126
    ? [first, 0x80 | length]
    : length < 2 ** 16
    ? [first, 0xfe, length >> 8, length & 0xff]
    : [first, 0xff, 0, 0, 0, 0, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  const bytes = new Uint8Array(head.length + 4 + length);
  bytes.set(head);
  bytes.set(MASK, head.length);
  for (let i = 0; i < length; i++) bytes[head.length + 4 + i] = payload[i]! ^ MASK[i & 3]!;
  return bytes;
}

/** Reads what a server sends to a client that is sent nothing but control frames: those, behind the answer to the upgrade. */
export class ServerFrameReader {
  #pending = new Uint8Array(0);
  #isUpgraded = false;

  /**
   * Takes what came in.
   *
   * @param bytes What came in.
   * @param frame Is told of each frame: its first byte and what is in it. The answer to the upgrade is told as 0.
   * @throws {SyntaxError} If it is something else.
   */
  read(bytes: Uint8Array, frame: (first: number, payload: Uint8Array) => void): void {
    let all = bytes;
    if (this.#pending.length > 0) {
      all = new Uint8Array(this.#pending.length + bytes.length);
      all.set(this.#pending);
      all.set(bytes, this.#pending.length);
    }
    let at = 0;
    if (!this.#isUpgraded) {
      const text = new TextDecoder().decode(all);
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        if (!text.startsWith("HTTP/1.1 101 ")) throw new SyntaxError(`not upgraded: ${text}`);
        this.#isUpgraded = true;
        at = end + 4;
        frame(0, all.subarray(0, at));
      }
    }
    while (this.#isUpgraded && at + 2 <= all.length) {
      const length = all[at + 1]!;
      if (length > 125) throw new SyntaxError(`a frame that is no control frame: ${all[at]}`);
      if (at + 2 + length > all.length) break;
      frame(all[at]!, all.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    this.#pending = all.slice(at);
  }
}
