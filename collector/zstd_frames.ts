const MAGIC = 0xfd2fb528;
/** Frames with user data that decoders skip: sixteen magic numbers that differ in the last four bits. */
const SKIPPABLE_MAGIC = 0x184d2a50;
const RESERVED_BLOCK = 3;
const RLE_BLOCK = 1;
const CHECKSUM_FLAG = 0x04;
const SINGLE_SEGMENT_FLAG = 0x20;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

/** One frame of a zstd body. */
export interface ZstdFrame {
  /** The whole frame, header to checksum. */
  readonly bytes: Uint8Array;
  /** How many bytes the decoder has to keep at hand while it works. */
  readonly window: number;
  /** How many bytes come out of it, where it says so; a decoder fails if that is not true. */
  readonly contentSize: number | undefined;
}

/**
 * Finds where the frames of a zstd body begin and end (RFC 8878, section 3.1), without decoding them.
 *
 * The runtime's decoder says nothing when a body breaks off, and stops behind the first of several frames. Both would
 * lose records without a word.
 *
 * @param body The compressed body.
 * @yields Its frames, without those that decoders skip; one by one, as a body may consist of a million of them.
 * @throws {SyntaxError} If it is not a sequence of whole frames.
 */
export function* zstdFrames(body: Uint8Array): Generator<ZstdFrame, void> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  let at = 0;
  const need = (bytes: number) => {
    if (at + bytes > body.length) throw new SyntaxError(`zstd body breaks off at byte ${body.length}`);
  };
  if (body.length === 0) throw new SyntaxError("zstd body is empty");
  while (at < body.length) {
    const start = at;
    need(4);
    const magic = view.getUint32(at, true);
    at += 4;
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      need(4);
      const size = view.getUint32(at, true);
      at += 4;
      need(size);
      at += size;
      continue;
    }
    if (magic !== MAGIC) throw new SyntaxError(`byte ${start} is not the beginning of a zstd frame`);
    need(1);
    const descriptor = view.getUint8(at++);
    const singleSegment = (descriptor & SINGLE_SEGMENT_FLAG) !== 0;
    let window = 0;
    if (!singleSegment) {
      need(1);
      const byte = view.getUint8(at++);
      const base = 2 ** (10 + (byte >> 3));
      window = base + base / 8 * (byte & 7);
    }
    at += DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
    const contentSizeFlag = (descriptor >> 6) as 0 | 1 | 2 | 3;
    const contentSizeBytes = contentSizeFlag === 0 && singleSegment ? 1 : CONTENT_SIZE_BYTES[contentSizeFlag];
    need(contentSizeBytes);
    const contentSize = contentSizeBytes === 0 ? undefined : readContentSize(view, at, contentSizeBytes);
    if (singleSegment) window = contentSize!;
    at += contentSizeBytes;
    for (let last = false; !last;) {
      need(3);
      const header = view.getUint16(at, true) | view.getUint8(at + 2) << 16;
      at += 3;
      last = (header & 1) === 1;
      const type = header >> 1 & 3;
      if (type === RESERVED_BLOCK) {
        throw new SyntaxError(`zstd block at byte ${at - 3} is of the reserved type`);
      }
      const size = type === RLE_BLOCK ? 1 : header >> 3;
      need(size);
      at += size;
    }
    if ((descriptor & CHECKSUM_FLAG) !== 0) {
      need(4);
      at += 4;
    }
    yield { bytes: body.subarray(start, at), window, contentSize };
  }
}

function readContentSize(view: DataView, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}
