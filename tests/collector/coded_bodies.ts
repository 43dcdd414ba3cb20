import {
  brotliCompressSync,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  createZstdCompress,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from "node:zlib";
import type { ContentCoding } from "../../collector/content_coding.ts";

const SYNC: Record<ContentCoding, (body: Uint8Array) => Uint8Array> = {
  gzip: gzipSync,
  deflate: deflateSync,
  br: brotliCompressSync,
  zstd: zstdCompressSync,
};

const STREAMS = {
  gzip: createGzip,
  deflate: createDeflate,
  br: () => createBrotliCompress({ params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
  zstd: createZstdCompress,
};

/** Puts a coding on a small body. */
export function encode(coding: ContentCoding, body: Uint8Array): Uint8Array {
  return new Uint8Array(SYNC[coding](body));
}

/** Puts a coding on so many MiB of zeros, of which never more than one is there. */
export async function zeros(coding: ContentCoding, mebibytes: number): Promise<Uint8Array> {
  const stream = STREAMS[coding]();
  const pieces: Uint8Array[] = [];
  stream.on("data", (piece: Uint8Array) => pieces.push(piece));
  const ended = new Promise((resolve) => stream.on("end", resolve));
  const mebibyte = new Uint8Array(1 << 20);
  for (let i = 0; i < mebibytes; i++) await new Promise((resolve) => stream.write(mebibyte, resolve));
  stream.end();
  await ended;
  return concat(...pieces);
}

/** Puts pieces one behind the other. */
export function concat(...pieces: Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/** What a zstd frame is made of, by hand: encoders do not make all that decoders have to cope with. */
export interface FrameParts {
  /** Exponent and mantissa of the window, as the byte that says it; a single segment when left out. */
  readonly window?: number;
  /** The size that the header tells; as many bytes as its length says. Of a single segment 1, 2, 4 or 8, otherwise 2, 4, 8. */
  readonly contentSize?: Uint8Array;
  /** Blocks but for the last: their type and content, or how often one byte is repeated. */
  readonly blocks: readonly FrameBlock[];
  readonly checksum?: Uint8Array;
  readonly dictionary?: Uint8Array;
}

/** One block of a zstd frame. */
export type FrameBlock =
  | { readonly type: "raw"; readonly bytes: Uint8Array }
  | { readonly type: "rle"; readonly byte: number; readonly times: number };

/** Makes a zstd frame by hand (RFC 8878, section 3.1.1). */
export function zstdFrame({ window, contentSize, blocks, checksum, dictionary }: FrameParts): Uint8Array {
  const sizeFlag = { 0: 0, 1: 0, 2: 1, 4: 2, 8: 3 }[contentSize?.length ?? 0]!;
  const dictionaryFlag = { 0: 0, 1: 1, 2: 2, 4: 3 }[dictionary?.length ?? 0]!;
  const single = window === undefined;
  const descriptor = sizeFlag << 6 | (single ? 0x20 : 0) | (checksum ? 4 : 0) | dictionaryFlag;
  const coded = blocks.map((block, i) => {
    const last = i === blocks.length - 1 ? 1 : 0;
    const size = block.type === "raw" ? block.bytes.length : block.times;
    const header = size << 3 | (block.type === "raw" ? 0 : 2) | last;
    const content = block.type === "raw" ? block.bytes : Uint8Array.of(block.byte);
    return concat(Uint8Array.of(header & 255, header >> 8 & 255, header >> 16 & 255), content);
  });
  return concat(
    Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor),
    single ? new Uint8Array() : Uint8Array.of(window),
    dictionary ?? new Uint8Array(),
    contentSize ?? new Uint8Array(),
    ...coded,
    checksum ?? new Uint8Array(),
  );
}

/** Makes a frame that decoders skip. */
export function skippableFrame(kind: number, content: Uint8Array): Uint8Array {
  const head = new Uint8Array(8);
  new DataView(head.buffer).setUint32(0, 0x184d2a50 + kind, true);
  new DataView(head.buffer).setUint32(4, content.length, true);
  return concat(head, content);
}
