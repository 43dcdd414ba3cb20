import type { Batch } from "./batch.ts";
import {
  type FramingFailure,
  type FramingOptions,
  recordTooLarge,
  tooManyRecords,
} from "./record_locator.ts";
import type { RecordSpans } from "./record_spans.ts";

const LINE_FEED = 0x0a, CARRIAGE_RETURN = 0x0d, SPACE = 0x20, TAB = 0x09, QUOTE = 0x22, BACKSLASH = 0x5c;

const PREFIX = new TextEncoder().encode('{"message":"');
const SUFFIX = new TextEncoder().encode('"}\n');
/** Bytes that a record is longer than its escaped line, without the line feed. */
const WRAPPING = PREFIX.length + SUFFIX.length - 1;

/** The JSON escapes of those bytes that cannot stand for themselves in a string. */
const ESCAPES = escapes();
/** By how many bytes the escape of a byte is longer than the byte. */
const EXTRA = Uint8Array.from(ESCAPES, (escape) => escape === undefined ? 0 : escape.length - 1);

function escapes(): (Uint8Array | undefined)[] {
  const table = new Array<Uint8Array | undefined>(256).fill(undefined);
  const encoder = new TextEncoder();
  for (const byte of [...Array(SPACE).keys(), QUOTE, BACKSLASH]) {
    // JSON.stringify picks the short escape where there is one.
    table[byte] = encoder.encode(JSON.stringify(String.fromCharCode(byte)).slice(1, -1));
  }
  return table;
}

/**
 * Finds the lines of a text that are not blank: those with more than spaces and tabs. Lines end with LF or CRLF.
 * The limit is that of the record a line becomes, not of the line.
 *
 * @param body The text.
 * @param limits Most bytes of one record, and most records.
 * @param spans Where to add the lines, without what ends them.
 * @returns What is wrong with the first line that is too long, if any is.
 */
export function locateLines(
  body: Uint8Array,
  { record: limit, records = Infinity }: FramingOptions,
  spans: RecordSpans,
): FramingFailure | undefined {
  let next = 0;
  for (let start = 0; start < body.length; start = next) {
    const lineFeed = body.indexOf(LINE_FEED, start);
    next = lineFeed === -1 ? body.length : lineFeed + 1;
    let stop = lineFeed === -1 ? body.length : lineFeed;
    if (lineFeed > start && body[stop - 1] === CARRIAGE_RETURN) stop--;
    if (isBlank(body, start, stop)) continue;
    if (spans.count >= records) return tooManyRecords(spans.count + 1, start, records);
    if (recordLength(body, start, stop) > limit) return recordTooLarge(spans.count + 1, start, limit);
    spans.add(start, stop);
  }
  return undefined;
}

/**
 * Makes each line a record `{"message":"..."}`.
 *
 * @param body The text, which is only read.
 * @param lines Its lines, as {@linkcode locateLines} found them.
 * @returns The batch, in memory of its own.
 */
export function packLines(body: Uint8Array, lines: RecordSpans): Batch {
  const ends = new Uint32Array(lines.count);
  let bytes = 0;
  for (let i = 0; i < ends.length; i++) {
    bytes += recordLength(body, lines.start(i), lines.stop(i)) + 1;
    ends[i] = bytes;
  }
  const data = new Uint8Array(bytes);
  let at = 0;
  for (let i = 0; i < ends.length; i++) {
    const start = lines.start(i);
    const stop = lines.stop(i);
    data.set(PREFIX, at);
    at += PREFIX.length;
    const suffix = ends[i]! - SUFFIX.length;
    if (suffix - at === stop - start) data.set(body.subarray(start, stop), at); // nothing to escape
    else escapeInto(data, at, body, start, stop);
    data.set(SUFFIX, suffix);
    at = ends[i]!;
  }
  return { format: "json", data, ends };
}

function isBlank(body: Uint8Array, start: number, stop: number): boolean {
  let at = start;
  while (at < stop && (body[at] === SPACE || body[at] === TAB)) at++;
  return at === stop;
}

/** The length of the record that a line becomes, without its line feed. */
function recordLength(body: Uint8Array, start: number, stop: number): number {
  let bytes = WRAPPING + stop - start;
  for (let at = start; at < stop; at++) bytes += EXTRA[body[at]!]!;
  return bytes;
}

function escapeInto(target: Uint8Array, to: number, body: Uint8Array, start: number, stop: number): void {
  for (let at = start; at < stop; at++) {
    const byte = body[at]!;
    if (EXTRA[byte] === 0) {
      target[to++] = byte;
    } else {
      for (const escaped of ESCAPES[byte]!) target[to++] = escaped;
    }
  }
}
