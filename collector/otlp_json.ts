import { skipSpace, skipString, skipValue, textOf } from "./json_skipping.ts";
import { isInteger, isNumberText } from "./otlp_json_numbers.ts";
import { describeMisnamed } from "./otlp_misnamed.ts";
import { type FieldKind, MAX_MESSAGE_DEPTH, type OtlpField, type OtlpMessage } from "./otlp_schema.ts";

const QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
const ZERO = 0x30, NINE = 0x39;
const LOWER_F = 0x66, LOWER_N = 0x6e, LOWER_T = 0x74;

const HEX_DIGIT = new Uint8Array(256);
for (const byte of new TextEncoder().encode("0123456789abcdefABCDEF")) HEX_DIGIT[byte] = 1;
/** In the alphabet of base64 or in that of its variant for URLs; padding may be left out, but not be half there. */
const BASE64 = /^(?:[A-Za-z0-9+/]*|[A-Za-z0-9_-]*)={0,2}$/;

/** No name that OTLP knows is longer, in quotes. */
const LONGEST_NAME = 64;

/** So many digits are a value of the type, whichever digits they are. */
const SAFE_DIGITS: Readonly<Record<FieldKind, number>> = {
  uint64: 19,
  int64: 18,
  uint32: 9,
  int32: 9,
  enum: 9,
  double: 300,
  bool: 0,
  string: 0,
  bytes: 0,
  message: 0,
};

/**
 * Weighs OTLP requests in JSON: says how many log records, data points or spans they carry, and checks that the fields
 * that OTLP knows are what they should be. Nothing is built but short strings. Fields of other names are passed over, as
 * the specification demands; only a request that carries nothing, but has records under a name that they do not have
 * there, is an error. So is a field that comes twice, be it as `null`, and so are two that exclude each other: readers
 * do not agree on which of them counts. And so is an escape that is half a surrogate pair, wherever it stands: it is no
 * character, and Protobuf has no string for it.
 */
export class OtlpJson {
  /** Where the last {@linkcode OtlpJson.weigh} that failed did so. */
  offset = 0;
  /** Why it failed. */
  reason = "";
  /** The field that it failed in, as a path; empty for the request itself. */
  path = "";
  /** Whether the last request that was weighed has records under names that they do not have in OTLP/JSON, too. */
  misnamed = false;
  #bytes: Uint8Array = new Uint8Array(0);
  #weight = 0;
  /** Whether such a name is an error. */
  #strict = false;

  /**
   * Weighs a request.
   *
   * @param bytes What holds it. It must be valid JSON.
   * @param start Offset of its first byte.
   * @param message What it shall be.
   * @returns Its weight, or -1: see `offset`, `reason` and `path`.
   */
  weigh(bytes: Uint8Array, start: number, message: OtlpMessage): number {
    this.#bytes = bytes;
    this.#strict = false;
    let weight = this.#weigh(start, message);
    if (weight === 0 && this.misnamed) {
      this.#strict = true; // once more, to say which name it is
      weight = this.#weigh(start, message);
    }
    this.#bytes = new Uint8Array(0);
    return weight;
  }

  #weigh(start: number, message: OtlpMessage): number {
    this.#weight = 0;
    this.misnamed = false;
    this.path = "";
    if (this.#bytes[start] !== OPEN_BRACE) return this.#fail(start, "not an object");
    return this.#skipMessage(message, start, 1) < 0 ? -1 : this.#weight;
  }

  // These take the offset of the first byte of what they check, and return the one behind its last byte, or -1.

  #skipMessage(message: OtlpMessage, at: number, depth: number): number {
    if (depth > MAX_MESSAGE_DEPTH) return this.#fail(at, `nested deeper than ${MAX_MESSAGE_DEPTH}`);
    const bytes = this.#bytes;
    let seen = 0;
    let chosen = 0;
    at = skipSpace(bytes, at + 1);
    while (bytes[at] !== CLOSE_BRACE) {
      if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
      const nameAt = at;
      const nameEnd = skipString(bytes, at);
      if (nameEnd < 0) return this.#failSkipping(nameEnd);
      const field = this.#fieldNamed(message, nameAt, nameEnd);
      at = skipSpace(bytes, nameEnd);
      at = skipSpace(bytes, at + 1); // the colon
      if (field === undefined) {
        if (message.carriers.length > 0 && !this.#passOver(message, nameAt, nameEnd)) return -1;
        at = skipValue(bytes, at, MAX_MESSAGE_DEPTH - depth);
        if (at < 0) return this.#failSkipping(at);
      } else {
        if ((seen & field.bit) !== 0) return this.#failIn(field, nameAt, "there twice");
        seen |= field.bit;
        if (bytes[at] === LOWER_N) {
          at = skipValue(bytes, at, 0); // null stands for a field that is not there
        } else {
          if (field.choice !== 0) {
            const bit = 1 << field.choice;
            if ((chosen & bit) !== 0) {
              return this.#failIn(field, nameAt, "beside another field that excludes it");
            }
            chosen |= bit;
          }
          at = field.repeated ? this.#skipList(field, at, depth) : this.#skipField(field, at, depth);
          if (at < 0) return this.#within(field);
        }
      }
      at = skipSpace(bytes, at);
    }
    return at + 1;
  }

  /** Says whether a field of this name may be passed over. */
  #passOver(message: OtlpMessage, nameAt: number, nameEnd: number): boolean {
    if (this.misnamed && !this.#strict || nameEnd - nameAt > LONGEST_NAME) return true;
    const name = textOf(this.#bytes, nameAt, nameEnd);
    const reason = describeMisnamed(message, name);
    if (reason === undefined) return true;
    this.misnamed = true;
    if (!this.#strict) return true;
    this.#fail(nameAt, reason);
    this.path = name;
    return false;
  }

  #skipList(field: OtlpField, at: number, depth: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== OPEN_BRACKET) return this.#fail(at, "not an array");
    at = skipSpace(bytes, at + 1);
    while (bytes[at] !== CLOSE_BRACKET) {
      if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1);
      at = this.#skipField(field, at, depth);
      if (at < 0) return -1;
      if (field.counts) this.#weight++;
      at = skipSpace(bytes, at);
    }
    return at + 1;
  }

  #skipField(field: OtlpField, at: number, depth: number): number {
    const first = this.#bytes[at]!;
    switch (field.kind) {
      case "message":
        return first === OPEN_BRACE
          ? this.#skipMessage(field.message!, at, depth + 1)
          : this.#fail(at, "not an object");
      case "string": {
        if (first !== QUOTE) return this.#fail(at, "not a string");
        const stop = skipString(this.#bytes, at);
        return stop < 0 ? this.#failSkipping(stop) : stop;
      }
      case "bytes":
        return first === QUOTE ? this.#skipBytes(field, at) : this.#fail(at, "not a string");
      case "bool":
        return first === LOWER_T || first === LOWER_F
          ? skipValue(this.#bytes, at, 0)
          : this.#fail(at, "not true or false");
      default:
        return this.#skipNumber(field, at);
    }
  }

  #skipBytes({ idDigits }: OtlpField, at: number): number {
    const stop = skipString(this.#bytes, at);
    if (stop < 0) return this.#failSkipping(stop);
    if (idDigits > 0) {
      let digit = at + 1;
      while (HEX_DIGIT[this.#bytes[digit]!] === 1) digit++;
      const digits = digit === stop - 1 ? stop - at - 2 : -1;
      if (digits === idDigits || digits === 0) return stop;
      // Escapes stand for digits too, though nobody writes them like that.
      return this.#bytes[digit] === BACKSLASH && isId(textOf(this.#bytes, at, stop), idDigits)
        ? stop
        : this.#fail(at, `not ${idDigits} hexadecimal digits`);
    }
    const text = textOf(this.#bytes, at, stop);
    const left = text.length % 4;
    return BASE64.test(text) && (text.endsWith("=") ? left === 0 : left !== 1)
      ? stop
      : this.#fail(at, "not base64");
  }

  #skipNumber({ kind }: OtlpField, at: number): number {
    const quoted = this.#bytes[at] === QUOTE;
    const stop = skipValue(this.#bytes, at, Infinity);
    if (stop < 0) return this.#failSkipping(stop);
    if (kind === "enum" && quoted) return this.#fail(at, "not an integer: enums have no names in OTLP");
    if (this.#isShortInteger(quoted ? at + 1 : at, quoted ? stop - 1 : stop, SAFE_DIGITS[kind])) return stop;
    const text = textOf(this.#bytes, at, stop);
    const ok = kind === "double" ? isNumberText(text, quoted) : isInteger(text, kind, quoted);
    return ok ? stop : this.#fail(at, kind === "double" ? "not a number" : `not an integer of type ${kind}`);
  }

  /** Whether there are digits only, and so few that they are in the range of any type: nearly always. */
  #isShortInteger(at: number, stop: number, most: number): boolean {
    if (stop - at > most || stop === at) return false;
    const bytes = this.#bytes;
    while (at < stop && bytes[at]! >= ZERO && bytes[at]! <= NINE) at++;
    return at === stop;
  }

  /** The field of a name, which is in quotes. */
  #fieldNamed({ names }: OtlpMessage, at: number, stop: number): OtlpField | undefined {
    const bytes = this.#bytes;
    const length = stop - at - 2;
    for (const field of names.inSlot(length, bytes[at + 1]!)) {
      const { nameBytes } = field;
      if (nameBytes.length !== length) continue;
      let same = 0;
      while (same < length && nameBytes[same] === bytes[at + 1 + same]) same++;
      if (same === length) return field;
    }
    return bytes.subarray(at, stop).includes(BACKSLASH)
      ? names.get(textOf(this.#bytes, at, stop))
      : undefined;
  }

  /** Takes what skipping returned in place of an offset. */
  #failSkipping(complement: number): -1 {
    const reason = this.#bytes[~complement] === BACKSLASH
      ? "half a surrogate pair, which is no character"
      : `nested deeper than ${MAX_MESSAGE_DEPTH}`;
    return this.#fail(~complement, reason);
  }

  #fail(at: number, reason: string): -1 {
    this.offset = at;
    this.reason = reason;
    return -1;
  }

  #failIn(field: OtlpField, at: number, reason: string): -1 {
    this.#fail(at, reason);
    return this.#within(field);
  }

  /** Puts a field before the path of what failed within it. */
  #within({ name }: OtlpField): -1 {
    this.path = this.path === "" ? name : `${name}.${this.path}`;
    return -1;
  }
}

function isId(text: string, digits: number): boolean {
  return text.length === digits && /^[0-9A-Fa-f]*$/.test(text);
}
