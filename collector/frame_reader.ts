import { headLength, isMasked, KEY_BYTES, LONGEST_HEAD, payloadLength, readKey } from "./frame_head.ts";
import { applyMask } from "./frame_mask.ts";
import { giveBlock, takeBlock } from "./memory.ts";

const FIN = 0x80, OPCODE = 0x0f, CLOSE = 0x08, CONTROL = 0x08;

/** The first byte of a frame that is a whole text, and of one that is a whole binary message. */
const WHOLE_TEXT = 0x81, WHOLE_BINARY = 0x82;

/** The same of a ping and a pong. */
const PING = 0x89, PONG = 0x8a;

/** A close frame begins with two bytes for the code. */
const CODE_BYTES = 2;

/** The most bytes that the payload of a control frame may have. */
const LONGEST_CONTROL = 125;

/** A message of at most so many bytes is put together here, where it came in one frame. */
const LARGEST_OWN = 64 * 1024;

/** From this size on the memory of a message that is put together here is worth being used again. */
const WORTH_A_BLOCK = 16 * 1024;

/** Gets what a {@linkcode FrameReader} reads, in order. Nothing may be kept of the memory that it is in. */
export interface FrameHandler {
  /**
   * Takes a message that came in one frame.
   *
   * @param bytes Where it is; that part may be written to.
   * @param start Where it begins.
   * @param end Where it ends.
   * @param key The key that it is masked with, the byte for `start` lowest; 0 where it is not masked any more.
   * @param isBinary Whether it is binary, and not text.
   */
  takeMessage(bytes: Uint8Array, start: number, end: number, key: number, isBinary: boolean): void;
  /**
   * Takes a control frame.
   *
   * @param frame The whole frame, as it came; its memory is the caller's no more.
   * @param closeReason The reason that is in it, where it is a close frame.
   */
  takeControl(frame: Uint8Array, closeReason: Uint8Array | undefined): void;
  /**
   * Takes a part of the stream that is neither: of messages that are large or come in fragments, and of what breaks the
   * rules.
   *
   * @param bytes The bytes; of this memory more may be kept. Payloads may not be masked any more, their key is zero then.
   */
  takeOther(bytes: Uint8Array): void;
}

/** What is done with the payload of the frame under way. */
type Payload = "own" | "control" | "other" | "skipped";

/**
 * Reads the frames of a WebSocket connection (RFC 6455, section 5.2).
 *
 * Nearly all of what agents send are small messages of one frame each. Those are found here and handed on where they lie,
 * without an object for each of them. Everything else is left to the library behind it, with all rules of the protocol: of
 * that only the heads are looked at, to tell at any moment how much is still to come of a message that has begun, which is
 * what memory has to be reserved for. What it tells of frames that break the rules means nothing, and does no harm.
 *
 * It takes the mask off what it leaves to the library as well, and sets the key to zero, which stands for no mask: a word at
 * a time, where the library takes a byte, and that is three quarters of the time of a large frame.
 */
export class FrameReader {
  readonly #handler: FrameHandler;
  readonly #largest: number;
  /** A head that came in parts. */
  readonly #head = new Uint8Array(LONGEST_HEAD);
  #headFilled = 0;
  /** Bytes to come of the payload of the frame under way. */
  #payload = 0;
  #payloadIs: Payload = "other";
  /** Its key, the byte that is next lowest; 0 where there is none to be taken off. */
  #key = 0;
  #isFinal = false;
  #isControl = false;
  /** The message or the control frame that is put together here. */
  #own: Uint8Array | undefined;
  #ownFilled = 0;
  #ownFirst = 0;
  #messageBytes = 0;
  #fragments = 0;
  #inMessage = false;
  #began = false;
  #skipsMessages = false;
  #leftMessages = 0;

  /**
   * @param handler Gets what is read.
   * @param largest The most bytes of a message, beyond which the library is to refuse it; less than 0 where it is to have
   *   every message, because they are compressed.
   */
  constructor(handler: FrameHandler, largest: number) {
    this.#handler = handler;
    this.#largest = Math.min(largest, LARGEST_OWN);
  }

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

  /** Whether the message under way is put together by the library, out of the pieces that were read. */
  get leaves(): boolean {
    return this.#inMessage && this.#payloadIs !== "own" && this.#payloadIs !== "skipped";
  }

  /** Whether the message under way began in the piece that was read last, or there is none. */
  get began(): boolean {
    return this.#began || !this.unfinished;
  }

  /** How many messages that were left to the library have come to their end, if it sees no mistake in them. */
  get leftMessages(): number {
    return this.#leftMessages;
  }

  /** From now on, hands no message on any more. */
  skipMessages(): void {
    this.#skipsMessages = true;
    if (this.#payloadIs === "own") this.#payloadIs = "skipped";
    if (this.#own !== undefined && !this.#isControl) this.#releaseOwn();
  }

  /**
   * Goes on with what was read next.
   *
   * @param piece The bytes, which may be written to.
   */
  read(piece: Uint8Array): void {
    this.#began = false;
    const { length } = piece;
    let at = 0;
    /** Where that begins which is to be left to the library and was not yet. */
    let left = -1;
    while (at < length) {
      if (this.#payload > 0) {
        const end = Math.min(at + this.#payload, length);
        if (this.#payloadIs === "other" && left < 0) left = at;
        this.#readPayload(piece, at, end);
        at = end;
        continue;
      }
      if (this.#headFilled === 0) {
        if (!this.#inMessage) this.#began = true;
        if (at + LONGEST_HEAD <= length) {
          const first = piece[at]!;
          const start = at + this.#readHead(piece, at);
          if (this.#payloadIs === "other") {
            if (left < 0) left = at;
          } else {
            if (left >= 0) left = this.#leave(piece.subarray(left, at));
            if (this.#payloadIs === "own" && start + this.#payload <= length) {
              at = start + this.#payload;
              this.#payload = 0;
              this.#endFrame();
              this.#handler.takeMessage(piece, start, at, this.#key, first === WHOLE_BINARY);
              continue;
            }
            this.#beginOwn(piece, at, start);
          }
          at = start;
          if (this.#payload === 0) this.#endPayload();
          continue;
        }
        if (left >= 0) left = this.#leave(piece.subarray(left, at));
      }
      this.#head[this.#headFilled++] = piece[at++]!;
      if (this.#headFilled < 2 || this.#headFilled < headLength(this.#head[1]!)) continue;
      const end = this.#readHead(this.#head, 0);
      this.#headFilled = 0;
      const isOther = this.#payloadIs === "other";
      if (!isOther) this.#beginOwn(this.#head, 0, end);
      if (this.#payload === 0) this.#endPayload();
      if (isOther) this.#leave(this.#head.slice(0, end));
    }
    if (left >= 0) this.#leave(left === 0 ? piece : piece.subarray(left));
  }

  /** Leaves a part of the stream to the library. Returns that there is no more of it. */
  #leave(bytes: Uint8Array): number {
    this.#handler.takeOther(bytes);
    return -1;
  }

  /** Reads a whole head; returns its length. What is left to the library has no key any more. */
  #readHead(bytes: Uint8Array, at: number): number {
    const first = bytes[at]!, second = bytes[at + 1]!;
    const end = headLength(second);
    const length = payloadLength(bytes, at);
    const hasKey = isMasked(second);
    this.#payload = length;
    this.#key = hasKey ? readKey(bytes, at + end - KEY_BYTES) : 0;
    this.#isFinal = (first & FIN) !== 0;
    this.#isControl = (first & OPCODE & CONTROL) !== 0;
    this.#ownFirst = first;
    if (this.#isControl) {
      const isAllowed = hasKey && length <= LONGEST_CONTROL;
      this.#payloadIs = isAllowed ? "control" : "other";
      // Nothing comes behind a close frame, or a mistake, and the library tells of that later.
      if (!isAllowed || (first !== PING && first !== PONG)) this.skipMessages();
      return end;
    }
    const isWhole = (first === WHOLE_TEXT || first === WHOLE_BINARY) && hasKey && length <= this.#largest;
    this.#payloadIs = !isWhole || this.#inMessage ? "other" : this.#skipsMessages ? "skipped" : "own";
    this.#inMessage = true;
    this.#messageBytes += length;
    this.#fragments++;
    if (this.#payloadIs === "other" && hasKey) bytes.fill(0, at + end - KEY_BYTES, at + end);
    return end;
  }

  /** Makes room for what does not come whole in one piece. */
  #beginOwn(head: Uint8Array, start: number, end: number): void {
    this.#ownFilled = 0;
    if (this.#payloadIs === "control") {
      this.#own = new Uint8Array(end - start + this.#payload);
      this.#own.set(head.subarray(start, end));
      this.#ownFilled = end - start;
    } else if (this.#payloadIs === "own") {
      const length = this.#payload;
      // Never just as large as the message: then it would seem to own its memory.
      this.#own = length < WORTH_A_BLOCK ? new Uint8Array(length + 1) : new Uint8Array(takeBlock(length + 1));
    }
  }

  #readPayload(piece: Uint8Array, start: number, end: number): void {
    if (this.#payloadIs !== "control" && this.#payloadIs !== "skipped" && this.#key !== 0) {
      this.#key = applyMask(piece, start, end, this.#key);
    }
    if (this.#own !== undefined) {
      this.#own.set(piece.subarray(start, end), this.#ownFilled);
      this.#ownFilled += end - start;
    }
    this.#payload -= end - start;
    if (this.#payload === 0) this.#endPayload();
  }

  #endPayload(): void {
    const own = this.#own;
    const kind = this.#payloadIs;
    this.#endFrame();
    if (own === undefined) return;
    this.#own = undefined;
    if (kind === "control") this.#handler.takeControl(own, this.#closeReason(own));
    else {
      this.#handler.takeMessage(own, 0, this.#ownFilled, 0, this.#ownFirst === WHOLE_BINARY);
      if (own.length >= WORTH_A_BLOCK) giveBlock(own.buffer as ArrayBuffer);
    }
  }

  #endFrame(): void {
    if (this.#isControl || !this.#isFinal) return;
    if (this.#payloadIs === "other") this.#leftMessages++;
    this.#inMessage = false;
    this.#messageBytes = 0;
    this.#fragments = 0;
  }

  #closeReason(frame: Uint8Array): Uint8Array | undefined {
    if ((frame[0]! & OPCODE) !== CLOSE) return undefined;
    const payload = frame.slice(headLength(frame[1]!));
    applyMask(payload, 0, payload.length, this.#key);
    return payload.subarray(CODE_BYTES);
  }

  #releaseOwn(): void {
    const own = this.#own;
    this.#own = undefined;
    if (own !== undefined && own.length >= WORTH_A_BLOCK) giveBlock(own.buffer as ArrayBuffer);
  }
}
