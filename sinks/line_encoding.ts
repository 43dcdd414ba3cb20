import type { BufferedBatch } from "../collector/batch.ts";

/** Lines are gathered into pieces of at most this many bytes. */
const PIECE_BYTES = 256 * 1024;

/** How many bytes of a frame become one piece of base64; a multiple of 3, so that the pieces join without padding. */
const BASE64_STEP = PIECE_BYTES / 4 * 3;

/** Length of `2026-11-23T18:00:00.123Z`, which every time from the year 0 to 9999 has. */
const TIME_BYTES = 24;

/** The last millisecond of the year 9999. */
const MAX_TIME = 253_402_300_799_999;

const LINE_FEED = 1;
const QUOTE = 0x22;

/**
 * Encodes the records of a batch as lines of JSON.
 *
 * | | JSON record | binary record |
 * | --- | --- | --- |
 * | with envelope | `{"source":"NAME","received":"TIME","record":RECORD}` | the same, with the frame in base64 as a string |
 * | without | `RECORD` | `{"record":"BASE64"}` |
 *
 * Records are copied as bytes, never parsed. The same records give the same bytes, however often they are encoded.
 */
export class LineEncoder {
  readonly #envelope: boolean;
  readonly #text = new TextEncoder();
  readonly #piece = new Uint8Array(PIECE_BYTES);
  /** The time that `#time` is the text of: records of a batch often came at the same millisecond. */
  #timeOf = NaN;
  readonly #time = new Uint8Array(TIME_BYTES);
  #sourceOf: string | undefined;
  #beforeTime = new Uint8Array(0);
  readonly #afterTime = this.#text.encode('","record":');
  readonly #beforeFrame = this.#text.encode('{"record":');
  readonly #end = this.#text.encode("}\n");

  /** @param options Whether each record is told with its source and when it was received. */
  constructor(options: { envelope: boolean }) {
    this.#envelope = options.envelope;
  }

  /**
   * Says how long the line of one record is.
   *
   * @param batch The batch.
   * @param source The name of its source.
   * @param record Index of the record.
   * @returns Its number of bytes, line feed included.
   */
  lineBytes(batch: BufferedBatch, source: string, record: number): number {
    const bytes = batch.ends[record]! - startOf(batch, record);
    const binary = batch.format !== "json";
    if (!this.#envelope && !binary) return bytes;
    const value = binary ? Math.ceil(bytes / 3) * 4 + 2 : bytes - LINE_FEED;
    const head = this.#envelope
      ? this.#headFor(source).length + TIME_BYTES + this.#afterTime.length
      : this.#beforeFrame.length;
    return head + value + this.#end.length;
  }

  /**
   * Encodes the lines of some records.
   *
   * A piece is valid until the next one is asked for, and only one generator may be in use at a time, because they
   * share one buffer. A piece ends where a line does, unless that line is larger than the buffer.
   *
   * @param batch The batch.
   * @param source The name of its source, which needs no escaping.
   * @param from Index of the first record.
   * @param to Index after the last record.
   * @returns The bytes, in pieces to be written one after the other.
   */
  *encode(batch: BufferedBatch, source: string, from: number, to: number): Generator<Uint8Array> {
    if (from >= to) return;
    if (!this.#envelope && batch.format === "json") {
      yield batch.data.subarray(startOf(batch, from), batch.ends[to - 1]);
      return;
    }
    const piece = this.#piece;
    let used = 0;
    for (let record = from; record < to; record++) {
      const fits = this.lineBytes(batch, source, record) <= piece.length;
      if (used > 0 && (!fits || used + this.lineBytes(batch, source, record) > piece.length)) {
        yield piece.subarray(0, used);
        used = 0;
      }
      used = this.#putHead(batch, source, record, used);
      const start = startOf(batch, record);
      if (batch.format === "json") {
        const value = batch.data.subarray(start, batch.ends[record]! - LINE_FEED);
        if (fits) {
          piece.set(value, used);
          used += value.length;
        } else {
          yield piece.subarray(0, used);
          yield value;
          used = 0;
        }
      } else {
        const frame = batch.data.subarray(start, batch.ends[record]);
        piece[used++] = QUOTE;
        for (let offset = 0; offset < frame.length; offset += BASE64_STEP) {
          if (!fits) {
            yield piece.subarray(0, used);
            used = 0;
          }
          const text = frame.subarray(offset, offset + BASE64_STEP).toBase64();
          used += this.#text.encodeInto(text, piece.subarray(used)).written;
        }
        if (!fits) {
          yield piece.subarray(0, used);
          used = 0;
        }
        piece[used++] = QUOTE;
      }
      piece.set(this.#end, used);
      used += this.#end.length;
    }
    yield piece.subarray(0, used);
  }

  #putHead(batch: BufferedBatch, source: string, record: number, at: number): number {
    if (!this.#envelope) {
      this.#piece.set(this.#beforeFrame, at);
      return at + this.#beforeFrame.length;
    }
    const head = this.#headFor(source);
    this.#piece.set(head, at);
    at += head.length;
    const time = batch.admittedAt[record]!;
    if (time !== this.#timeOf) {
      this.#text.encodeInto(new Date(Math.min(Math.max(time, 0), MAX_TIME)).toISOString(), this.#time);
      this.#timeOf = time;
    }
    this.#piece.set(this.#time, at);
    at += TIME_BYTES;
    this.#piece.set(this.#afterTime, at);
    return at + this.#afterTime.length;
  }

  #headFor(source: string): Uint8Array {
    if (source !== this.#sourceOf) {
      this.#beforeTime = this.#text.encode(`{"source":"${source}","received":"`);
      this.#sourceOf = source;
    }
    return this.#beforeTime;
  }
}

/** Where a record begins in `data`, which is where the one before it ends. */
function startOf(batch: BufferedBatch, record: number): number {
  return record === 0 ? 0 : batch.ends[record - 1]!;
}
