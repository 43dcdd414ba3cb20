import { FRAME_PREFIX_BYTES } from "../../sinks/file_encoding.ts";

const LINE_FEED = 0x0a;

/** Splits what a segment holds into records. */
export interface RecordSplitter {
  /**
   * Takes the next piece. It must not change afterwards.
   *
   * @param piece The piece.
   * @yields The records that end in it; without their bytes where those are not kept. Valid until the next one.
   */
  push(piece: Uint8Array): Iterable<Uint8Array>;
  /** How many bytes there are behind the last whole record. */
  readonly rest: number;
}

/** Bytes that have come and are not a whole record yet. */
class Pending {
  length = 0;
  readonly #most: number;
  #pieces: Uint8Array[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  add(piece: Uint8Array): void {
    this.length += piece.length;
    if (this.length > this.#most) {
      throw new RangeError(`a record has more than ${this.#most} bytes: that is no file of this format`);
    }
    this.#pieces.push(piece);
  }

  /** All of it, and then there is nothing any more. */
  take(): Uint8Array {
    const [first] = this.#pieces;
    const whole = this.#pieces.length === 1 ? first! : new Uint8Array(this.length);
    if (this.#pieces.length !== 1) {
      let at = 0;
      for (const piece of this.#pieces) {
        whole.set(piece, at);
        at += piece.length;
      }
    }
    this.#pieces = [];
    this.length = 0;
    return whole;
  }
}

/** Splits NDJSON: one record a line, line feed included. */
export class LineSplitter implements RecordSplitter {
  readonly #pending: Pending;

  /** @param most The most bytes of a line. */
  constructor(most: number) {
    this.#pending = new Pending(most);
  }

  get rest(): number {
    return this.#pending.length;
  }

  *push(piece: Uint8Array): Generator<Uint8Array, void> {
    let at = 0;
    for (let end = piece.indexOf(LINE_FEED); end !== -1; end = piece.indexOf(LINE_FEED, at)) {
      this.#pending.add(piece.subarray(at, end + 1));
      at = end + 1;
      yield this.#pending.take();
    }
    if (at < piece.length) this.#pending.add(piece.subarray(at));
  }
}

/** Splits what has the length before each record. */
export class FrameSplitter implements RecordSplitter {
  readonly #most: number | undefined;
  readonly #prefix = new Uint8Array(FRAME_PREFIX_BYTES);
  readonly #record: Pending;
  #prefixFilled = 0;
  /** How many bytes of the record are still to come. */
  #left = 0;
  #length = 0;

  /** @param most The most bytes of a record; where left out, records are counted and not kept. */
  constructor(most?: number) {
    this.#most = most;
    this.#record = new Pending(most ?? 0);
  }

  get rest(): number {
    return this.#prefixFilled === 0 ? 0 : this.#prefixFilled + this.#length - this.#left;
  }

  *push(piece: Uint8Array): Generator<Uint8Array, void> {
    for (let at = 0; at < piece.length;) {
      if (this.#prefixFilled < FRAME_PREFIX_BYTES) {
        this.#prefix[this.#prefixFilled++] = piece[at++]!;
        if (this.#prefixFilled < FRAME_PREFIX_BYTES) continue;
        this.#left = this.#length = new DataView(this.#prefix.buffer).getUint32(0);
      } else {
        const some = piece.subarray(at, at + this.#left);
        at += some.length;
        this.#left -= some.length;
        if (this.#most !== undefined) this.#record.add(some);
      }
      if (this.#left > 0) continue;
      this.#prefixFilled = 0;
      this.#length = 0;
      yield this.#record.take();
    }
  }
}
