import type { RecordFormat } from "./batch.ts";
import { copyUnmasked } from "./frame_mask.ts";

/** Two reads of a socket, each of at most 64 KiB: what one read completes always has room. */
const CAPACITY = 128 * 1024;

/** The most messages; even the smallest take three bytes of a read. */
const MOST_MESSAGES = 32 * 1024;

const LINE_FEED = 0x0a;

const NOWHERE = new Uint8Array(0);

/**
 * Brings the small messages of one read of a socket together, so that they are validated and offered as one batch, which
 * costs a fraction of one offer each. All connections share one: it is empty again before the next read.
 *
 * What is in it is a copy, so that no message keeps the memory alive that its socket was read into.
 */
export class MessageAssembly {
  readonly #bytes = new Uint8Array(CAPACITY);
  /** Where the messages are framed, which writes over them. One byte more, for a line feed. */
  readonly #copy = new Uint8Array(CAPACITY + 1);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #ends = new Uint32Array(MOST_MESSAGES);
  /** Where the last message was copied from: most often the next one is there as well. */
  #from: Uint8Array = NOWHERE;
  #fromView: DataView = new DataView(NOWHERE.buffer);
  #filled = 0;
  #messages = 0;
  #format: RecordFormat = "json";
  #owner: { flush(): void } | undefined;

  /** How many messages are in it. */
  get messages(): number {
    return this.#messages;
  }

  /** What its messages are. */
  get format(): RecordFormat {
    return this.#format;
  }

  /** The messages one after the other; a text always ends with a line feed. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#filled);
  }

  /** The same in memory that may be written to, until it is asked for again. */
  copy(): Uint8Array {
    this.#copy.set(this.bytes);
    return this.#copy.subarray(0, this.#filled);
  }

  /**
   * @param owner Somebody.
   * @returns Whether the messages are theirs.
   */
  isOf(owner: { flush(): void }): boolean {
    return this.#owner === owner;
  }

  /** Where each message ends. */
  get ends(): Uint32Array {
    return this.#ends.subarray(0, this.#messages);
  }

  /**
   * Adds a message.
   *
   * @param owner Whose it is. What is there of another one is flushed before.
   * @param from Where the message is; it is copied.
   * @param start Where it begins.
   * @param end Where it ends.
   * @param key The key that it is masked with, the byte for `start` lowest; 0 where it is not.
   * @param format What it is.
   * @returns Whether it had room, beside others of its format.
   */
  add(
    owner: { flush(): void },
    from: Uint8Array,
    start: number,
    end: number,
    key: number,
    format: RecordFormat,
  ): boolean {
    if (this.#owner !== owner) {
      this.#owner?.flush();
      this.#owner = owner;
    }
    const length = end - start;
    if (this.#messages === 0) this.#format = format;
    else if (this.#format !== format || this.#messages === MOST_MESSAGES) return false;
    if (this.#filled + length + 2 > CAPACITY) return false;
    if (this.#from !== from) {
      this.#from = from;
      this.#fromView = new DataView(from.buffer, from.byteOffset, from.byteLength);
    }
    copyUnmasked(this.#fromView, start, end, key, this.#view, this.#filled);
    this.#filled += length;
    if (format === "json" && (length === 0 || this.#bytes[this.#filled - 1] !== LINE_FEED)) {
      this.#bytes[this.#filled++] = LINE_FEED;
    }
    this.#ends[this.#messages++] = this.#filled;
    return true;
  }

  /** Lets everything go that is in it. */
  clear(): void {
    this.#filled = 0;
    this.#messages = 0;
    this.#owner = undefined;
    this.#from = NOWHERE;
    this.#fromView = new DataView(NOWHERE.buffer);
  }
}
