import { isUtf8 } from "node:buffer";
import type { RecordFormat } from "../collector/batch.ts";
import { JsonValidator } from "../collector/json_validator.ts";
import { FRAME_PREFIX_BYTES } from "./file_encoding.ts";
import type { FileHandle } from "./file_system.ts";

/** How much of a file is looked at at once. */
const WINDOW_BYTES = 64 * 1024;

const LINE_FEED = 0x0a;

/**
 * Finds where the last whole record of a file ends.
 *
 * Of JSON only the end is read: the last line that has a line feed, and is JSON. What a crash of the machine leaves
 * behind may be a line of zeros, and what is before a whole line is taken for whole. Of the other formats the lengths
 * are walked from the beginning, and the records skipped.
 *
 * @param handle The file.
 * @param format What it holds.
 * @param end How many of its bytes to look at.
 * @returns The offset behind the record; 0 if there is none.
 */
export async function lastRecordEnd(handle: FileHandle, format: RecordFormat, end: number): Promise<number> {
  return format === "json" ? await lastLineEnd(handle, end) : await lastFrameEnd(handle, end);
}

async function lastLineEnd(handle: FileHandle, end: number): Promise<number> {
  for (;;) {
    const lineEnd = await lineStart(handle, end);
    if (lineEnd === 0) return 0;
    const start = await lineStart(handle, lineEnd - 1);
    if (isRecord(await readRange(handle, start, lineEnd))) return lineEnd;
    end = start;
  }
}

/** The offset behind the last line feed before an offset; 0 if there is none. */
async function lineStart(handle: FileHandle, before: number): Promise<number> {
  for (let to = before; to > 0;) {
    const from = Math.max(0, to - WINDOW_BYTES);
    const at = (await readRange(handle, from, to)).lastIndexOf(LINE_FEED);
    if (at !== -1) return from + at + 1;
    to = from;
  }
  return 0;
}

function isRecord(line: Uint8Array): boolean {
  const isBlank = (byte: number) => byte === 0x20 || byte === 0x09 || byte === 0x0d || byte === LINE_FEED;
  const start = line.findIndex((byte) => !isBlank(byte));
  const end = line.findLastIndex((byte) => !isBlank(byte)) + 1;
  if (start === -1) return false;
  const validator = new JsonValidator();
  return validator.validate(line, start, end) === end && (!validator.nonAscii || isUtf8(line));
}

async function lastFrameEnd(handle: FileHandle, end: number): Promise<number> {
  let window = new Uint8Array(0);
  let windowStart = 0;
  for (let at = 0;;) {
    if (at + FRAME_PREFIX_BYTES > end) return at;
    if (at + FRAME_PREFIX_BYTES > windowStart + window.length) {
      windowStart = at;
      window = await readRange(handle, at, Math.min(end, at + WINDOW_BYTES));
    }
    const length = new DataView(window.buffer).getUint32(at - windowStart);
    if (at + FRAME_PREFIX_BYTES + length > end) return at;
    at += FRAME_PREFIX_BYTES + length;
  }
}

async function readRange(handle: FileHandle, from: number, to: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(to - from);
  await handle.seek(from, Deno.SeekMode.Start);
  for (let filled = 0; filled < bytes.length;) {
    const count = await handle.read(bytes.subarray(filled));
    if (count === null) throw new Deno.errors.UnexpectedEof(`It ended at byte ${from + filled}`);
    filled += count;
  }
  return bytes;
}
