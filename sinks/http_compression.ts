import { constants, gzip, zstdCompressSync } from "node:zlib";
import { promisify } from "node:util";

/** The content coding of a body. */
export type BodyCoding = "none" | "gzip" | "zstd";

/** Less than this is not worth it: a packet is sent all the same. */
const WORTH_COMPRESSING = 512;

const gzipAll: (bytes: Uint8Array, options: { level: number }) => Promise<Uint8Array> = promisify(
  gzip,
) as never;

/**
 * Compresses a body, at the level that is fastest.
 *
 * @param bytes The body.
 * @param coding How.
 * @returns What to send, and its content coding; nothing where it goes as it is.
 */
export async function compress(
  bytes: Uint8Array,
  coding: BodyCoding,
): Promise<{ readonly coding: "gzip" | "zstd" | undefined; readonly bytes: Uint8Array }> {
  if (coding === "none" || bytes.length < WORTH_COMPRESSING) return { coding: undefined, bytes };
  const compressed = coding === "gzip"
    ? await gzipAll(bytes, { level: 1 })
    : zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return compressed.length < bytes.length ? { coding, bytes: compressed } : { coding: undefined, bytes };
}
