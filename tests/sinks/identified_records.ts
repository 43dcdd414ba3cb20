import type { RecordFormat } from "../../collector/batch.ts";

/** The formats of records that sinks write. */
export const FORMATS = ["json", "binary"] as const satisfies readonly RecordFormat[];
/** How the names of files of a format end. */
export const EXTENSION = { json: ".ndjson", binary: ".frames" };

/** The format of a record. */
export type Format = typeof FORMATS[number];

/**
 * Makes a record that says which it is.
 *
 * @param format Its format.
 * @param id Which it is.
 * @param size How much is in it besides, in bytes.
 * @returns Its bytes, of JSON with the line feed.
 */
export function identifiedRecord(format: Format, id: number, size: number): Uint8Array {
  if (format === "json") return new TextEncoder().encode(`{"id":${id},"pad":"${"x".repeat(size)}"}\n`);
  const frame = new Uint8Array(4 + size).fill(0xff);
  new DataView(frame.buffer).setUint32(0, id);
  return frame;
}

/** What is in a file of identified records. */
export interface Parsed {
  /** Which records, in order, and where each ends. */
  readonly records: { readonly id: number; readonly end: number }[];
  /** Bytes behind the last whole record. */
  readonly rest: number;
}

/**
 * Reads whole records.
 *
 * @param format Their format.
 * @param bytes What is in the file.
 * @returns The records, and how much is behind them.
 * @throws {SyntaxError} If a line is not JSON.
 */
export function parseIdentified(format: Format, bytes: Uint8Array): Parsed {
  const records: { id: number; end: number }[] = [];
  let at = 0;
  if (format === "json") {
    for (let end; (end = bytes.indexOf(10, at) + 1) > 0; at = end) {
      records.push({ id: JSON.parse(new TextDecoder().decode(bytes.subarray(at, end))).id, end });
    }
  } else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let end; at + 8 <= bytes.length && (end = at + 4 + view.getUint32(at)) <= bytes.length; at = end) {
      records.push({ id: view.getUint32(at + 4), end });
    }
  }
  return { records, rest: bytes.length - at };
}
