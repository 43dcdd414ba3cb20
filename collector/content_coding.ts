import { promisify } from "node:util";
import {
  brotliDecompress,
  createGunzip,
  createInflate,
  gunzip,
  inflate,
  type InputType,
  type ZlibOptions,
  zstdDecompressSync,
} from "node:zlib";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { zstdFrames } from "./zstd_frames.ts";

/** The content codings that are understood, in the order in which they are told to agents. */
export const CONTENT_CODINGS = ["gzip", "deflate", "br", "zstd"] as const;

/** The name of a content coding. */
export type ContentCoding = typeof CONTENT_CODINGS[number];

/** A body without its coding, or what is wrong with it. */
export type Decoded =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly code: "too_large" | "invalid_encoding"; readonly reason: string };

/** What every zstd decoder must be able to keep at hand (RFC 8878, section 3.1.1.1.2); more is not promised here. */
const ZSTD_WINDOW = 8 * 1024 * 1024;

/** After so many zstd frames others get a turn: a body may consist of a million of them. */
const FRAMES_PER_TURN = 256;

/**
 * Reads a `Content-Encoding` header.
 *
 * @param header Its value, `null` when there is none.
 * @returns The coding, `identity` for none, or nothing when it is not understood.
 */
export function parseContentCoding(header: string | null): ContentCoding | "identity" | undefined {
  if (header === null || header === "") return "identity";
  const name = header.trim().toLowerCase();
  if (name === "identity") return name;
  if (name === "x-gzip") return "gzip"; // RFC 9110, section 8.4.1.3
  return CONTENT_CODINGS.find((coding) => coding === name);
}

/**
 * Says how large a body will probably be without its coding, so that no more memory than that need be reserved.
 *
 * @param coding Its coding.
 * @param body The body as it came.
 * @returns A number of bytes, which the sender may have got wrong; nothing when the body does not tell.
 */
export function decodedSizeHint(coding: ContentCoding, body: Uint8Array): number | undefined {
  if (coding !== "gzip" || body.length < 18) return undefined;
  // The last four bytes of a gzip member are its size before compression (RFC 1952, section 2.3.1).
  return new DataView(body.buffer, body.byteOffset + body.length - 4, 4).getUint32(0, true);
}

/**
 * Takes the coding off a whole body. Stops as soon as the limit is passed, however much is still to come.
 *
 * @param coding The coding.
 * @param body The body as it came.
 * @param limit The most bytes that may come out.
 * @returns The body in memory of its own, or what is wrong with it.
 */
export async function decode(coding: ContentCoding, body: Uint8Array, limit: number): Promise<Decoded> {
  try {
    return { ok: true, body: await DECODERS[coding](body, limit) };
  } catch (error) {
    const passed = error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    if (passed || error instanceof TooLarge) {
      return {
        ok: false,
        code: "too_large",
        reason: `body is larger than ${limit} bytes without its coding`,
      };
    }
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, code: "invalid_encoding", reason: `body is not valid ${coding}: ${reason}` };
  }
}

/**
 * Takes the coding off a stream, a few kilobytes at a time.
 *
 * @param coding The coding; the other ones do not tell reliably when a stream breaks off.
 * @param pieces The stream as it comes.
 * @param consume Is given the stream without its coding.
 * @throws Whatever `consume` throws, and an error if the stream is not valid.
 */
export async function decodeStream(
  coding: "gzip" | "deflate",
  pieces: AsyncIterable<Uint8Array>,
  consume: (pieces: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  const decoder = coding === "gzip" ? createGunzip() : createInflate();
  let given = 0;
  const counted = async function* () {
    for await (const piece of pieces) {
      given += piece.length;
      yield piece;
    }
  };
  let consumed = Promise.resolve();
  const failed = new Promise<never>((_, reject) => decoder.once("error", reject));
  const decoded = pipeline(
    counted(),
    decoder,
    (pieces: AsyncIterable<Uint8Array>) => consumed = consume(pieces),
  );
  try {
    // The pipeline itself also waits for the next piece, which may be long in coming.
    await Promise.race([decoded, failed]);
  } catch (error) {
    await consumed; // what it throws comes first
    throw error;
  }
  if (coding === "deflate") checkNothingFollows(given - decoder.bytesWritten);
}

/** More would come out than may. */
class TooLarge extends Error {}

type Decoder = (body: Uint8Array, limit: number) => Promise<Uint8Array>;

const gunzipAll: (body: InputType, options: ZlibOptions) => Promise<Uint8Array> = promisify(gunzip);
const inflateAll: (
  body: InputType,
  options: ZlibOptions,
) => Promise<{ buffer: Uint8Array; engine: { bytesWritten: number } }> = promisify(inflate) as never;
const brotliAll: (body: InputType, options: ZlibOptions) => Promise<Uint8Array> = promisify(brotliDecompress);

const DECODERS: Record<ContentCoding, Decoder> = {
  gzip: (body, limit) => gunzipAll(body, { maxOutputLength: limit }),
  deflate: inflateWhole,
  br: async (body, limit) => {
    // node:zlib keeps the limit but takes a body that breaks off, or is no brotli at all, for one that ends; the
    // stream notices but has no limit, and makes one piece of whatever comes out. So the first measures for the second.
    await brotliAll(body, { maxOutputLength: limit });
    const stream = new Blob([body as Uint8Array<ArrayBuffer>]).stream();
    return await new Response(stream.pipeThrough(new DecompressionStream("brotli"))).bytes();
  },
  zstd: decodeZstd,
};

async function inflateWhole(body: Uint8Array, limit: number): Promise<Uint8Array> {
  const { buffer, engine } = await inflateAll(body, { maxOutputLength: limit, info: true });
  checkNothingFollows(body.length - engine.bytesWritten);
  return buffer;
}

/** zlib stops at the end of a deflate body and says nothing of what comes behind: more of it, for all we know. */
function checkNothingFollows(bytes: number): void {
  if (bytes > 0) throw new SyntaxError(`${bytes} bytes follow its end`);
}

async function decodeZstd(body: Uint8Array, limit: number): Promise<Uint8Array> {
  let decoded: Uint8Array = new Uint8Array(0);
  let length = 0;
  let frames = 0;
  for (const { bytes, window, contentSize = 0 } of zstdFrames(body)) {
    if (++frames % FRAMES_PER_TURN === 0) await setImmediate();
    if (length + contentSize > limit) throw new TooLarge();
    const largest = Math.max(limit, ZSTD_WINDOW);
    if (window > largest) {
      throw new SyntaxError(`a frame needs a window of ${window} bytes, the most is ${largest}`);
    }
    // Not the variant with a callback: that one works in the same thread, and ends the process at a defect behind the
    // first 16 KiB that come out, with an error that nobody can catch.
    const part = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, limit - length) });
    if (length + part.length > limit) throw new TooLarge();
    if (length === 0) decoded = part; // of nearly every body the first frame is the only one
    else {
      // Copied at once: the decoder's 16 KiB for each of a million frames of one byte would be more memory than there is.
      if (length + part.length > decoded.length) {
        const larger = new Uint8Array(Math.min(limit, Math.max(2 * length, length + part.length)));
        larger.set(decoded.subarray(0, length));
        decoded = larger;
      }
      decoded.set(part, length);
    }
    length += part.length;
  }
  return decoded.subarray(0, length);
}
