/**
 * The thread that compresses bodies of requests. It imports nothing of the project: each file that it did would have to
 * be among those that the daemon may read.
 *
 * @module
 */
import { constants, gzipSync, zstdCompressSync } from "node:zlib";

/** A body to be compressed; its memory changes hands. */
export interface BodyTask {
  readonly id: number;
  readonly coding: "gzip" | "zstd";
  readonly body: Uint8Array<ArrayBuffer>;
}

/** What became of it; the memory changes hands again. */
export interface BodyResult {
  readonly id: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The part of a worker's global object that is used here; the types in the project are those of the main thread. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<BodyTask>) => void;
  postMessage(result: BodyResult, transfer: Transferable[]): void;
};

// What throws here ends the thread, and tells whoever waits for it.
scope.onmessage = ({ data: { id, coding, body } }) => {
  const compressed = compress(body, coding);
  // A view of a larger piece of memory would take that with it.
  const own = compressed.byteLength === compressed.buffer.byteLength ? compressed : compressed.slice();
  scope.postMessage({ id, body: own }, [own.buffer]);
};

/** At the level that is fastest: most of what telemetry repeats is found at that one already. */
function compress(body: Uint8Array, coding: "gzip" | "zstd"): Uint8Array<ArrayBuffer> {
  const compressed = coding === "gzip"
    ? gzipSync(body, { level: 1 })
    : zstdCompressSync(body, { params: { [constants.ZSTD_c_compressionLevel]: 1 } });
  return new Uint8Array(compressed.buffer as ArrayBuffer, compressed.byteOffset, compressed.byteLength);
}
