import { isUtf8 } from "node:buffer";
import {
  DELIMITED,
  END_GROUP,
  FIXED32,
  FIXED64,
  MAX_MESSAGE_DEPTH,
  type OtlpField,
  type OtlpMessage,
  START_GROUP,
  VARINT,
} from "./otlp_schema.ts";

/** A number of 64 bits takes at most so many bytes, and the last of them has one bit of it. */
const LONGEST_VARINT = 10;

/**
 * Weighs OTLP requests in Protobuf's wire format: says how many log records, data points or spans they carry, without
 * building objects. What it lets pass, any decoder does: it checks lengths, those of ids too, wire types of known fields,
 * UTF-8 of strings, nesting, and the whole form of what it does not know. It is stricter than most in one thing: a known
 * field of a wrong wire type is an error, and not an unknown field, as it would be lost without a word.
 *
 * One is meant to be used again and again; it allocates nothing unless there is an error to describe.
 */
export class OtlpWire {
  /** Where the last {@linkcode OtlpWire.weigh} that failed did so. */
  offset = 0;
  /** Why it failed. */
  reason = "";
  /** The field that it failed in, as a path of names in JSON; empty for the request itself. */
  path = "";
  #bytes: Uint8Array = new Uint8Array(0);
  /** The number that `#readVarint` read. */
  #value = 0;

  /**
   * Weighs a request.
   *
   * @param bytes The request.
   * @param message What it shall be.
   * @returns Its weight, or -1: see `offset`, `reason` and `path`.
   */
  weigh(bytes: Uint8Array, message: OtlpMessage): number {
    this.#bytes = bytes;
    this.path = "";
    const weight = this.#weighMessage(message, 0, bytes.length, 1);
    this.#bytes = new Uint8Array(0);
    return weight;
  }

  #weighMessage(message: OtlpMessage, at: number, end: number, depth: number): number {
    if (depth > MAX_MESSAGE_DEPTH) return this.#fail(at, `nested deeper than ${MAX_MESSAGE_DEPTH}`);
    const bytes = this.#bytes;
    const { byNumber } = message;
    let weight = 0;
    // Of fields that exclude each other the last one counts, and what the others held is forgotten.
    let chosen: OtlpField | undefined;
    let chosenWeight = 0;
    while (at < end) {
      const start = at;
      let tag = bytes[at]!;
      if (tag < 0x80) at++;
      else {
        at = this.#readVarint(at, end);
        if (at < 0) return -1;
        tag = this.#value;
      }
      const number = tag >>> 3;
      const wireType = tag & 7;
      const field = number < byNumber.length ? byNumber[number] : undefined;
      if (field === undefined) {
        at = this.#skipUnknown(at, end, number, wireType, depth, start);
        if (at < 0) return -1;
        continue;
      }
      if (wireType !== DELIMITED) {
        if (wireType !== field.wireType) return this.#failIn(field, start, `wire type ${wireType} is wrong`);
        at = this.#skipScalar(at, end, wireType);
        if (at < 0) return this.#within(field);
        continue;
      }
      at = this.#readVarint(at, end);
      if (at < 0) return this.#within(field);
      const stop = at + this.#value;
      if (stop > end) return this.#failIn(field, start, `${this.#value} bytes are more than there are`);
      if (field.message !== undefined) {
        const inner = this.#weighMessage(field.message, at, stop, depth + 1);
        if (inner < 0) return this.#within(field);
        if (field.counts) weight++;
        else if (field.choice === 0) weight += inner;
        else {
          chosenWeight = chosen === field ? chosenWeight + inner : inner;
          chosen = field;
        }
      } else if (field.kind === "string") {
        if (!this.#isText(at, stop)) return this.#failIn(field, at, "not UTF-8");
      } else if (field.packable) {
        if (!this.#checkPacked(at, stop, field.wireType)) return this.#within(field);
      } else if (field.kind !== "bytes") {
        return this.#failIn(field, start, `wire type ${wireType} is wrong`);
      } else if (field.idDigits > 0 && stop > at && (stop - at) * 2 !== field.idDigits) {
        return this.#failIn(field, at, `${stop - at} bytes, must be ${field.idDigits / 2}, or none`);
      }
      at = stop;
    }
    return weight + chosenWeight;
  }

  #isText(at: number, stop: number): boolean {
    const bytes = this.#bytes;
    let ascii = at;
    while (ascii < stop && bytes[ascii]! < 0x80) ascii++;
    return ascii === stop || isUtf8(bytes.subarray(ascii, stop));
  }

  #checkPacked(at: number, stop: number, wireType: number): boolean {
    if (wireType === VARINT) {
      while (at < stop) {
        at = this.#skipVarint(at, stop);
        if (at < 0) return false;
      }
      return true;
    }
    const size = wireType === FIXED64 ? 8 : 4;
    if ((stop - at) % size === 0) return true;
    this.#fail(at, `${stop - at} bytes are not whole numbers of ${size} bytes`);
    return false;
  }

  /** Returns the offset behind a value of a scalar wire type, or -1. */
  #skipScalar(at: number, end: number, wireType: number): number {
    if (wireType === VARINT) return this.#skipVarint(at, end);
    const stop = at + (wireType === FIXED64 ? 8 : 4);
    return stop <= end ? stop : this.#fail(at, "breaks off");
  }

  /** Returns the offset behind a field that is not known, or -1. */
  #skipUnknown(
    at: number,
    end: number,
    number: number,
    wireType: number,
    depth: number,
    start: number,
  ): number {
    if (number === 0) return this.#fail(start, "field number 0");
    switch (wireType) {
      case VARINT:
      case FIXED64:
      case FIXED32:
        return this.#skipScalar(at, end, wireType);
      case DELIMITED: {
        at = this.#readVarint(at, end);
        if (at < 0) return -1;
        const stop = at + this.#value;
        return stop <= end ? stop : this.#fail(start, `${this.#value} bytes are more than there are`);
      }
      case START_GROUP:
        return this.#skipGroup(at, end, number, depth + 1);
      case END_GROUP:
        return this.#fail(start, "the end of a group that was not begun");
      default:
        return this.#fail(start, `wire type ${wireType} does not exist`);
    }
  }

  #skipGroup(at: number, end: number, group: number, depth: number): number {
    if (depth > MAX_MESSAGE_DEPTH) return this.#fail(at, `nested deeper than ${MAX_MESSAGE_DEPTH}`);
    while (at < end) {
      const start = at;
      at = this.#readVarint(at, end);
      if (at < 0) return -1;
      const number = this.#value >>> 3;
      const wireType = this.#value & 7;
      if (wireType === END_GROUP) {
        return number === group ? at : this.#fail(start, "the end of another group");
      }
      at = this.#skipUnknown(at, end, number, wireType, depth, start);
      if (at < 0) return -1;
    }
    return this.#fail(at, "a group without an end");
  }

  /** Reads a number of 32 bits, a tag or a length; returns the offset behind it, or -1. */
  #readVarint(at: number, end: number): number {
    const bytes = this.#bytes;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      if (at >= end) return this.#fail(at, "breaks off");
      const byte = bytes[at++]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#value = value >>> 0;
        return at;
      }
    }
    return this.#fail(at - 1, "a tag or length of more than 32 bits");
  }

  /** Returns the offset behind a number of up to 64 bits, or -1. */
  #skipVarint(at: number, end: number): number {
    const bytes = this.#bytes;
    const last = at + LONGEST_VARINT - 1;
    while (at < end && bytes[at]! >= 0x80) {
      if (at++ === last) return this.#fail(last, "a number of more than 64 bits");
    }
    if (at >= end) return this.#fail(at, "breaks off");
    return at === last && bytes[at]! > 1 ? this.#fail(at, "a number of more than 64 bits") : at + 1;
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
