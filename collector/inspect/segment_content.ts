import { createGunzip } from "node:zlib";
import type { Compression } from "../../sinks/finished_name.ts";
import { decompressZstd, through } from "./zstd_stream.ts";

/** How much is read at once. */
const PIECE_BYTES = 256 * 1024;

/**
 * Reads a file, a piece at a time, and decompresses it.
 *
 * @param file The file.
 * @param compression How it is compressed.
 * @returns What it holds.
 * @throws {BrokenStream} If it breaks off or is not compressed like that, while it is read.
 */
export function contentOf(file: Deno.FsFile, compression: Compression): AsyncIterable<Uint8Array> {
  switch (compression) {
    case "none":
      return pieces(file);
    case "gzip":
      return through(createGunzip({ chunkSize: PIECE_BYTES }), pieces(file));
    case "zstd":
      return decompressZstd(pieces(file));
  }
}

async function* pieces(file: Deno.FsFile): AsyncGenerator<Uint8Array, void> {
  for (;;) {
    const piece = new Uint8Array(PIECE_BYTES); // a decoder may still hold the one before
    const count = await file.read(piece);
    if (count === null) return;
    yield piece.subarray(0, count);
  }
}
