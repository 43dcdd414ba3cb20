import type { FramingOptions } from "../record_locator.ts";
import type { RecordSpans } from "../record_spans.ts";
import { FOUND, memory, MOST_RECORDS, scan, STARTS, STOPS, WINDOW, WINDOW_BYTES } from "./scanner.wasm";

const LINE_FEED = 0x0a;

// The memory never grows, so these views on it stay good.
const window = new Uint8Array(memory.buffer, WINDOW, WINDOW_BYTES + 1);
const found = new Uint32Array(memory.buffer, FOUND, 3);
const starts = new Uint32Array(memory.buffer, STARTS, MOST_RECORDS);
const stops = new Uint32Array(memory.buffer, STOPS, MOST_RECORDS);

/**
 * Finds the records of NDJSON as long as nothing is wrong with them, mostly more than twice as fast as `JsonValidator`
 * (where there are many escapes, 1.4 times): in WebAssembly, many bytes at a time. See `scanner.as.ts`; a body is copied
 * into its memory window by window.
 *
 * All scanners share that memory, which is why a scan is synchronous and looks at nothing that one before has left there.
 */
export class LineScanner {
  /**
   * Whether a carriage return was seen between the tokens of a value. Set, never reset, by
   * {@linkcode LineScanner.scan}, so that a caller can ask once for many.
   */
  lineBreaks = false;
  /** Whether a byte that is no ASCII was seen. Set, never reset. */
  nonAscii = false;

  /**
   * Adds the records of all lines from `at` on, up to the first one that is not right or is too long to tell.
   *
   * @param body The body, which is only read.
   * @param at Offset of the first line.
   * @param limits Most bytes of one record, and most records.
   * @param spans Where to add the records.
   * @returns The offset of the first line whose record was not added, or behind blank lines before it; the length of
   * the body if there is none.
   */
  scan(body: Uint8Array, at: number, limits: FramingOptions, spans: RecordSpans): number {
    const { record, records = Infinity } = limits;
    const limit = Math.min(record, WINDOW_BYTES);
    for (;;) {
      const bytes = Math.min(body.length - at, WINDOW_BYTES);
      const isRest = at + bytes === body.length;
      if (!isRest) {
        // A line that does not end in the window would be read for nothing. Nor may one of blanks that never ends be
        // taken window by window, as each of them would look for its end again.
        const lineFeed = body.indexOf(LINE_FEED, at);
        if (lineFeed < 0 || lineFeed - at >= WINDOW_BYTES) return at;
      }
      window.set(bytes === body.length ? body : body.subarray(at, at + bytes));
      // The last line may lack it.
      if (isRest) window[bytes] = LINE_FEED;
      const most = Math.min(records - spans.count, MOST_RECORDS);
      const scanned = scan(isRest ? bytes + 1 : bytes, at, limit, most);
      if (found[1] !== 0) this.nonAscii = true;
      if (found[2] !== 0) this.lineBreaks = true;
      if (scanned === 0) return at;
      for (let i = 0; i < found[0]!; i++) spans.add(starts[i]!, stops[i]!);
      at += scanned;
      if (at >= body.length) return body.length;
    }
  }
}
