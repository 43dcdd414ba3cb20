import { once } from "node:events";
import type { Transform } from "node:stream";
import { createZstdDecompress } from "node:zlib";
import { BrokenStream } from "./broken_stream.ts";

const MAGIC = 0xfd2fb528;
/** Frames with user data that decoders skip: sixteen magic numbers that differ in the last four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const RLE_BLOCK = 1;
const RESERVED_BLOCK = 3;
const CHECKSUM_FLAG = 0x04;
const SINGLE_SEGMENT_FLAG = 0x20;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/**
 * Decompresses zstd of any length, of any number of frames, a piece at a time.
 *
 * The runtime's decoder stops behind the first frame, and takes one that breaks off for whole. So the frames are found
 * here (RFC 8878, section 3.1), and each has a decoder of its own.
 *
 * @param pieces The compressed bytes.
 * @yields What they hold.
 * @throws {BrokenStream} If they break off or are no zstd, after everything that could be decompressed.
 */
export async function* decompressZstd(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const input = new Input(pieces);
  while (await input.more()) {
    const frame = readFrame(input);
    yield* through(createZstdDecompress(), frame);
    if (input.broken !== undefined) throw new BrokenStream(input.broken);
  }
  if (input.at === 0) throw new BrokenStream("there is nothing in it");
}

/** What may be read byte by byte, and in pieces. */
class Input {
  /** How much was read. */
  at = 0;
  /** Why there is nothing more to read in this frame, where that is not its end. */
  broken: string | undefined;
  readonly #pieces: AsyncIterator<Uint8Array>;
  #piece: Uint8Array = new Uint8Array(0);

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Whether there is anything left. */
  async more(): Promise<boolean> {
    while (this.#piece.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) return false;
      this.#piece = next.value;
    }
    return true;
  }

  /** At most so many bytes, and as many as are at hand. */
  async some(most: number): Promise<Uint8Array> {
    if (!await this.more()) throw new BrokenStream(`it breaks off at byte ${this.at}`);
    const some = this.#piece.subarray(0, most);
    this.#piece = this.#piece.subarray(some.length);
    this.at += some.length;
    return some;
  }

  /** Exactly so many bytes: a few. */
  async exactly(count: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(count);
    for (let filled = 0; filled < count;) {
      const some = await this.some(count - filled);
      bytes.set(some, filled);
      filled += some.length;
    }
    return bytes;
  }
}

/** The bytes of one frame. Where it breaks off, it ends, and the input says so. */
async function* readFrame(input: Input): AsyncGenerator<Uint8Array, void> {
  try {
    yield* readWholeFrame(input);
  } catch (error) {
    if (!(error instanceof BrokenStream)) throw error;
    input.broken = error.message;
  }
}

async function* readWholeFrame(input: Input): AsyncGenerator<Uint8Array, void> {
  const start = input.at;
  const magicBytes = await input.exactly(4);
  const magic = numberOf(magicBytes);
  if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    for (let left = numberOf(await input.exactly(4)); left > 0;) left -= (await input.some(left)).length;
    return;
  }
  if (magic !== MAGIC) throw new BrokenStream(`byte ${start} is not the beginning of a zstd frame`);
  yield magicBytes;
  const head = await input.exactly(1);
  yield head;
  const descriptor = head[0]!;
  const singleSegment = (descriptor & SINGLE_SEGMENT_FLAG) !== 0;
  const contentSizeFlag = descriptor >> 6;
  const contentSize = contentSizeFlag === 0 && singleSegment ? 1 : CONTENT_SIZE_BYTES[contentSizeFlag]!;
  const rest = (singleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]! + contentSize;
  if (rest > 0) yield await input.exactly(rest);
  for (let last = false; !last;) {
    const header = await input.exactly(3);
    yield header;
    const value = numberOf(header);
    last = (value & 1) === 1;
    const type = value >> 1 & 3;
    if (type === RESERVED_BLOCK) {
      throw new BrokenStream(`the block at byte ${input.at - 3} is of no known type`);
    }
    for (let left = type === RLE_BLOCK ? 1 : value >> 3; left > 0;) {
      const some = await input.some(left);
      left -= some.length;
      yield some;
    }
  }
  if ((descriptor & CHECKSUM_FLAG) !== 0) yield await input.exactly(4);
}

/** Little-endian, of up to four bytes. */
function numberOf(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}

/**
 * Sends pieces through a decoder, no faster than its output is taken.
 *
 * @param decoder The decoder; destroyed at the end.
 * @param pieces What goes into it.
 * @yields What comes out of it.
 */
export async function* through(
  decoder: Transform,
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  const over = new AbortController();
  let unreadable: unknown;
  const fed = (async () => {
    try {
      for await (const piece of pieces) {
        if (over.signal.aborted) return;
        if (!decoder.write(piece)) await once(decoder, "drain", { signal: over.signal });
      }
      decoder.end();
    } catch (error) {
      if (over.signal.aborted) return;
      unreadable = error;
      decoder.destroy(error as Error); // and so whoever takes the output has it
    }
  })();
  try {
    for await (const piece of decoder) yield piece;
  } catch (error) {
    if (error === unreadable) throw error;
    throw new BrokenStream(error instanceof Error ? error.message : String(error)); // in the decoder's words
  } finally {
    over.abort();
    decoder.destroy();
    await fed;
  }
}
