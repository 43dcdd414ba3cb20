const FIN = 0x80, OPCODE = 0x0f, MASKED = 0x80, LENGTH = 0x7f, CONTROL = 0x08;

/** The longest head of a frame: two bytes, eight of the length, four of the mask. */
const LONGEST_HEAD = 14;

/**
 * Follows the frames of a WebSocket connection by their heads alone (RFC 6455, section 5.2), to tell at any moment how
 * much is still to come of a message that has begun. That is what memory has to be reserved for; the message itself is
 * put together elsewhere, and so is every rule of the protocol held. What it is told of frames that break the rules means
 * nothing, and does no harm.
 */
export class FrameScanner {
  readonly #head = new Uint8Array(LONGEST_HEAD);
  #headFilled = 0;
  /** Bytes to come of the payload of the frame under way. */
  #payload = 0;
  #isControl = false;
  #isFinal = false;
  #messageBytes = 0;
  #inMessage = false;

  /** Whether a frame or a message has begun and not ended. */
  get unfinished(): boolean {
    return this.#inMessage || this.#payload > 0 || this.#headFilled > 0;
  }

  /** How many bytes the message under way has, those to come of its last known frame included; 0 if there is none. */
  get announced(): number {
    return this.#messageBytes;
  }

  /**
   * Goes on with what was read next.
   *
   * @param chunk The bytes, still masked.
   */
  scan(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#payload > 0) {
        const step = Math.min(this.#payload, chunk.length - at);
        at += step;
        this.#payload -= step;
        if (this.#payload === 0) this.#endFrame();
      } else if (this.#headFilled === 0 && at + LONGEST_HEAD <= chunk.length) {
        at += this.#readHead(chunk, at);
      } else {
        this.#head[this.#headFilled++] = chunk[at++]!;
        if (this.#headFilled > 1 && this.#headFilled === headLength(this.#head[1]!)) {
          this.#headFilled = 0;
          this.#readHead(this.#head, 0);
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
    if (!this.#isControl) {
      this.#inMessage = true;
      this.#messageBytes += length;
    }
    if (length === 0) this.#endFrame();
    return headLength(second);
  }

  #endFrame(): void {
    if (this.#isControl || !this.#isFinal) return;
    this.#inMessage = false;
    this.#messageBytes = 0;
  }
}

function headLength(second: number): number {
  const length = second & LENGTH;
  return 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + ((second & MASKED) !== 0 ? 4 : 0);
}
