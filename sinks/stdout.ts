import type { BufferedBatch } from "../collector/batch.ts";
import { toSinkError } from "./io_error.ts";
import { LineEncoder } from "./line_encoding.ts";
import { type Permit, Semaphore } from "./semaphore.ts";
import { type Sink, SinkError, type WriteContext } from "./sink.ts";

/** Where a {@linkcode StdoutSink} writes to. `Deno.stdout` is one. */
export interface Writer {
  /**
   * Writes some bytes.
   *
   * @param data What to write.
   * @returns How many were written, which may be fewer than there are.
   */
  write(data: Uint8Array): Promise<number>;
}

/** How a {@linkcode StdoutSink} writes. */
export interface StdoutSinkOptions {
  /**
   * Whether each record stands in an object that tells its source and when it was received, or alone. Alone, records
   * of several sources cannot be told apart.
   *
   * @default {true}
   */
  envelope?: boolean;
  /**
   * Where to write.
   *
   * @default {Deno.stdout}
   */
  writer?: Writer;
}

/**
 * Writes each record as one line of JSON to the standard output, see {@linkcode LineEncoder}.
 *
 * Batches go out one after the other, first come first served, so lines of different sources never mix. What is out
 * cannot be taken back, so after a failure the sink remembers which records of that batch are out: the same batch (the
 * same object) is continued where it broke off, and a line that broke off in the middle is finished before anything
 * else is written, whichever source that is from. If such a batch is given up instead of retried, some of its records
 * have been delivered.
 *
 * A write to a pipe that nobody reads waits for as long as that lasts, and those behind it wait for their turn. It
 * cannot be called off; it is for the caller to stop waiting for it.
 */
export class StdoutSink implements Sink {
  readonly #writer: Writer;
  readonly #encoder: LineEncoder;
  readonly #turn = new Semaphore({ permits: 1 });
  /** How many records are out, of the batches that broke off; one that is torn counts. */
  readonly #progress = new WeakMap<BufferedBatch, number>();
  /**
   * What is missing of the line that broke off last. A copy, because its batch may be given up and its memory be used
   * again before the pipe takes the rest; no other line may come in between.
   */
  #torn: Uint8Array | undefined;
  #closed = false;

  /** @param options How, and where to. */
  constructor(options: StdoutSinkOptions = {}) {
    const { envelope = true, writer = Deno.stdout } = options;
    this.#writer = writer;
    this.#encoder = new LineEncoder({ envelope });
  }

  /**
   * Writes one batch, or what is left of it after a failed attempt.
   *
   * @param batch The batch.
   * @param context Its source, and the signal that ends the wait for its turn.
   * @throws {SinkError} If it is not all out: retryable, `EPIPE` for instance; or of the kind `aborted` or `closed`.
   */
  async write(batch: BufferedBatch, context: WriteContext): Promise<void> {
    this.#throwIfClosed();
    using _turn = await this.#takeTurn(context);
    this.#throwIfClosed();
    await this.#mend();
    await this.#send(batch, context.source, this.#progress.get(batch) ?? 0);
    this.#progress.delete(batch);
  }

  /** Does nothing: what is out is the reader's. */
  sync(): Promise<void> {
    return Promise.resolve();
  }

  /** Refuses writes from now on. The standard output stays open, as others write to it too. */
  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  async #takeTurn({ source, signal }: WriteContext): Promise<Permit> {
    try {
      return await this.#turn.acquire({ signal });
    } catch (cause) {
      const message = `Cannot write a batch of '${source}' to the standard output: aborted`;
      throw new SinkError(message, { kind: "aborted", retryable: false, cause });
    }
  }

  #throwIfClosed(): void {
    if (!this.#closed) return;
    const message = "Cannot write to the standard output: the sink is closed";
    throw new SinkError(message, { kind: "closed", retryable: false });
  }

  /** Writes what is missing of the line that broke off. */
  async #mend(): Promise<void> {
    try {
      while (this.#torn !== undefined) {
        const sent = await this.#writeSome(this.#torn);
        this.#torn = sent < this.#torn.length ? this.#torn.subarray(sent) : undefined;
      }
    } catch (error) {
      throw toSinkError(error, "Cannot write to the standard output");
    }
  }

  /** Writes the lines of all records from one on; notes how far it got if it fails. */
  async #send(batch: BufferedBatch, source: string, from: number): Promise<void> {
    let sent = 0;
    try {
      let begin = 0;
      for (const piece of this.#encoder.encode(batch, source, from, batch.ends.length)) {
        const end = begin + piece.length;
        while (sent < end) sent += await this.#writeSome(piece.subarray(sent - begin));
        begin = end;
      }
    } catch (error) {
      this.#breakOff(batch, source, from, sent);
      throw toSinkError(error, "Cannot write to the standard output");
    }
  }

  async #writeSome(bytes: Uint8Array): Promise<number> {
    const count = await this.#writer.write(bytes);
    if (count === 0) throw new Deno.errors.WriteZero("Nothing was written");
    return count;
  }

  #breakOff(batch: BufferedBatch, source: string, from: number, sent: number): void {
    let record = from;
    let offset = sent;
    for (; record < batch.ends.length; record++) {
      const bytes = this.#encoder.lineBytes(batch, source, record);
      if (offset < bytes) break;
      offset -= bytes;
    }
    this.#torn = offset > 0 ? this.#restOfLine(batch, source, record, offset) : undefined;
    this.#progress.set(batch, offset > 0 ? record + 1 : record);
  }

  #restOfLine(batch: BufferedBatch, source: string, record: number, offset: number): Uint8Array {
    const line = new Uint8Array(this.#encoder.lineBytes(batch, source, record));
    let at = 0;
    for (const piece of this.#encoder.encode(batch, source, record, record + 1)) {
      line.set(piece, at);
      at += piece.length;
    }
    return line.subarray(offset);
  }
}
