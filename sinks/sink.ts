import type { BufferedBatch } from "../collector/batch.ts";
import type { RecordRange } from "../collector/record_ranges.ts";
import type { SinkFigure } from "./sink_figures.ts";

/** What a sink is told beside the batch itself. */
export interface WriteContext {
  /** Name of the source that the batch comes from; safe as a file name. */
  readonly source: string;
  /** Aborted when the daemon gives up waiting, at the end of its shutdown deadline. */
  readonly signal: AbortSignal;
}

/**
 * Where batches go.
 *
 * A sink gets one attempt at a time and per source at most one under way; retrying is around it, not in it. A write
 * either takes the whole batch or throws, and after a throw the sink must be in such a state that the same batch can be
 * written again without a torn or doubled record.
 */
export interface Sink {
  /**
   * Makes ready what has to be before the first write: is called once, before anybody is listened to.
   *
   * @throws {Error} If the sink cannot be used at all, so that the daemon should not start.
   */
  open?(): Promise<void>;
  /**
   * Writes one batch.
   *
   * @throws {SinkError} If the batch was not taken.
   */
  write(batch: BufferedBatch, context: WriteContext): Promise<void>;
  /**
   * Makes what was written of a source survive a loss of power, where the medium can.
   *
   * @param source Name of the source.
   * @throws {SinkError} If that failed.
   */
  sync(source: string): Promise<void>;
  /** Syncs and releases what the sink holds. Nothing is written afterwards. */
  close(): Promise<void>;
  /** What it tells of itself, as plain numbers; is asked whenever somebody collects metrics. */
  figures?(): Iterable<SinkFigure>;
}

/** A batch that a sink did not take. */
export class SinkError extends Error {
  /** What failed, in one word that is safe as a metric label: an errno name such as `ENOSPC`, or `unknown`. */
  readonly kind: string;
  /** Whether the same batch may be taken at a later attempt. */
  readonly retryable: boolean;
  /** For how long the other side asked not to be tried again, in milliseconds; `undefined` if it did not. */
  readonly retryAfter: number | undefined;
  /** Which records of the batch were not taken, ascending, where all others were; nothing where none was, or nobody knows. */
  readonly untaken: readonly RecordRange[] | undefined;

  /**
   * @param message What failed, with the value that it failed on.
   * @param options `kind`, `retryable`, `retryAfter`, `untaken` and the error that caused it.
   */
  constructor(
    message: string,
    options: {
      kind: string;
      retryable: boolean;
      retryAfter?: number | undefined;
      untaken?: readonly RecordRange[] | undefined;
      cause?: unknown;
    },
  ) {
    super(message, { cause: options.cause });
    this.name = "SinkError";
    this.kind = options.kind;
    this.retryable = options.retryable;
    this.retryAfter = options.retryAfter;
    this.untaken = options.untaken;
  }
}
