/** Options of {@linkcode writeUntilBlocked}. */
export interface WriteUntilBlockedOptions {
  /**
   * How long a write has to make no progress to be taken for blocked, in milliseconds.
   *
   * @default {1000}
   */
  idleMs?: number;
  /**
   * When to give up, in milliseconds.
   *
   * @default {30000}
   */
  timeout?: number;
  /**
   * After how many bytes to give up.
   *
   * @default {1 GiB}
   */
  maxBytes?: number;
}

/** What {@linkcode writeUntilBlocked} found. */
export interface WriteUntilBlockedResult {
  /** Whether a write was blocked, rather than time or `maxBytes` spent. */
  readonly blocked: boolean;
  /** How many bytes the kernel took until then. */
  readonly bytes: number;
  /** How many pieces it took as a whole. */
  readonly chunks: number;
  /**
   * Settles when the rest of the piece that was blocked has been written, to the number of its bytes; rejects when the connection
   * ends before. Resolves to 0 if nothing was blocked. Nothing else may be written before.
   */
  readonly pending: Promise<number>;
}

/**
 * Writes to a connection until its other end has not read for a while: until its receive buffer, and our send buffer, are
 * full, and the window is closed.
 *
 * @param conn The connection.
 * @param makeChunk Makes the pieces, from their number (from 0).
 * @param options `idleMs`, `timeout`, `maxBytes`.
 * @returns How much was written, and the write that is blocked.
 * @throws If the connection ends before.
 */
export async function writeUntilBlocked(
  conn: Deno.Conn,
  makeChunk: (index: number) => Uint8Array,
  options: WriteUntilBlockedOptions = {},
): Promise<WriteUntilBlockedResult> {
  const { idleMs = 1000, timeout = 30_000, maxBytes = 2 ** 30 } = options;
  const deadline = performance.now() + timeout;
  let bytes = 0;
  for (let chunks = 0;; ++chunks) {
    if (bytes >= maxBytes || performance.now() >= deadline) {
      return { blocked: false, bytes, chunks, pending: Promise.resolve(0) };
    }
    const chunk = makeChunk(chunks);
    for (let offset = 0; offset < chunk.length;) {
      const writing = conn.write(chunk.subarray(offset));
      const written = await Promise.race([writing, idle(idleMs, writing)]);
      if (written === undefined) {
        const pending = finish(conn, chunk.subarray(offset), writing);
        // A test that has seen enough closes the connection, and does not ask how the write ended.
        pending.catch(() => {});
        return { blocked: true, bytes, chunks, pending };
      }
      offset += written;
      bytes += written;
    }
  }
}

/** Resolves after `ms`, without leaving a timer behind when the write settles before. */
async function idle(ms: number, writing: Promise<number>): Promise<undefined> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    writing.then(stop, stop);
  });
}

async function finish(conn: Deno.Conn, rest: Uint8Array, writing: Promise<number>): Promise<number> {
  for (let written = await writing; written < rest.length;) {
    written += await conn.write(rest.subarray(written));
  }
  return rest.length;
}
