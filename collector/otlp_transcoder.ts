import { JsonWriter } from "./json_writer.ts";
import {
  DELIMITED,
  FIXED32,
  FIXED64,
  type OtlpField,
  type OtlpMessage,
  START_GROUP,
  VARINT,
} from "./otlp_schema.ts";

const COMMA = 0x2c, OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
const LINE_FEED = 0x0a;

/** OTLP/JSON is mostly at most so many times as long as Protobuf. */
export const LIKELY_GROWTH = 3;

const NOTHING_WRITTEN = new JsonWriter(0);

/**
 * Writes OTLP requests in Protobuf as OTLP/JSON, straight from the one form to the other: without objects, a request of
 * megabytes does not hold up all others for seconds.
 *
 * It takes what encoders make: each field once, and the values of a list one behind the other. Protobuf also allows a
 * field to come again, whatever came in between, and the last one or the sum of them counts; such a request is somebody
 * else's to write.
 */
export class OtlpTranscoder {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #out = NOTHING_WRITTEN;
  /** The number that `#readVarint` read, in two halves. */
  #low = 0;
  #high = 0;

  /**
   * Writes a request as JSON.
   *
   * @param bytes The request; it must be valid.
   * @param message What it is.
   * @param book Is told how many bytes of memory that takes, each time before it changes, and says whether there are as many.
   * @returns JSON on one line, line feed included; or why there is none: a field comes again, or there is no memory.
   */
  toJson(
    bytes: Uint8Array,
    message: OtlpMessage,
    book: (bytes: number) => boolean,
  ): Uint8Array<ArrayBuffer> | "repeated" | "overloaded" {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const out = this.#out = new JsonWriter(LIKELY_GROWTH * bytes.length + 64, book);
    const written = this.#writeMessage(message, 0, bytes.length);
    out.character(LINE_FEED);
    this.#bytes = new Uint8Array(0);
    this.#out = NOTHING_WRITTEN;
    if (written || out.exhausted) return out.finish() ?? "overloaded";
    out.discard();
    return "repeated";
  }

  /** Says whether it could be written. */
  #writeMessage({ byNumber }: OtlpMessage, at: number, end: number): boolean {
    const out = this.#out;
    if (out.exhausted) return false;
    let seen = 0;
    let chosen = 0;
    let list: OtlpField | undefined;
    let empty = true;
    out.character(OPEN_BRACE);
    while (at < end) {
      at = this.#readVarint(at);
      const wireType = this.#low & 7;
      const field = byNumber[this.#low >>> 3];
      if (field === undefined) {
        if (wireType === START_GROUP) return false; // nobody sends groups any more
        at = this.#skipUnknown(at, wireType);
        continue;
      }
      const start = at;
      at = this.#skipUnknown(at, wireType);
      const first = wireType === DELIMITED ? at - this.#low : start;
      if (field !== list) {
        if (list !== undefined) out.character(CLOSE_BRACKET);
        list = undefined;
        if ((seen & field.bit) !== 0) return false;
        if (field.choice !== 0) {
          if ((chosen & 1 << field.choice) !== 0) return false;
          chosen |= 1 << field.choice;
        }
        seen |= field.bit;
        const left = field.repeated
          ? wireType === DELIMITED && field.packable && first === at
          : !field.explicit &&
            this.#isDefault(field, first, at);
        if (left) continue;
        if (!empty) out.character(COMMA);
        empty = false;
        out.name(field.nameBytes);
        if (field.repeated) {
          out.character(OPEN_BRACKET);
          list = field;
        }
      } else if (first < at || !field.packable || wireType !== DELIMITED) {
        out.character(COMMA);
      }
      if (field.packable && wireType === DELIMITED) this.#writePacked(field, first, at);
      else if (!this.#writeValue(field, first, at)) return false;
    }
    if (list !== undefined) out.character(CLOSE_BRACKET);
    out.character(CLOSE_BRACE);
    return true;
  }

  #writePacked(field: OtlpField, at: number, stop: number): void {
    for (let next = at; next < stop;) {
      if (next > at) this.#out.character(COMMA);
      const start = next;
      next = this.#skipUnknown(next, field.wireType);
      this.#writeValue(field, start, next);
    }
  }

  #writeValue(field: OtlpField, at: number, stop: number): boolean {
    const out = this.#out;
    switch (field.kind) {
      case "message":
        return this.#writeMessage(field.message!, at, stop);
      case "string":
        out.text(this.#bytes, at, stop);
        return true;
      case "bytes": {
        const bytes = this.#bytes.subarray(at, stop);
        out.quoted(field.idDigits > 0 ? bytes.toHex() : bytes.toBase64());
        return true;
      }
      case "double": {
        const value = this.#view.getFloat64(at, true);
        if (Number.isFinite(value)) out.ascii(Object.is(value, -0) ? "-0" : String(value));
        else out.quoted(String(value));
        return true;
      }
      case "bool":
        this.#readVarint(at);
        out.ascii(this.#low !== 0 || this.#high !== 0 ? "true" : "false");
        return true;
      case "uint64":
      case "int64":
        out.quoted(this.#integer64(field, at));
        return true;
      default:
        out.ascii(this.#integer32(field, at));
        return true;
    }
  }

  #integer64({ kind, wireType }: OtlpField, at: number): string {
    if (wireType === FIXED64) {
      return String(kind === "int64" ? this.#view.getBigInt64(at, true) : this.#view.getBigUint64(at, true));
    }
    this.#readVarint(at);
    if (this.#high === 0) return String(this.#low);
    const value = BigInt(this.#high) << 32n | BigInt(this.#low);
    return String(kind === "int64" ? BigInt.asIntN(64, value) : value);
  }

  #integer32({ kind, wireType, zigzag }: OtlpField, at: number): string {
    let value: number;
    if (wireType === FIXED32) value = this.#view.getUint32(at, true);
    else {
      this.#readVarint(at);
      value = this.#low;
    }
    if (zigzag) return String(value >>> 1 ^ -(value & 1));
    return String(kind === "uint32" ? value : value | 0);
  }

  #isDefault({ kind, wireType }: OtlpField, at: number, stop: number): boolean {
    if (kind === "message") return false;
    if (wireType === DELIMITED) return at === stop;
    if (wireType === VARINT) {
      this.#readVarint(at);
      return this.#low === 0 &&
        (this.#high === 0 || kind !== "bool" && kind !== "int64" && kind !== "uint64");
    }
    for (let next = at; next < stop; next++) if (this.#bytes[next] !== 0) return false;
    return true;
  }

  /** Returns the offset behind a value; of one with a length, that is in `#low` then. */
  #skipUnknown(at: number, wireType: number): number {
    switch (wireType) {
      case VARINT:
        return this.#readVarint(at);
      case FIXED64:
        return at + 8;
      case FIXED32:
        return at + 4;
      default:
        at = this.#readVarint(at);
        return at + this.#low;
    }
  }

  #readVarint(at: number): number {
    const bytes = this.#bytes;
    let low = 0;
    let high = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << shift - 32;
      if (byte < 0x80) break;
    }
    this.#low = low >>> 0;
    this.#high = high >>> 0;
    return at;
  }
}
