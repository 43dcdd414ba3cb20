/** Lines are gathered to so many bytes before they are written. */
const BLOCK_BYTES = 64 * 1024;

/** The standard output does not take what is written to it. */
export class OutputError extends Error {
  /** @param cause Why not. */
  constructor(cause: unknown) {
    super(`Cannot write to the standard output: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    });
    this.name = "OutputError";
  }
}

/** Writes lines to the standard output, many at a time, and waits for whoever reads it. */
export class LineOutput {
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #used = 0;

  /**
   * Writes a line.
   *
   * @param line The line, with its line feed.
   * @throws {OutputError} If that failed; its cause is a `Deno.errors.BrokenPipe` if nobody reads any more.
   */
  async write(line: Uint8Array): Promise<void> {
    if (this.#used + line.length > BLOCK_BYTES) await this.flush();
    if (line.length > BLOCK_BYTES) return await writeAll(line);
    this.#block.set(line, this.#used);
    this.#used += line.length;
  }

  /** Writes what was gathered. */
  async flush(): Promise<void> {
    await writeAll(this.#block.subarray(0, this.#used));
    this.#used = 0;
  }
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  try {
    for (let written = 0; written < bytes.length;) {
      written += await Deno.stdout.write(bytes.subarray(written));
    }
  } catch (error) {
    throw new OutputError(error);
  }
}
