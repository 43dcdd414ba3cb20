const encoder = new TextEncoder();

/** What a frame is (RFC 6455, section 11.8). */
export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const;

/** Options of {@linkcode frame}. Every one of them may break the protocol. */
export interface FrameOptions {
  /** What it is: by default text or binary, as the payload is a string or bytes. Any of 0 to 15. */
  opcode?: number;
  /**
   * Whether it is the last frame of its message.
   *
   * @default {true}
   */
  fin?: boolean;
  /**
   * The reserved bits, RSV1 highest: 0 to 7.
   *
   * @default {0}
   */
  rsv?: number;
  /**
   * The key that the payload is masked with, four bytes; `false` for no mask, which a client must not do.
   *
   * @default {[0x12, 0x34, 0x56, 0x78]}
   */
  mask?: readonly number[] | Uint8Array | false;
  /** What its head says of the length of its payload; by default the truth. */
  length?: number | bigint;
  /** In how many bytes its head says so: 0 for the seven bits of the second byte, 2 or 8; by default the fewest. */
  lengthBytes?: 0 | 2 | 8;
}

const MASK = [0x12, 0x34, 0x56, 0x78];

/**
 * Makes one frame of what a client sends.
 *
 * @param payload Its payload; a text is sent as UTF-8.
 * @param options What is to be unusual about it.
 * @returns Head and masked payload.
 *
 * @example A message that announces 1 MB and stops half-way
 * ```ts
 * await websocket.sendRaw(frame(new Uint8Array(500_000), { length: 1_000_000 }));
 * ```
 */
export function frame(payload: string | Uint8Array, options: FrameOptions = {}): Uint8Array<ArrayBuffer> {
  const { fin = true, rsv = 0, mask = MASK } = options;
  const opcode = options.opcode ?? (typeof payload === "string" ? OPCODE.TEXT : OPCODE.BINARY);
  const bytes = typeof payload === "string" ? encoder.encode(payload) : payload;
  const length = BigInt(options.length ?? bytes.length);
  const lengthBytes = options.lengthBytes ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8);
  const head = 2 + lengthBytes;
  const start = head + (mask === false ? 0 : 4);
  const framed = new Uint8Array(start + bytes.length);
  const view = new DataView(framed.buffer);
  framed[0] = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  framed[1] = (mask === false ? 0 : 0x80) |
    (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) view.setUint16(2, Number(length));
  else if (lengthBytes === 8) view.setBigUint64(2, length);
  framed.set(bytes, start);
  if (mask !== false) {
    framed.set(mask, head);
    for (let i = 0; i < bytes.length; i++) framed[start + i]! ^= mask[i & 3]!;
  }
  return framed;
}

/**
 * Makes a close frame.
 *
 * @param code Why the connection is closed.
 * @param reason The same for people.
 */
export function closeFrame(code: number, reason: string = ""): Uint8Array<ArrayBuffer> {
  const text = encoder.encode(reason);
  const payload = new Uint8Array(2 + text.length);
  new DataView(payload.buffer).setUint16(0, code);
  payload.set(text, 2);
  return frame(payload, { opcode: OPCODE.CLOSE });
}

/**
 * Makes one piece of bytes out of several, for one write.
 *
 * @param pieces What to put one behind the other.
 */
export function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
