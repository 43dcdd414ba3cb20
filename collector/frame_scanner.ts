import { applyMask } from "./frame_mask.ts";

const FIN = 0x80, OPCODE = 0x0f, CLOSE = 0x08, MASKED = 0x80, LENGTH = 0x7f, CONTROL = 0x08;

const KEY_BYTES = 4;

/** A close frame begins with two bytes for the code. */
const CODE_BYTES = 2;

/** The longest head of a frame: two bytes, eight of the length, four of the mask. */
const LONGEST_HEAD = 14;

/**
 * Follows the frames of a WebSocket connection by their heads (RFC 6455, section 5.2), to tell at any moment how much is
 * still to come of a message that has begun. That is what memory has to be reserved for; the message itself is put together
 * elsewhere, and so is every rule of the protocol held. What it is told of frames that break the rules means nothing, and
 * does no harm.
 *
 * On its way it takes the mask off payloads and sets their key to zero, which stands for no mask: a word at a time, where
 * the library behind it takes a byte, and that is three quarters of the time of a large frame. Where the head of a frame is
 * cut in two by the end of a piece, the payload is left as it is, with its key.
 */
export class FrameScanner {
  readonly #head = new Uint8Array(LONGEST_HEAD);
  #headFilled = 0;
  /** Bytes to come of the payload of the frame under way. */
  #payload = 0;
  /** Its key, the byte that is next lowest; 0 where there is none to be taken off. */
  #mask = 0;
  #isControl = false;
  #isClose = false;
  #isFinal = false;
  /** What came of the payload of a close frame. */
  #close: number[] = [];
  #messageBytes = 0;
  #fragments = 0;
  /** The key that is still on it, where the library takes it off. */
  #closeKey = 0;
  #inMessage = false;
  #began = false;
  #sawControl = false;

  /** Whether a frame or a message has begun and not ended. */
  get unfinished(): boolean {
    return this.#inMessage || this.#payload > 0 || this.#headFilled > 0;
  }

  /** How many bytes the message under way has, those to come of its last known frame included; 0 if there is none. */
  get announced(): number {
    return this.#messageBytes;
  }

  /** How many fragments of the message under way have begun. */
  get fragments(): number {
    return this.#fragments;
  }

  /** Whether the message under way began in the piece that was scanned last, or there is none. */
  get began(): boolean {
    return this.#began || !this.unfinished;
  }

  /** Whether a control frame, or a part of one, was in the piece that was scanned last. */
  get sawControl(): boolean {
    return this.#sawControl;
  }

  /** The reason in a close frame, once the frame has come whole. */
  get closeReason(): Uint8Array | undefined {
    if (!this.#isClose || this.#payload > 0 || this.#headFilled > 0) return undefined;
    return Uint8Array.from(this.#close.slice(CODE_BYTES));
  }

  /**
   * Goes on with what was read next.
   *
   * @param piece The bytes. Payloads are not masked any more afterwards.
   */
  scan(piece: Uint8Array): void {
    this.#began = false;
    this.#sawControl = this.#isControl && this.#payload > 0;
    const { length } = piece;
    let at = 0;
    while (at < length) {
      if (this.#payload > 0) {
        const step = Math.min(this.#payload, length - at);
        if (this.#mask !== 0) this.#mask = applyMask(piece, at, at + step, this.#mask);
        if (this.#isClose) this.#readClose(piece.subarray(at, at + step));
        at += step;
        this.#payload -= step;
        if (this.#payload === 0) this.#endFrame();
        continue;
      }
      if (this.#headFilled === 0 && !this.#inMessage) this.#began = true;
      if (this.#headFilled === 0 && at + LONGEST_HEAD <= length) {
        const isMasked = (piece[at + 1]! & MASKED) !== 0;
        at += this.#readHead(piece, at);
        this.#mask = isMasked ? takeKey(piece, at - KEY_BYTES) : 0;
        this.#closeKey = 0;
      } else {
        this.#head[this.#headFilled++] = piece[at++]!;
        if (this.#headFilled > 1 && this.#headFilled === headLength(this.#head[1]!)) {
          this.#headFilled = 0;
          this.#readHead(this.#head, 0);
          this.#mask = 0; // the library has seen the key, or a part of it
          this.#closeKey = (this.#head[1]! & MASKED) === 0
            ? 0
            : takeKey(this.#head, headLength(this.#head[1]!) - KEY_BYTES);
        }
      }
    }
  }

  /** Reads a whole head; returns its length. */
  #readHead(bytes: Uint8Array, at: number): number {
    const first = bytes[at]!, second = bytes[at + 1]!;
    let length = second & LENGTH;
    if (length === 126) {
      length = bytes[at + 2]! * 2 ** 8 + bytes[at + 3]!;
    } else if (length === 127) {
      length = 0;
      for (let i = at + 2; i < at + 10; i++) length = length * 2 ** 8 + bytes[i]!;
    }
    this.#payload = length;
    this.#isFinal = (first & FIN) !== 0;
    this.#isControl = (first & OPCODE & CONTROL) !== 0;
    this.#isClose = (first & OPCODE) === CLOSE && length < 126;
    if (this.#isClose) this.#close = [];
    if (this.#isControl) this.#sawControl = true;
    else {
      this.#inMessage = true;
      this.#messageBytes += length;
      this.#fragments++;
    }
    if (length === 0) this.#endFrame();
    return headLength(second);
  }

  #readClose(bytes: Uint8Array): void {
    for (const byte of bytes) {
      this.#close.push(byte ^ (this.#closeKey & 0xff));
      this.#closeKey = this.#closeKey >>> 8 | this.#closeKey << 24;
    }
  }

  #endFrame(): void {
    if (this.#isControl || !this.#isFinal) return;
    this.#inMessage = false;
    this.#messageBytes = 0;
    this.#fragments = 0;
  }
}

function headLength(second: number): number {
  const length = second & LENGTH;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & MASKED) !== 0 ? KEY_BYTES : 0);
}

/** Reads a key and sets it to zero where it stands. */
function takeKey(piece: Uint8Array, at: number): number {
  const key = piece[at]! | piece[at + 1]! << 8 | piece[at + 2]! << 16 | piece[at + 3]! << 24;
  piece.fill(0, at, at + KEY_BYTES);
  return key;
}
