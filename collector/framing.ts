import type { Batch } from "./batch.ts";
import { LineScanner } from "./json_lines/line_scanner.ts";
import { describeUnexpected, JsonValidator } from "./json_validator.ts";
import {
  type FramingFailure,
  type FramingOptions,
  invalidRecord,
  locateUtf8Records,
  type RecordLocator,
  recordTooLarge,
  tooManyRecords,
} from "./record_locator.ts";
import { RecordSpans } from "./record_spans.ts";
import { locateLines, packLines } from "./text_framing.ts";

const TAB = 0x09, LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, SPACE = 0x20, COMMA = 0x2c;
const OPEN_BRACKET = 0x5b, CLOSE_BRACKET = 0x5d;

/** 1 for what a number or literal can consist of: two of these side by side belong to one token. */
const WORD = new Uint8Array(256);
for (const byte of new TextEncoder().encode("+-.0123456789")) WORD[byte] = 1;
WORD.fill(1, 0x41, 0x5b).fill(1, 0x61, 0x7b);

/** To copy what is shorter for the scanner takes as long as to validate it. */
const SCANNED_BYTES = 64;

export type { FramingOptions } from "./record_locator.ts";

/** A body as records, or what is wrong with the first thing in it that is not a record. */
export type Framing = { readonly ok: true; readonly batch: Batch } | FramingFailure;

// Shared by all bodies: framing is synchronous, and each call starts anew.
const validator = new JsonValidator();
const scanner = new LineScanner();
const spans = new RecordSpans();

/**
 * Makes a batch of a body with one JSON value per line (NDJSON, JSON Lines). Blank lines are skipped. White space
 * around a value goes, a carriage return before the line feed included; the value keeps its bytes. Only a value with
 * a carriage return between its tokens is squeezed, as by {@linkcode frameJson}: some readers end a line there.
 *
 * A body of values that are each followed by one line feed becomes `batch.data` itself, uncopied. So a stream can be
 * framed in windows: hand over what ends with a line feed, keep the rest for the next window.
 *
 * @param body The body. It becomes the batch's memory, and **so may the one byte behind it**: if the view ends before
 * its `ArrayBuffer` does, that byte is taken for the line feed that a last line may lack. A view whose neighbour is
 * in use must be copied by the caller. Without that byte a body that lacks its last line feed is copied.
 * @param options The limits.
 * @returns The batch, with no records if the body has none; or the failure.
 *
 * @example
 * ```ts
 * const framing = frameNdjson(new TextEncoder().encode('{"a":1}\n{"a":2}\n'), { record: 1_048_576 });
 * if (framing.ok) framing.batch.ends; // Uint32Array [8, 16]
 * ```
 */
export function frameNdjson(body: Uint8Array, options: FramingOptions): Framing {
  return frame(body, options, locateLineValues, sawNonAscii, packValues);
}

/**
 * Makes a batch of a body with JSON values one after the other, with or without white space between them. The
 * elements of an array are records; any other value is one. A value that spans lines is squeezed on one: the white
 * space between its tokens goes, strings and numbers keep every byte.
 *
 * @param body The body. It becomes the batch's memory, and so may the byte behind it: see {@linkcode frameNdjson}.
 * @param options The limits.
 * @returns The batch, with no records for an empty array; or the failure, of a body without any value too.
 */
export function frameJson(body: Uint8Array, options: FramingOptions): Framing {
  return frame(body, options, locateValues, sawNonAscii, packValues);
}

/**
 * The same as {@linkcode frameJson}, but for arrays: a value is a record, whatever it is.
 *
 * @param body The body. It becomes the batch's memory, and so may the byte behind it: see {@linkcode frameNdjson}.
 * @param options The limits.
 * @returns The batch; or the failure, of a body without any value too.
 */
export function frameValues(body: Uint8Array, options: FramingOptions): Framing {
  return frame(body, options, locateWholeValues, sawNonAscii, packValues);
}

/**
 * Makes a batch of a text: each line becomes `{"message":"..."}`. Lines end with LF or CRLF, the last one may lack it;
 * lines of spaces and tabs only are skipped. Quotes, backslashes and control characters are escaped, all other bytes
 * stay as they came.
 *
 * @param body The text, in UTF-8. It is only read.
 * @param options The limits.
 * @returns The batch, in memory of its own; or the failure.
 */
export function frameText(body: Uint8Array, options: FramingOptions): Framing {
  return frame(body, options, locateLines, () => true, packLines);
}

/**
 * Makes a batch of a binary body: the whole of it is one frame.
 *
 * @param body The frame. It becomes the batch's memory.
 * @param options The limits.
 * @returns The batch, with no records if the body is empty; or the failure.
 */
export function frameBinary(body: Uint8Array, options: FramingOptions): Framing {
  if (body.length > options.record) return recordTooLarge(1, 0, options.record);
  const ends = new Uint32Array(body.length === 0 ? 0 : 1);
  if (ends.length === 1) ends[0] = body.length;
  return { ok: true, batch: { format: "binary", data: body, ends } };
}

function frame(
  body: Uint8Array,
  limits: FramingOptions,
  locate: RecordLocator,
  mayHoldNonAscii: () => boolean,
  pack: (body: Uint8Array, spans: RecordSpans) => Batch,
): Framing {
  validator.lineBreaks = false;
  validator.nonAscii = false;
  scanner.lineBreaks = false;
  scanner.nonAscii = false;
  const framing = locateUtf8Records(locate, body, limits, spans, mayHoldNonAscii) ??
    { ok: true, batch: pack(body, spans) };
  spans.clear(); // not only by the next body: it may be long in coming
  return framing;
}

function sawNonAscii(): boolean {
  return validator.nonAscii || scanner.nonAscii;
}

function packValues(body: Uint8Array): Batch {
  return spans.pack(body, validator.lineBreaks || scanner.lineBreaks);
}

/** One value per line. */
function locateLineValues(body: Uint8Array, limits: FramingOptions): FramingFailure | undefined {
  let at = 0;
  for (;;) {
    // The validator takes over for the one line that stopped the scanner, and says what is wrong with it.
    if (body.length - at >= SCANNED_BYTES) at = scanner.scan(body, at, limits, spans);
    at = skipBlank(body, at);
    if (at === body.length) return undefined;
    const stop = addValue(body, at, limits, true);
    if (typeof stop !== "number") return stop;
    for (at = stop; at < body.length && body[at] !== LINE_FEED; at++) {
      if (!isBlank(body[at]!)) return unexpected(body, at, "a line feed");
    }
  }
}

/** Values one after the other; of arrays, the elements. */
function locateValues(body: Uint8Array, limits: FramingOptions): FramingFailure | undefined {
  return locateEach(body, limits, true);
}

/** Values one after the other. */
function locateWholeValues(body: Uint8Array, limits: FramingOptions): FramingFailure | undefined {
  return locateEach(body, limits, false);
}

function locateEach(body: Uint8Array, limits: FramingOptions, elements: boolean): FramingFailure | undefined {
  let at = skipBlank(body, 0);
  if (at === body.length) return invalidRecord(1, at, "no JSON value");
  while (at < body.length) {
    const isArray = elements && body[at] === OPEN_BRACKET;
    const stop = isArray ? addElements(body, at + 1, limits) : addValue(body, at, limits, false);
    if (typeof stop !== "number") return stop;
    // Or else `01` would be two values, and `truefalse`.
    if (stop < body.length && WORD[body[stop - 1]!] === 1 && WORD[body[stop]!] === 1) {
      return unexpected(body, stop, "white space");
    }
    at = skipBlank(body, stop);
  }
  return undefined;
}

/** Adds the elements of the array that was opened before `at`; returns the offset behind its closing bracket. */
function addElements(body: Uint8Array, at: number, limits: FramingOptions): number | FramingFailure {
  at = skipBlank(body, at);
  if (at < body.length && body[at] === CLOSE_BRACKET) return at + 1;
  for (;;) {
    const stop = addValue(body, at, limits, false);
    if (typeof stop !== "number") return stop;
    at = skipBlank(body, stop);
    const next = at < body.length ? body[at] : undefined;
    if (next === CLOSE_BRACKET) return at + 1;
    if (next !== COMMA) return unexpected(body, at, "',' or ']'");
    at = skipBlank(body, at + 1);
  }
}

/** Adds the value that starts at `start`; returns the offset behind it. */
function addValue(
  body: Uint8Array,
  start: number,
  limits: FramingOptions,
  oneLine: boolean,
): number | FramingFailure {
  const { record: limit, records = Infinity } = limits;
  if (spans.count >= records) return tooManyRecords(spans.count + 1, start, records);
  // Nothing behind the limit is looked at: however long a record is, being too large costs no more than the limit.
  const stop = validator.validate(body, start, Math.min(body.length, start + limit + 1), oneLine);
  if (stop >= 0 && stop - start <= limit) {
    spans.add(start, stop);
    return stop;
  }
  if (stop >= 0 || validator.offset - start > limit) return recordTooLarge(spans.count + 1, start, limit);
  return invalidRecord(spans.count + 1, validator.offset, validator.reason);
}

/** The failure of what stands behind the record added last. */
function unexpected(body: Uint8Array, at: number, expected: string): FramingFailure {
  return invalidRecord(spans.count, at, describeUnexpected(body, at, body.length, expected));
}

function skipBlank(body: Uint8Array, at: number): number {
  while (at < body.length && isBlank(body[at]!)) at++;
  return at;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === TAB;
}
