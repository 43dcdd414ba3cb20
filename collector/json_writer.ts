import { freeMemory } from "./memory.ts";

const QUOTE = 0x22, COLON = 0x3a, BACKSLASH = 0x5c, SPACE = 0x20;

/** The escapes of the bytes that cannot stand for themselves in a JSON string. */
const ESCAPES = Array.from({ length: 256 }, (_, byte) => {
  if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) return undefined;
  return new TextEncoder().encode(JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
});

/** Bytes that the longest escape of a byte has. */
const LONGEST_ESCAPE = 6;

/** Writes JSON as bytes, into memory that grows. Whoever writes sees to it that it is JSON. */
export class JsonWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;

  /** @param capacity For how many bytes there is room at first. */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** What was written, in memory of its own size; nothing more can be written. */
  finish(): Uint8Array<ArrayBuffer> {
    // Not copied: what is too much is given back at once, instead of when the garbage collector gets to it.
    return new Uint8Array(this.#bytes.buffer.transfer(this.#size));
  }

  /** @param byte An ASCII character: a bracket, a comma, a line feed. */
  character(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#size++] = byte;
  }

  /** @param text ASCII that needs no escapes: a number, `true`. */
  ascii(text: string): void {
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#size++] = text.charCodeAt(i);
  }

  /** @param text ASCII that needs no escapes, and shall be in quotes. */
  quoted(text: string): void {
    this.character(QUOTE);
    this.ascii(text);
    this.character(QUOTE);
  }

  /** @param name A name of ASCII that needs no escapes. */
  name(name: Uint8Array): void {
    this.#reserve(name.length + 3);
    const bytes = this.#bytes;
    bytes[this.#size++] = QUOTE;
    for (let i = 0; i < name.length; i++) bytes[this.#size++] = name[i]!;
    bytes[this.#size++] = QUOTE;
    bytes[this.#size++] = COLON;
  }

  /**
   * @param source What holds a text, in UTF-8.
   * @param start Offset of its first byte.
   * @param stop Offset behind its last byte.
   */
  text(source: Uint8Array, start: number, stop: number): void {
    this.#reserve((stop - start) * LONGEST_ESCAPE + 2);
    const bytes = this.#bytes;
    let size = this.#size;
    bytes[size++] = QUOTE;
    for (let at = start; at < stop; at++) {
      const byte = source[at]!;
      const escape = ESCAPES[byte];
      if (escape === undefined) bytes[size++] = byte;
      else for (let i = 0; i < escape.length; i++) bytes[size++] = escape[i]!;
    }
    bytes[size++] = QUOTE;
    this.#size = size;
  }

  #reserve(bytes: number): void {
    const needed = this.#size + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#size));
    freeMemory(this.#bytes);
    this.#bytes = larger;
  }
}
