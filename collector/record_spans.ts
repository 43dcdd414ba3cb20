import type { Batch } from "./batch.ts";
import { spansLines, squeezeJson } from "./json_squeeze.ts";

const LINE_FEED = 0x0a;

/** Entries kept between bodies: 64 Ki, 512 KiB of scratch. A body with more records than this grows it for once. */
const KEPT_ENTRIES = 65_536;

/**
 * Where the records of one body start and stop: the scratch space between finding records and packing them into a
 * {@linkcode Batch}. One object serves any number of bodies, one after the other.
 */
export class RecordSpans {
  #starts = new Uint32Array(1024);
  #stops = new Uint32Array(1024);
  #count = 0;
  /** Bytes of all records so far, with a line feed each. */
  #bytes = 0;
  /** Whether each record can be moved to its place without touching one behind it. */
  #fitsInPlace = true;
  /** Whether there is exactly one byte between each record and the next: the place of its line feed. */
  #unmoved = true;

  /** How many records there are. */
  get count(): number {
    return this.#count;
  }

  /** Forgets all records, and the memory that an unusually long list of them took. */
  clear(): void {
    this.#count = 0;
    this.#bytes = 0;
    this.#fitsInPlace = true;
    this.#unmoved = true;
    if (this.#starts.length > KEPT_ENTRIES) {
      this.#starts = new Uint32Array(KEPT_ENTRIES);
      this.#stops = new Uint32Array(KEPT_ENTRIES);
    }
  }

  /**
   * Adds a record behind the last one.
   *
   * @param start Offset in the body of its first byte.
   * @param stop Offset behind its last byte.
   */
  add(start: number, stop: number): void {
    if (this.#count === this.#starts.length) this.#grow();
    this.#starts[this.#count] = start;
    this.#stops[this.#count++] = stop;
    if (start !== this.#starts[0]! + this.#bytes) this.#unmoved = false;
    if (start < this.#bytes) this.#fitsInPlace = false;
    this.#bytes += stop - start + 1;
  }

  /** The offset of the first byte of record `index` in the body. */
  start(index: number): number {
    return this.#starts[index]!;
  }

  /** The offset behind the last byte of record `index` in the body. */
  stop(index: number): number {
    return this.#stops[index]!;
  }

  /**
   * Makes the records a batch, each with its line feed; in the memory of `body` where there is room.
   *
   * @param body The body, which must not be used afterwards. The one byte behind it is used too, where its
   * `ArrayBuffer` has one.
   * @param squeeze Whether to squeeze those records that span lines.
   * @returns The batch. It pins at most twice the bytes of `body` that it fills.
   */
  pack(body: Uint8Array, squeeze: boolean): Batch {
    const ends = this.#count === 1 && !squeeze ? endOfOne(this.#bytes) : new Uint32Array(this.#count);
    if (this.#count === 0) return { format: "json", data: new Uint8Array(0), ends };
    const data = this.#unmoved && !squeeze
      ? this.#packUnmoved(body, ends)
      : this.#packMoved(body, ends, squeeze);
    // A buffer counts `data.length`: a body that was mostly white space must not hide more than that (invariant 1).
    // Copied by the constructor, as `slice` of a Node.js `Buffer` copies nothing.
    return { format: "json", data: data.length * 2 < body.length ? new Uint8Array(data) : data, ends };
  }

  /** Nothing but line feeds is written: over those of NDJSON, over the commas of an array. */
  #packUnmoved(body: Uint8Array, ends: Uint32Array): Uint8Array {
    const origin = this.#starts[0]!;
    let data = view(body, origin, this.#bytes);
    if (data === undefined) {
      data = new Uint8Array(this.#bytes);
      data.set(body.subarray(origin));
    }
    for (let i = 0; i < ends.length; i++) {
      const stop = this.#stops[i]! - origin;
      data[stop] = LINE_FEED;
      ends[i] = stop + 1;
    }
    return data;
  }

  #packMoved(body: Uint8Array, ends: Uint32Array, squeeze: boolean): Uint8Array {
    const inPlace = this.#fitsInPlace ? view(body, 0, this.#bytes) : undefined;
    const data = inPlace ?? new Uint8Array(this.#bytes);
    let to = 0;
    for (let i = 0; i < ends.length; i++) {
      const start = this.#starts[i]!;
      const stop = this.#stops[i]!;
      if (squeeze && spansLines(body, start, stop)) {
        to = squeezeJson(body, start, stop, data, to);
      } else {
        if (inPlace === undefined) data.set(body.subarray(start, stop), to);
        else if (start !== to) body.copyWithin(to, start, stop);
        to += stop - start;
      }
      data[to++] = LINE_FEED;
      ends[i] = to;
    }
    return data.subarray(0, to);
  }

  #grow(): void {
    const starts = new Uint32Array(this.#starts.length * 2);
    const stops = new Uint32Array(starts.length);
    starts.set(this.#starts);
    stops.set(this.#stops);
    this.#starts = starts;
    this.#stops = stops;
  }
}

/**
 * The ends of batches of one small record, by its length. They say the same for every such batch, nobody changes them,
 * and to make one takes as long as to validate the record.
 */
const ENDS_OF_ONE: Uint32Array[] = [];

function endOfOne(bytes: number): Uint32Array {
  return bytes > 4096 ? Uint32Array.of(bytes) : ENDS_OF_ONE[bytes] ??= Uint32Array.of(bytes);
}

/** A view on `bytes` bytes of the body from `start`, one byte behind it at most; nothing if there are not as many. */
function view(body: Uint8Array, start: number, bytes: number): Uint8Array | undefined {
  if (start === 0 && bytes === body.length) return body;
  const from = body.byteOffset + start;
  const last = Math.min(body.byteOffset + body.length + 1, body.buffer.byteLength);
  return from + bytes <= last ? new Uint8Array(body.buffer, from, bytes) : undefined;
}
