// @ts-types="../../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { frameNdjson, type Framing, type FramingOptions } from "../../../collector/framing.ts";
import { LineScanner } from "../../../collector/json_lines/line_scanner.ts";
import { RecordSpans } from "../../../collector/record_spans.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const { scan } = LineScanner.prototype;

/** Bodies that have been framed both ways, and how many of those were records. */
export const framed = { bodies: 0, good: 0 };

/**
 * Frames a body with the scanner and with nothing but the validator, and asserts that there is no difference: the same
 * bytes, ends and memory, or the same failure. And that the scanner left nothing to the validator where it need not.
 *
 * @param body The body, which stays as it is.
 * @param options The limits. @default records of up to 1 MiB
 * @returns What both made of it.
 */
export function frameTwice(
  body: Uint8Array | string,
  options: FramingOptions = { record: 1_048_576 },
): Framing {
  const bytes = typeof body === "string" ? encoder.encode(body) : body;
  const byScanner = frameCopy(bytes, options);
  // A scanner that stops at once leaves all to the validator.
  LineScanner.prototype.scan = (_body, at) => at;
  const byValidator = frameCopy(bytes, options);
  LineScanner.prototype.scan = scan;

  framed.bodies++;
  if (!sameFraming(byScanner.framing, byValidator.framing)) {
    assertEquals(byScanner.framing, byValidator.framing, describe(bytes));
    throw new Error(`Framed otherwise: ${describe(bytes)}`);
  }
  assertEquals(byScanner.inPlace, byValidator.inPlace, describe(bytes));
  // Alone, as short bodies are not given to a scanner.
  const stop = scanned(bytes, options);
  if (byScanner.framing.ok) {
    framed.good++;
    if (longestLine(bytes) < 60_000) assertEquals(stop, bytes.length, describe(bytes));
  } else if (!byScanner.framing.notUtf8) {
    assertLessOrEqual(stop, byScanner.framing.offset, describe(bytes));
  }
  return byScanner.framing;
}

/** Frames a copy; the byte behind that may be written, but not the next one. */
function frameCopy(body: Uint8Array, options: FramingOptions): { framing: Framing; inPlace: boolean } {
  const memory = new Uint8Array(body.length + 3).fill(0x3f);
  memory.set(body, 1);
  const framing = frameNdjson(memory.subarray(1, 1 + body.length), options);
  assertEquals([memory[0], memory[body.length + 2]], [0x3f, 0x3f], "Touched what is not the body's");
  return { framing, inPlace: framing.ok && framing.batch.data.buffer === memory.buffer };
}

/** How far a scanner alone gets. */
function scanned(body: Uint8Array, options: FramingOptions): number {
  const spans = new RecordSpans();
  const scanner = new LineScanner();
  const stop = scanner.scan(body, 0, options, spans);
  if (stop === body.length) assertEquals(scanner.nonAscii, body.some((byte) => byte >= 0x80));
  return stop;
}

function sameFraming(one: Framing, other: Framing): boolean {
  if (!one.ok || !other.ok) return JSON.stringify(one) === JSON.stringify(other);
  const a = one.batch, b = other.batch;
  return a.format === b.format && sameNumbers(a.data, b.data) && sameNumbers(a.ends, b.ends);
}

function sameNumbers(one: Uint8Array | Uint32Array, other: Uint8Array | Uint32Array): boolean {
  return one.length === other.length && one.every((number, index) => number === other[index]);
}

function longestLine(body: Uint8Array): number {
  let longest = 0;
  for (let at = 0; at < body.length;) {
    const stop = body.indexOf(0x0a, at);
    const end = stop < 0 ? body.length : stop + 1;
    longest = Math.max(longest, end - at);
    at = end;
  }
  return longest;
}

function describe(body: Uint8Array): string {
  return `${body.length} bytes, the last of them ${JSON.stringify(decoder.decode(body.subarray(-2000)))}`;
}

/**
 * A body in whose window of the scanner a text comes to lie just so.
 *
 * @param before Bytes of good lines before the text: 0, or 2 or more.
 * @param text The text, a line or what might be one.
 * @param behind What follows the text.
 * @returns The body.
 */
export function bodyAt(before: number, text: Uint8Array | string, behind = "\n"): Uint8Array {
  assert(before !== 1);
  const bytes = typeof text === "string" ? encoder.encode(text) : text;
  const body = new Uint8Array(before + bytes.length + behind.length);
  let at = 0;
  while (at < before) {
    let length = Math.min(200, before - at);
    if (before - at - length === 1) length--;
    body.set(encoder.encode(lineOf(length)), at);
    at += length;
  }
  body.set(bytes, at);
  body.set(encoder.encode(behind), at + bytes.length);
  return body;
}

/** A good line of that many bytes, its line feed included. */
function lineOf(bytes: number): string {
  const member = '{"name":"value","text":""}';
  if (bytes > member.length + 1) {
    return `${member.slice(0, -2)}${"x".repeat(bytes - member.length - 1)}"}\n`;
  }
  return `${"1".repeat(bytes - 1)}\n`;
}
