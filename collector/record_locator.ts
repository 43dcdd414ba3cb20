import { isUtf8 } from "node:buffer";
import type { RecordSpans } from "./record_spans.ts";
import { indexOfInvalidUtf8 } from "./utf8.ts";

/** Limits of the framing functions. */
export interface FramingOptions {
  /**
   * Most bytes of one record as it was sent, without its line feed. With lines of text: of the record that a line
   * becomes.
   */
  readonly record: number;
  /** Most records; a body that has more is not looked at any further. @default no limit */
  readonly records?: number;
}

/** Why a body is not records, and where. */
export interface FramingFailure {
  readonly ok: false;
  readonly code: "invalid_record" | "too_large";
  /** Which record, from 1. */
  readonly record: number;
  /** Offset in the body as it was sent: of the offending byte, or of a record that is too large. */
  readonly offset: number;
  /** What is wrong, in words. */
  readonly reason: string;
  /** Of a record with a schema: path of the field that is not what it should be, where it is one. */
  readonly field?: string;
  /** With `too_large`: the limit in bytes. */
  readonly limit?: number;
  /** With `too_large`: whether there are too many records, and not one that is too large. */
  readonly tooMany?: true;
  /** Whether the body is not UTF-8, wherever it is not. */
  readonly notUtf8?: true;
}

/**
 * Finds the records of a body.
 *
 * @param body The body, which is only read.
 * @param limits Most bytes of one record, and most records.
 * @param spans Where to add them.
 * @returns What is wrong with the first record that is not one, if any.
 */
export type RecordLocator = (
  body: Uint8Array,
  limits: FramingOptions,
  spans: RecordSpans,
) => FramingFailure | undefined;

/**
 * Finds the records of a body that must be UTF-8. Where several things are wrong, the failure is the first of them.
 *
 * @param locator Finds records in UTF-8.
 * @param body The body, which is only read.
 * @param limits Most bytes of one record, and most records.
 * @param spans Where to add the records; cleared before.
 * @param mayHoldNonAscii Asked after the locator found nothing wrong: whether there may be a byte that is no ASCII.
 * @returns What is wrong, if anything.
 */
export function locateUtf8Records(
  locator: RecordLocator,
  body: Uint8Array,
  limits: FramingOptions,
  spans: RecordSpans,
  mayHoldNonAscii: () => boolean,
): FramingFailure | undefined {
  spans.clear();
  const found = locator(body, limits, spans);
  if (found === undefined && !mayHoldNonAscii() || isUtf8(body)) return found;
  const offset = indexOfInvalidUtf8(body);
  spans.clear();
  // The last byte of this prefix is no ASCII character: it belongs to a record, and ends up in the number of that.
  const failure = locator(body.subarray(0, offset + 1), limits, spans);
  if (failure !== undefined && (failure.code === "too_large" || failure.offset < offset)) {
    return { ...failure, notUtf8: true };
  }
  const byte = `0x${body[offset]!.toString(16).toUpperCase()}`;
  const reason = `byte ${byte} does not begin a UTF-8 sequence`;
  return { ...invalidRecord(failure?.record ?? spans.count, offset, reason), notUtf8: true };
}

/** The failure of a record that is not JSON or not UTF-8; see {@linkcode FramingFailure} for the parameters. */
export function invalidRecord(record: number, offset: number, reason: string): FramingFailure {
  return { ok: false, code: "invalid_record", record, offset, reason };
}

/** The failure of a record over the limit; see {@linkcode FramingFailure} for the parameters. */
export function recordTooLarge(record: number, offset: number, limit: number): FramingFailure {
  const reason = `record is longer than ${limit} bytes`;
  return { ok: false, code: "too_large", record, offset, reason, limit };
}

/** The failure of a body with more records than it may have; see {@linkcode FramingFailure} for the parameters. */
export function tooManyRecords(record: number, offset: number, most: number): FramingFailure {
  return { ok: false, code: "too_large", record, offset, reason: `more than ${most} records`, tooMany: true };
}
