import { freeMemory } from "./memory.ts";

const QUOTE = 0x22, COLON = 0x3a, BACKSLASH = 0x5c, SPACE = 0x20;

/** The escapes of the bytes that cannot stand for themselves in a JSON string. */
const ESCAPES = Array.from({ length: 256 }, (_, byte) => {
  if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) return undefined;
  return new TextEncoder().encode(JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
});

/** Bytes that the longest escape of a byte has. */
const LONGEST_ESCAPE = 6;

/** A text up to this length may as well be all escapes; of a longer one they are counted, as room for them is memory. */
const NOT_COUNTED = 256;

/** Writes JSON as bytes, into memory that grows. Whoever writes sees to it that it is JSON. */
export class JsonWriter {
  readonly #book: (bytes: number) => boolean;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #size = 0;
  #exhausted = false;

  /**
   * @param capacity For how many bytes there is room at first.
   * @param book Is told how many bytes of memory it will hold, each time before it takes more and after it has given some
   * back, and says whether it may.
   */
  constructor(capacity: number, book: (bytes: number) => boolean = () => true) {
    this.#book = book;
    if (book(capacity)) this.#bytes = new Uint8Array(capacity);
    else this.#exhausted = true;
  }

  /** Whether it was not given the memory that it needed: what was written is gone, and nothing more is. */
  get exhausted(): boolean {
    return this.#exhausted;
  }

  /** What was written, in memory of its own size; nothing more can be written. Nothing if it is exhausted. */
  finish(): Uint8Array<ArrayBuffer> | undefined {
    if (!this.#exhausted && !this.#book(this.#bytes.length + this.#size)) this.discard();
    if (this.#exhausted) return undefined;
    // What is too much is given back at once, instead of when the garbage collector gets to it.
    const finished = new Uint8Array(this.#bytes.buffer.transfer(this.#size));
    this.#book(finished.length);
    return finished;
  }

  /** Gives all memory back, and what was written with it: nobody wants it. It is exhausted then. */
  discard(): void {
    this.#exhausted = true;
    freeMemory(this.#bytes);
    this.#bytes = new Uint8Array(0);
    this.#size = 0;
    this.#book(0);
  }

  /** @param byte An ASCII character: a bracket, a comma, a line feed. */
  character(byte: number): void {
    if (!this.#reserve(1)) return;
    this.#bytes[this.#size++] = byte;
  }

  /** @param text ASCII that needs no escapes: a number, `true`. */
  ascii(text: string): void {
    if (!this.#reserve(text.length)) return;
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
    if (!this.#reserve(name.length + 3)) return;
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
    const most = stop - start <= NOT_COUNTED
      ? (stop - start) * LONGEST_ESCAPE
      : escapedLength(source, start, stop);
    if (!this.#reserve(most + 2)) return;
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

  /** Says whether there is room. */
  #reserve(bytes: number): boolean {
    const needed = this.#size + bytes;
    return needed <= this.#bytes.length || this.#grow(needed);
  }

  #grow(needed: number): boolean {
    if (this.#exhausted) return false;
    const capacity = Math.max(needed, this.#bytes.length * 2);
    if (!this.#book(this.#bytes.length + capacity)) {
      this.discard();
      return false;
    }
    const larger = new Uint8Array(capacity);
    larger.set(this.#bytes.subarray(0, this.#size));
    freeMemory(this.#bytes);
    this.#bytes = larger;
    this.#book(capacity);
    return true;
  }
}

function escapedLength(source: Uint8Array, start: number, stop: number): number {
  let length = 0;
  for (let at = start; at < stop; at++) length += ESCAPES[source[at]!]?.length ?? 1;
  return length;
}
