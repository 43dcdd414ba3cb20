import type { BufferedBatch, RecordFormat } from "../collector/batch.ts";
import { EXTENSIONS } from "./file_encoding.ts";
import { FileSeries } from "./file_series.ts";
import { denoFileSystem, type FileHandle, type FileSystem } from "./file_system.ts";
import { toSinkError } from "./io_error.ts";
import { OutputFile } from "./output_file.ts";
import { type Sink, SinkError, type WriteContext } from "./sink.ts";
import type { SinkFigure } from "./sink_figures.ts";

/** How a {@linkcode FileSink} lays out its files. */
export interface FileSinkOptions {
  /** Where the files go; created when the first one is. */
  directory: string;
  /**
   * A file does not grow beyond this many bytes, unless a single record is larger; that one gets a file of its own.
   *
   * @default {134217728}
   */
  maxBytes?: number;
  /**
   * A file older than this, in milliseconds, is closed, and what comes then begins a new one.
   *
   * @default {3600000}
   */
  maxAge?: number;
  /**
   * How many files are kept open. One more closes that which was written to longest ago, and its source begins a new
   * file with its next batch, so choose it larger than the number of sources. It is exceeded by files being written.
   *
   * @default {512}
   */
  maxOpenFiles?: number;
  /**
   * Where the files are, for tests.
   *
   * @default {denoFileSystem}
   */
  fileSystem?: FileSystem;
  /**
   * The wall clock, which names the files, in milliseconds since the Unix epoch.
   *
   * @default {Date.now}
   */
  now?: () => number;
  /**
   * The clock that ages them, in milliseconds, and must not jump.
   *
   * @default {performance.now}
   */
  monotonicNow?: () => number;
}

/** How many names that are taken are passed over before a file system that says so every time is no longer believed. */
const MAX_NAMES_TRIED = 1_000;

/**
 * Writes batches to files, `{directory}/{source}/{UTC start time}-{n}`, with the extension
 *
 * - `.ndjson` for JSON: one record a line, as it came;
 * - `.frames` for binary: before each frame its length, as 4 bytes, big-endian;
 * - `.logs.otlp`, `.metrics.otlp` and `.traces.otlp` for OTLP in Protobuf: before each message its length, likewise.
 *
 * Names sort in the order in which the files of a source were begun, as long as the clock is not set back between two
 * runs of the process; within one run a clock set back does no harm. No file is ever overwritten or added to by a later
 * run. A failed write leaves nothing behind, not even in part, see {@linkcode FileSeries}.
 *
 * Ages are looked at whenever anything is written to the sink, whichever source it is from: there is no timer, and a
 * file stays open, complete and readable, beyond its age while nothing at all arrives.
 *
 * Every file is synced before it is closed. A failure there is thrown by the source's next {@linkcode FileSink.sync} or
 * {@linkcode FileSink.close}, as the batches concerned have been taken already.
 *
 * @example
 * ```ts ignore
 * const sink = new FileSink({ directory: "./data", maxBytes: 16 * 1024 * 1024 });
 * await sink.write(batch, { source: "metrics-web01", signal });
 * await sink.close(); // ./data/metrics-web01/20261123T180000.123Z-0000.ndjson
 * ```
 */
export class FileSink implements Sink {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #maxAge: number;
  readonly #maxOpenFiles: number;
  readonly #fileSystem: FileSystem;
  readonly #now: () => number;
  readonly #monotonicNow: () => number;
  /** By format and source; that which was written to longest ago comes first. Only those with open files. */
  readonly #series = new Map<string, FileSeries>();
  #filesBeingOpened = 0;
  /** No open file is too old before this, on the monotonic clock. */
  #nextExpiry = Infinity;
  #nameTime = 0;
  #nameNumber = 0;
  /** Of each source, why a file of it that is closed by now could not be synced. */
  readonly #unsynced = new Map<string, SinkError>();
  #closing: Promise<void> | undefined;

  /**
   * @param options Where the files go, and when one ends and the next begins.
   * @throws {TypeError} If `directory` is empty.
   * @throws {RangeError} If a limit is not positive, or not an integer where it counts something.
   */
  constructor(options: FileSinkOptions) {
    const {
      directory,
      maxBytes = 128 * 1024 * 1024,
      maxAge = 60 * 60 * 1_000,
      maxOpenFiles = 512,
      fileSystem = denoFileSystem,
      now = Date.now,
      monotonicNow = () => performance.now(),
    } = options;
    if (typeof directory !== "string" || directory === "") {
      throw new TypeError(
        `Cannot create file sink: 'directory' must be a path, current value is '${directory}'`,
      );
    }
    for (const [name, value] of Object.entries({ maxBytes, maxOpenFiles })) {
      if (!Number.isSafeInteger(value) || value <= 0) {
        throw new RangeError(
          `Cannot create file sink: '${name}' must be a positive integer, current value is ${value}`,
        );
      }
    }
    if (!(maxAge > 0)) {
      throw new RangeError(`Cannot create file sink: 'maxAge' must be positive, current value is ${maxAge}`);
    }
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#maxAge = maxAge;
    this.#maxOpenFiles = maxOpenFiles;
    this.#fileSystem = fileSystem;
    this.#now = now;
    this.#monotonicNow = monotonicNow;
  }

  /**
   * Writes one batch to the file of its source, altogether or not at all.
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
    await this.#closeExpired();
    const key = `${batch.format} ${context.source}`;
    const series = this.#series.get(key) ?? this.#createSeries(context.source, batch.format);
    await series.exclusively(async () => {
      this.#throwIfClosed();
      this.#series.delete(key);
      this.#series.set(key, series);
      try {
        await series.write(batch);
      } finally {
        this.#forgetIfClosed(key, series);
      }
    });
  }

  /**
   * Waits until everything of a source that was written before this call is on the medium (`fdatasync`).
   *
   * @param source Name of the source.
   * @throws {SinkError} If that failed for a file, which may have been closed since; the others are synced nevertheless.
   */
  async sync(source: string): Promise<void> {
    const series = [...this.#series.values()].filter((series) => series.source === source);
    const results = await Promise.allSettled(series.map((series) => series.sync()));
    const unsynced = this.#unsynced.get(source);
    this.#unsynced.delete(source);
    if (unsynced !== undefined) throw unsynced;
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** How many files are open. */
  *figures(): Generator<SinkFigure> {
    let value = 0;
    for (const { openFiles } of this.#series.values()) value += openFiles;
    yield { name: "open_files", value };
  }

  /**
   * Waits for the writes under way, then syncs and closes every file. Writes that begin later are refused.
   *
   * @throws {SinkError} If a file could not be synced, or not be cut back to its last whole batch. All are closed even so.
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    const errors: SinkError[] = [];
    await Promise.all(Array.from(this.#series.values(), (series) =>
      series.exclusively(async () => {
        await series.rollBack().catch((error) => errors.push(error));
        await series.closeFiles();
      })));
    this.#series.clear();
    const [error] = [...this.#unsynced.values(), ...errors];
    if (error !== undefined) throw error;
  }

  #throwIfClosed(): void {
    if (this.#closing === undefined) return;
    const message = `Cannot write to '${this.#directory}': the sink is closed`;
    throw new SinkError(message, { kind: "closed", retryable: false });
  }

  #createSeries(source: string, format: RecordFormat): FileSeries {
    return new FileSeries({
      source,
      maxBytes: this.#maxBytes,
      open: () => this.#openFile(source, format),
      onUnsynced: (error) => this.#unsynced.set(source, error),
    });
  }

  async #openFile(source: string, format: RecordFormat): Promise<OutputFile> {
    this.#filesBeingOpened++;
    try {
      await this.#closeLeastRecentlyWritten();
      const directory = `${this.#directory}/${source}`;
      try {
        await this.#fileSystem.mkdir(directory, { recursive: true });
      } catch (error) {
        throw toSinkError(error, `Cannot create directory '${directory}'`);
      }
      const { path, handle } = await this.#createFile(directory, EXTENSIONS[format]);
      const openedAt = this.#monotonicNow();
      this.#nextExpiry = Math.min(this.#nextExpiry, openedAt + this.#maxAge);
      return new OutputFile(handle, { path, openedAt, fileSystem: this.#fileSystem });
    } finally {
      this.#filesBeingOpened--;
    }
  }

  async #createFile(directory: string, extension: string): Promise<{ path: string; handle: FileHandle }> {
    for (let tried = 1;; tried++) {
      const path = `${directory}/${this.#nextName()}.${extension}`;
      try {
        return { path, handle: await this.#fileSystem.open(path, { append: true, createNew: true }) };
      } catch (error) {
        if (error instanceof Deno.errors.AlreadyExists && tried < MAX_NAMES_TRIED) continue;
        throw toSinkError(error, `Cannot create '${path}'`);
      }
    }
  }

  /** Names sort as they were given out: the time in them never goes back, and the number has always four digits. */
  #nextName(): string {
    const now = this.#now();
    this.#nameNumber++;
    if (now > this.#nameTime || this.#nameNumber > 9_999) {
      this.#nameTime = Math.max(now, this.#nameTime + 1);
      this.#nameNumber = 0;
    }
    const time = new Date(this.#nameTime).toISOString().replaceAll(/[-:]/g, "");
    return `${time}-${String(this.#nameNumber).padStart(4, "0")}`;
  }

  /** Closes files until one more may be opened, except those being written. */
  async #closeLeastRecentlyWritten(): Promise<void> {
    let open = this.#filesBeingOpened;
    for (const series of this.#series.values()) open += series.openFiles;
    for (const [key, series] of [...this.#series]) {
      if (open <= this.#maxOpenFiles) return;
      if (series.busy) continue;
      open -= series.openFiles;
      await this.#closeSeries(key, series);
    }
  }

  async #closeExpired(): Promise<void> {
    const now = this.#monotonicNow();
    if (now < this.#nextExpiry) return;
    this.#nextExpiry = Infinity;
    const closed: Promise<void>[] = [];
    for (const [key, series] of this.#series) {
      const expiry = (series.openedAt ?? Infinity) + this.#maxAge;
      if (expiry <= now && !series.busy) closed.push(this.#closeSeries(key, series));
      else this.#nextExpiry = Math.min(this.#nextExpiry, expiry);
    }
    await Promise.all(closed);
  }

  async #closeSeries(key: string, series: FileSeries): Promise<void> {
    await series.exclusively(async () => {
      try {
        await series.rollBack();
      } catch {
        return; // It keeps its file, and tries again, and says so, at its next write.
      }
      await series.closeFiles();
      this.#forgetIfClosed(key, series);
    });
  }

  /** Another may have taken its place since the caller looked it up. */
  #forgetIfClosed(key: string, series: FileSeries): void {
    if (series.openFiles === 0 && this.#series.get(key) === series) this.#series.delete(key);
  }
}
