/**
 * The thread that compresses segments. It imports nothing of the project: each file that it did would have to be among
 * those that the daemon may read.
 *
 * @module
 */
import { setPriority } from "node:os";
import { pipeline } from "node:stream/promises";
import { constants, createGzip, createZstdCompress } from "node:zlib";

/** What is to be compressed. */
export interface CompressionTask {
  /** The segment, which is left as it is. */
  readonly from: string;
  /** Where the result goes. It is begun anew if there is something. */
  readonly to: string;
  readonly compression: "gzip" | "zstd";
  /** The result must not be larger than this. */
  readonly maxBytes: number;
}

/** What became of it. */
export type CompressionResult =
  | { readonly outcome: "done"; readonly bytes: number }
  | { readonly outcome: "too_large" }
  | {
    readonly outcome: "failed";
    readonly name: string;
    /** What the system calls the error, if it is one of the system. */
    readonly code: string | undefined;
    readonly message: string;
  };

/** How much is read at once, synchronously: other threads would do it at their priority, and this one may wait. */
const PIECE_BYTES = 64 * 1024;

/** The part of a worker's global object that is used here; the types in the project are those of the main thread. */
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<CompressionTask>) => void;
  postMessage(result: CompressionResult): void;
};

// On Linux this is the priority of the thread, and elsewhere that of the process, which must not be touched.
// Whoever has not granted this waits for a processor like everybody else.
if (Deno.build.os === "linux") {
  try {
    setPriority(0, 19);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
}

scope.onmessage = async ({ data }) => scope.postMessage(await compress(data));

async function compress({ from, to, compression, maxBytes }: CompressionTask): Promise<CompressionResult> {
  try {
    using input = await Deno.open(from);
    using output = await Deno.open(to, { write: true, create: true, truncate: true });
    const { size, atime, mtime } = input.statSync();
    let bytes = 0;
    await pipeline(pieces(input), encoder(compression, size), async (encoded: AsyncIterable<Uint8Array>) => {
      for await (const piece of encoded) {
        bytes += piece.length;
        if (bytes > maxBytes) return;
        writeAll(output, piece);
      }
    });
    if (bytes > maxBytes) return { outcome: "too_large" };
    if (mtime !== null) output.utimeSync(atime ?? mtime, mtime); // its age is that of its records
    output.syncSync();
    return { outcome: "done", bytes };
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error));
    const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
    return { outcome: "failed", name, code, message };
  }
}

function encoder(compression: "gzip" | "zstd", size: number) {
  if (compression === "gzip") return createGzip({ chunkSize: PIECE_BYTES });
  const params = { [constants.ZSTD_c_checksumFlag]: 1 };
  // With its size in its header, so that who decompresses it knows how much it becomes. The types do not know of it.
  const options = { chunkSize: PIECE_BYTES, params, pledgedSrcSize: size };
  return createZstdCompress(options);
}

function* pieces(file: Deno.FsFile): Generator<Uint8Array> {
  for (;;) {
    const piece = new Uint8Array(PIECE_BYTES); // the encoder may still hold the one before
    const count = file.readSync(piece);
    if (count === null) return;
    yield piece.subarray(0, count);
  }
}

function writeAll(file: Deno.FsFile, piece: Uint8Array): void {
  for (let written = 0; written < piece.length;) {
    const count = file.writeSync(piece.subarray(written));
    if (count === 0) throw new Deno.errors.WriteZero("Nothing was written");
    written += count;
  }
}
