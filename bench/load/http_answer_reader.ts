const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const NOTHING = new Uint8Array(0);

/** Reads the answers on one connection, one after the other, as far as a load generator has to: where they end, and their status. */
export class HttpAnswerReader {
  /** The beginning of a head whose end is still to come. */
  #head = NOTHING;
  /** The status of the answer whose body is being read; 0 where none is. */
  #status = 0;
  /** How much of that body is missing. */
  #missing = 0;

  /**
   * Takes what came in. There is no pipelining, so nothing comes behind the end of an answer.
   *
   * @param bytes A buffer; it is used again by its owner.
   * @param length How much of it came in.
   * @returns The status of the answer, once it is there as a whole; 0 until then.
   * @throws {SyntaxError} If it is not an answer, or its length is not told.
   */
  read(bytes: Uint8Array, length: number): number {
    if (this.#status !== 0) return this.#readBody(length);
    let all = bytes;
    let end = length;
    if (this.#head.length > 0) {
      all = new Uint8Array(this.#head.length + length);
      all.set(this.#head);
      all.set(bytes.subarray(0, length), this.#head.length);
      end = all.length;
    }
    const bodyStart = headEnd(all, end);
    if (bodyStart === 0) {
      this.#head = all.slice(0, end);
      return 0;
    }
    this.#head = NOTHING;
    this.#status = 100 * (all[9]! - 0x30) + 10 * (all[10]! - 0x30) + all[11]! - 0x30;
    if (!(this.#status >= 200 && this.#status <= 599)) throw new SyntaxError("not an HTTP answer");
    this.#missing = this.#status === 204 ? 0 : contentLength(all, bodyStart);
    return this.#readBody(end - bodyStart);
  }

  #readBody(length: number): number {
    this.#missing -= length;
    if (this.#missing > 0) return 0;
    if (this.#missing < 0) throw new SyntaxError(`${-this.#missing} bytes behind the end of an HTTP answer`);
    const status = this.#status;
    this.#status = 0;
    return status;
  }
}

/** Where the head ends and the body begins; 0 where it does not end. */
function headEnd(bytes: Uint8Array, length: number): number {
  for (let i = 3; i < length; i++) {
    if (bytes[i] === LF && bytes[i - 1] === CR && bytes[i - 2] === LF) return i + 1;
  }
  return 0;
}

const CONTENT_LENGTH = new TextEncoder().encode("content-length");

function contentLength(bytes: Uint8Array, end: number): number {
  lines:
  for (let i = 0; i < end - CONTENT_LENGTH.length; i++) {
    if (bytes[i] !== LF || bytes[i + CONTENT_LENGTH.length + 1] !== COLON) continue;
    for (let j = 0; j < CONTENT_LENGTH.length; j++) {
      if ((bytes[i + 1 + j]! | 0x20) !== (CONTENT_LENGTH[j]! | 0x20)) continue lines;
    }
    let value = 0;
    for (let j = i + CONTENT_LENGTH.length + 2; bytes[j] !== CR; j++) {
      if (bytes[j] !== 0x20) value = 10 * value + bytes[j]! - 0x30;
    }
    return value;
  }
  throw new SyntaxError("an HTTP answer without Content-Length, which this generator does not read");
}
