import type { BufferedBatch, RecordFormat } from "../collector/batch.ts";
import { ExpiryTimer, RETRY_DELAY } from "./expiry_timer.ts";
import { EXTENSIONS } from "./file_encoding.ts";
import { FileFigures } from "./file_figures.ts";
import { type FileLayout, type FileSinkOptions, resolveFileOptions } from "./file_options.ts";
import { FileSeries } from "./file_series.ts";
import { FINISHED_AT_ONCE } from "./full_segments.ts";
import { toSinkError } from "./io_error.ts";
import { OpenSeries } from "./open_series.ts";
import type { Segment } from "./segment.ts";
import type { SegmentObserver } from "./segment_observer.ts";
import { SegmentDirectory } from "./segment_directory.ts";
import { SegmentStore } from "./segment_store.ts";
import { Semaphore } from "./semaphore.ts";
import { type Sink, SinkError, type WriteContext } from "./sink.ts";
import type { SinkFigure } from "./sink_figures.ts";

const FORMATS = Object.keys(EXTENSIONS) as RecordFormat[];

/**
 * Writes batches to segments, `{directory}/{source}/{UTC start time}-{n}`, with the extension
 *
 * - `.ndjson` for JSON: one record a line, as it came;
 * - `.frames` for binary: before each frame its length, as 4 bytes, big-endian;
 * - `.logs.otlp`, `.metrics.otlp` and `.traces.otlp` for OTLP in Protobuf: before each message its length, likewise.
 *
 * One that is being written to ends in `.open` besides. It is synced and renamed when it is full, too old, or the sink
 * is closed; from then on nothing changes it. What a process that did not end well has left open is cut back to its
 * last whole record and finished by the next.
 *
 * Names sort in the order in which the segments of a source were begun, and after those that were there before the sink
 * was opened, whatever the clock does. No file is ever overwritten or added to by a later run. A failed write leaves
 * nothing behind, not even in part, see {@linkcode FileSeries}.
 *
 * @example
 * ```ts ignore
 * const sink = new FileSink({ directory: "./data", maxBytes: 16 * 1024 * 1024 });
 * await sink.open();
 * await sink.write(batch, { source: "metrics-web01", signal });
 * await sink.close(); // ./data/metrics-web01/20261123T180000.123Z-0000.ndjson
 * ```
 */
export class FileSink implements Sink {
  readonly #options: FileLayout;
  readonly #directory: SegmentDirectory;
  /** Has what is finished. */
  readonly #store: SegmentStore;
  readonly #figures = new FileFigures();
  readonly #expiry: ExpiryTimer;
  readonly #finishers = new Semaphore({ permits: FINISHED_AT_ONCE });
  readonly #series: OpenSeries;
  #syncTimer: ReturnType<typeof setInterval> | undefined;
  #syncing: Promise<unknown> | undefined;
  /** Of each source, why a segment of it that is finished by now could not be synced. */
  readonly #unsynced = new Map<string, SinkError>();
  #ready = false;
  #preparing: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param options Where the files go, and when one ends and the next begins.
   * @throws {TypeError} If `directory` is empty.
   * @throws {RangeError} If a limit is not positive, or not an integer where it counts something.
   */
  constructor(options: FileSinkOptions) {
    this.#options = resolveFileOptions(options);
    const { fileSystem, directory, maxOpenFiles, now, monotonicNow, tell } = this.#options;
    this.#directory = new SegmentDirectory({ path: directory, fileSystem, now });
    this.#store = new SegmentStore({ ...options, now, monotonicNow, tell });
    this.#series = new OpenSeries({
      limit: maxOpenFiles,
      now: monotonicNow,
      onFewer: (limit) => tell("warn", "fewer segments are kept open", { segments: limit }),
    });
    this.#expiry = new ExpiryTimer({
      now: monotonicNow,
      series: () => this.#series,
      settle: (series) => this.#series.exclusively(series, () => series.settle()),
      onFailure: (error) =>
        tell("warn", "segment cannot be finished", { kind: error.kind, error: error.message }),
    });
  }

  /**
   * Locks the directory, and finishes what an earlier process has left open. Where the system does not let it, for now,
   * the first write tries again.
   *
   * @throws {SinkError} If another process uses the directory, or this one lacks the permission to.
   */
  async open(): Promise<void> {
    try {
      await this.#prepare();
    } catch (error) {
      if (!(error instanceof SinkError) || !error.retryable || error.kind === "locked") throw error;
      this.#options.tell("warn", "sink is not ready yet", { kind: error.kind, error: error.message });
    }
  }

  /**
   * Writes one batch to the segment of its source, altogether or not at all.
   *
   * @param batch The batch.
   * @param context Its source. The signal is looked at before anything is written, as a system call cannot be recalled.
   * @throws {SinkError} If the batch was not written. Retryable if the system said why.
   */
  async write(batch: BufferedBatch, context: WriteContext): Promise<void> {
    this.#throwIfClosed();
    if (context.signal.aborted) {
      const message = `Cannot write a batch of '${context.source}': aborted`;
      throw new SinkError(message, { kind: "aborted", retryable: false, cause: context.signal.reason });
    }
    if (!this.#ready) await this.#prepare();
    const series = this.#series.get(batch.format, context.source) ??
      this.#createSeries(context.source, batch.format);
    await this.#series.exclusively(series, async () => {
      this.#throwIfClosed();
      this.#series.touch(series);
      await series.write(batch);
    });
  }

  /**
   * Waits until everything of a source that was written before this call is on the medium (`fdatasync`).
   *
   * @param source Name of the source.
   * @throws {SinkError} If that failed for a segment, which may be finished since; the others are synced nevertheless.
   */
  async sync(source: string): Promise<void> {
    const results = await Promise.allSettled(
      FORMATS.map((format) => this.#series.get(format, source)?.sync()),
    );
    const unsynced = this.#unsynced.get(source);
    this.#unsynced.delete(source);
    if (unsynced !== undefined) throw unsynced;
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** How many segments are open, and what became of others. */
  *figures(): Generator<SinkFigure> {
    yield { name: "open_files", value: this.#series.files };
    yield { name: "full_files", value: this.#series.fullFiles };
    yield* this.#figures;
    yield* this.#store.figures();
  }

  /**
   * Waits for the writes under way, then finishes every segment. Writes that begin later are refused.
   *
   * @throws {SinkError} If a segment could not be synced, cut back to its last whole batch, or renamed. All are let go of
   * even so.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    clearInterval(this.#syncTimer);
    this.#expiry.stop();
    const errors: SinkError[] = [];
    await this.#preparing?.catch(() => {}); // who waits for it has its error
    await Promise.all(Array.from(this.#series, (series) =>
      series.exclusively(async () => {
        await series.finish().catch((error) => errors.push(error));
        await series.release();
      })));
    this.#series.clear();
    await this.#syncing;
    await this.#store.close();
    this.#directory.release();
    const [error] = [...this.#unsynced.values(), ...errors];
    if (error !== undefined) throw error;
  }

  #throwIfClosed(): void {
    if (this.#closing === undefined) return;
    const message = `Cannot write to '${this.#options.directory}': the sink is closed`;
    throw new SinkError(message, { kind: "closed", retryable: false });
  }

  #prepare(): Promise<void> {
    return this.#preparing ??= this.#takeDirectory().finally(() => this.#preparing = undefined);
  }

  async #takeDirectory(): Promise<void> {
    const { directory, tell } = this.#options;
    await this.#directory.prepare({
      recovered: (path, { kept, cut }) => {
        this.#figures.recovered++;
        this.#figures.recoveredCut += cut;
        if (cut > 0) tell("warn", "torn record cut off", { path, keptBytes: kept, cutBytes: cut });
        else tell("info", "segment recovered", { path, bytes: kept });
      },
      notRecovered: ({ kind, message }) => {
        tell("warn", "segment cannot be recovered", { kind, error: message });
      },
    });
    try {
      await this.#store.open();
    } catch (error) {
      throw toSinkError(error, `Cannot look at the segments in '${directory}'`);
    }
    this.#ready = true;
  }

  #createSeries(source: string, format: RecordFormat): FileSeries {
    const { maxBytes, maxAge, sync, monotonicNow } = this.#options;
    return new FileSeries({
      source,
      format,
      maxBytes,
      maxAge,
      synced: sync === "batch",
      now: monotonicNow,
      reserve: (bytes) => this.#store.reserve(bytes),
      open: () => this.#series.open(() => this.#openSegment(source, format)),
      finishers: this.#finishers,
      onUnfinished: () => this.#expiry.expect(monotonicNow() + RETRY_DELAY),
    });
  }

  async #openSegment(source: string, format: RecordFormat): Promise<Segment> {
    const openedAt = this.#options.monotonicNow();
    const observer = this.#observe(source);
    const segment = await this.#directory.create(source, { format, openedAt, observer });
    this.#expiry.expect(openedAt + this.#options.maxAge);
    this.#syncAtIntervals();
    return segment;
  }

  #observe(source: string): SegmentObserver {
    const { tell } = this.#options;
    return {
      synced: () => this.#figures.syncs++,
      syncFailed: ({ kind, message }) => {
        this.#figures.syncErrors++;
        tell("warn", "segment cannot be synced", { kind, error: message });
      },
      unsynced: (error) => this.#unsynced.set(source, error),
      damaged: (path, damage, lostBytes) => {
        this.#figures.damaged(damage);
        tell("warn", `segment was ${damage} by somebody else`, { path, lostBytes });
      },
      naming: (path) => this.#store.newcomers.naming(path),
      notNamed: (path) => this.#store.newcomers.notNamed(path),
      finished: (path, bytes) => {
        this.#figures.finished++;
        this.#store.finished(path, bytes);
      },
    };
  }

  #syncAtIntervals(): void {
    if (this.#options.sync !== "interval") return;
    this.#syncTimer ??= setInterval(() => {
      if (this.#syncing !== undefined) return; // a slow disk is not given more to do
      this.#syncing = Promise.all(Array.from(this.#series, (series) => series.syncForNobody()))
        .finally(() => this.#syncing = undefined);
    }, this.#options.syncInterval);
  }
}
