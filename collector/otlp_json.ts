import { isInteger, isNumberText } from "./otlp_json_numbers.ts";
import type { FieldKind, OtlpField, OtlpMessage, OtlpNames } from "./otlp_schema.ts";

const TAB = 0x09, SPACE = 0x20, QUOTE = 0x22, COMMA = 0x2c, BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d, OPEN_BRACE = 0x7b, CLOSE_BRACE = 0x7d;
const ZERO = 0x30, NINE = 0x39;
const LOWER_F = 0x66, LOWER_N = 0x6e, LOWER_T = 0x74;

/** 1 for the bytes that end a number, `true`, `false` or `null`. */
const DELIMITER = new Uint8Array(256).fill(1, TAB, SPACE + 1);
for (const byte of [COMMA, CLOSE_BRACKET, CLOSE_BRACE]) DELIMITER[byte] = 1;

/** 1 for what stands for itself in a string. */
const PLAIN = new Uint8Array(256).fill(1);
PLAIN[QUOTE] = 0;
PLAIN[BACKSLASH] = 0;
const HEX_DIGIT = new Uint8Array(256);
for (const byte of new TextEncoder().encode("0123456789abcdefABCDEF")) HEX_DIGIT[byte] = 1;
/** The alphabet of base64 and of its variant for URLs; padding may be left out. */
const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

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

const decoder = new TextDecoder();

/**
 * Weighs OTLP requests in JSON: says how many log records, data points or spans they carry, and checks that the fields
 * that OTLP knows are what they should be. Nothing is built but short strings. Fields of other names are passed over, as
 * the specification demands. A field that comes twice, and two that exclude each other, are errors: readers do not agree
 * on which of them counts.
 */
export class OtlpJson {
  /** Where the last {@linkcode OtlpJson.weigh} that failed did so. */
  offset = 0;
  /** Why it failed. */
  reason = "";
  /** The field that it failed in, as a path; empty for the request itself. */
  path = "";
  #bytes: Uint8Array = new Uint8Array(0);
  #weight = 0;

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
    this.#weight = 0;
    this.path = "";
    const stop = bytes[start] === OPEN_BRACE
      ? this.#skipMessage(message, start)
      : this.#fail(start, "not an object");
    this.#bytes = new Uint8Array(0);
    return stop < 0 ? -1 : this.#weight;
  }

  // These take the offset of the first byte of what they check, and return the one behind its last byte, or -1. They
  // need not look for the end of the bytes, nor for anything out of place, because all of it is valid JSON.

  #skipMessage({ names }: OtlpMessage, at: number): number {
    const bytes = this.#bytes;
    let seen = 0;
    let chosen = 0;
    at = this.#skipSpace(at + 1);
    while (bytes[at] !== CLOSE_BRACE) {
      if (bytes[at] === COMMA) at = this.#skipSpace(at + 1);
      const nameAt = at;
      at = this.#skipString(at);
      const field = this.#fieldNamed(names, nameAt, at);
      at = this.#skipSpace(at);
      at = this.#skipSpace(at + 1); // the colon
      if (field === undefined) {
        at = this.#skipValue(at);
      } else if (bytes[at] === LOWER_N) {
        at = this.#skipValue(at); // null stands for a field that is not there
      } else {
        const clash = (seen & field.bit) !== 0 || field.choice !== 0 && (chosen & 1 << field.choice) !== 0;
        if (clash) {
          return this.#failIn(field, nameAt, "there twice, or beside another field that excludes it");
        }
        seen |= field.bit;
        if (field.choice !== 0) chosen |= 1 << field.choice;
        at = field.repeated ? this.#skipList(field, at) : this.#skipField(field, at);
        if (at < 0) return this.#within(field);
      }
      at = this.#skipSpace(at);
    }
    return at + 1;
  }

  #skipList(field: OtlpField, at: number): number {
    const bytes = this.#bytes;
    if (bytes[at] !== OPEN_BRACKET) return this.#fail(at, "not an array");
    at = this.#skipSpace(at + 1);
    while (bytes[at] !== CLOSE_BRACKET) {
      if (bytes[at] === COMMA) at = this.#skipSpace(at + 1);
      at = this.#skipField(field, at);
      if (at < 0) return -1;
      if (field.counts) this.#weight++;
      at = this.#skipSpace(at);
    }
    return at + 1;
  }

  #skipField(field: OtlpField, at: number): number {
    const first = this.#bytes[at]!;
    switch (field.kind) {
      case "message":
        return first === OPEN_BRACE ? this.#skipMessage(field.message!, at) : this.#fail(at, "not an object");
      case "string":
        return first === QUOTE ? this.#skipString(at) : this.#fail(at, "not a string");
      case "bytes":
        return first === QUOTE ? this.#skipBytes(field, at) : this.#fail(at, "not a string");
      case "bool":
        return first === LOWER_T || first === LOWER_F
          ? this.#skipValue(at)
          : this.#fail(at, "not true or false");
      default:
        return this.#skipNumber(field, at);
    }
  }

  #skipBytes({ idDigits }: OtlpField, at: number): number {
    const stop = this.#skipString(at);
    if (idDigits > 0) {
      // Escapes stand for digits too, but nobody writes them like that.
      let digit = at + 1;
      while (HEX_DIGIT[this.#bytes[digit]!] === 1) digit++;
      const digits = digit === stop - 1 ? stop - at - 2 : -1;
      return digits === idDigits || digits === 0
        ? stop
        : this.#fail(at, `not ${idDigits} hexadecimal digits`);
    }
    const text = this.#text(at, stop);
    return BASE64.test(text) && text.replace(/=+$/, "").length % 4 !== 1
      ? stop
      : this.#fail(at, "not base64");
  }

  #skipNumber({ kind }: OtlpField, at: number): number {
    const quoted = this.#bytes[at] === QUOTE;
    const stop = this.#skipValue(at);
    if (kind === "enum" && quoted) return this.#fail(at, "not an integer: enums have no names in OTLP");
    if (this.#isShortInteger(quoted ? at + 1 : at, quoted ? stop - 1 : stop, SAFE_DIGITS[kind])) return stop;
    const text = this.#text(at, stop);
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
  #fieldNamed(names: OtlpNames, at: number, stop: number): OtlpField | undefined {
    const bytes = this.#bytes;
    const length = stop - at - 2;
    for (const field of names.inSlot(length, bytes[at + 1]!)) {
      const { nameBytes } = field;
      if (nameBytes.length !== length) continue;
      let same = 0;
      while (same < length && nameBytes[same] === bytes[at + 1 + same]) same++;
      if (same === length) return field;
    }
    return bytes.subarray(at, stop).includes(BACKSLASH) ? names.get(this.#text(at, stop)) : undefined;
  }

  #skipValue(at: number): number {
    const bytes = this.#bytes;
    const first = bytes[at];
    if (first === QUOTE) return this.#skipString(at);
    if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
      while (at < bytes.length && DELIMITER[bytes[at]!] === 0) at++;
      return at;
    }
    let depth = 0;
    for (;;) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        at = this.#skipString(at);
        continue;
      }
      at++;
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++;
      else if ((byte === CLOSE_BRACE || byte === CLOSE_BRACKET) && --depth === 0) return at;
    }
  }

  #skipString(at: number): number {
    const bytes = this.#bytes;
    for (at++;; at++) {
      if (PLAIN[bytes[at]!] === 1) continue;
      if (bytes[at] === QUOTE) return at + 1;
      at++; // an escape
    }
  }

  #skipSpace(at: number): number {
    const bytes = this.#bytes;
    while (at < bytes.length && bytes[at]! <= SPACE) at++;
    return at;
  }

  /** A string, number or literal as text, without quotes and escapes. */
  #text(at: number, stop: number): string {
    const bytes = this.#bytes;
    if (bytes[at] !== QUOTE) return decoder.decode(bytes.subarray(at, stop));
    return JSON.parse(decoder.decode(bytes.subarray(at, stop)));
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
