// @ts-types="../../types/deno_std_assert.d.ts"
import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  FrameSplitter,
  LineSplitter,
  type RecordSplitter,
} from "../../../collector/inspect/record_splitter.ts";

/** What a splitter makes of bytes that come in pieces. */
function split(splitter: RecordSplitter, bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const records: Uint8Array[] = [];
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  let at = 0;
  for (const end of ends) {
    for (const record of splitter.push(bytes.slice(at, end))) records.push(record.slice());
    at = end;
  }
  return records;
}

function framed(frames: readonly Uint8Array[]): Uint8Array {
  const bytes: number[] = [];
  for (const frame of frames) {
    bytes.push(
      frame.length >>> 24,
      frame.length >>> 16 & 255,
      frame.length >>> 8 & 255,
      frame.length & 255,
      ...frame,
    );
  }
  return Uint8Array.from(bytes);
}

const cuts = fc.array(fc.nat(), { maxLength: 8 });

Deno.test("LineSplitter.push() yields each line whole, however it comes, and counts what is behind the last", () => {
  const line = fc.uint8Array({ maxLength: 20 }).map((bytes) => bytes.map((byte) => byte === 10 ? 11 : byte));
  fc.assert(fc.property(fc.array(line), line, cuts, (lines, rest, cuts) => {
    const whole = lines.map((line) => Uint8Array.of(...line, 10));
    const bytes = Uint8Array.from([...whole, rest].flatMap((part) => [...part]));
    const splitter = new LineSplitter(1_000);
    assertEquals(split(splitter, bytes, cuts), whole);
    assertEquals(splitter.rest, rest.length);
  }));
});

Deno.test("FrameSplitter.push() yields each frame whole, however it comes, and counts what is behind the last", () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), fc.nat(), cuts, (frames, cut, cuts) => {
    const all = framed(frames);
    const bytes = all.subarray(0, cut % (all.length + 1));
    let whole = 0;
    let end = 0;
    while (whole < frames.length && end + 4 + frames[whole]!.length <= bytes.length) {
      end += 4 + frames[whole++]!.length;
    }
    for (const most of [undefined, 20]) {
      const splitter = new FrameSplitter(most);
      const kept = frames.slice(0, whole).map((frame) => most === undefined ? new Uint8Array(0) : frame);
      assertEquals(split(splitter, bytes, cuts), kept);
      assertEquals(splitter.rest, bytes.length - end);
    }
  }));
});

Deno.test("LineSplitter and FrameSplitter refuse a record that is too large before they hold it", () => {
  const lines = new LineSplitter(10);
  assertEquals([...lines.push(new Uint8Array(10))], []);
  assertThrows(() => [...lines.push(new Uint8Array(1))], RangeError, "more than 10 bytes");
  const frames = new FrameSplitter(10);
  assertThrows(() => [...frames.push(framed([new Uint8Array(11)]))], RangeError, "more than 10 bytes");
  assertEquals([...new FrameSplitter().push(framed([new Uint8Array(11)]))].length, 1);
});
