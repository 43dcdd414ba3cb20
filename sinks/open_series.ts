import type { RecordFormat } from "../collector/batch.ts";
import type { FileSeries } from "./file_series.ts";
import { SinkError } from "./sink.ts";

/** What the system says where a process, or all of them together, may open no more files. */
const TOO_MANY: readonly string[] = ["EMFILE", "ENFILE"];

/** For how long fewer segments are kept open, in milliseconds: whoever else had opened many files may close them. */
const FEWER_FOR = 60_000;

/** Options of {@linkcode OpenSeries}. */
export interface OpenSeriesOptions {
  /** How many segments are kept open. */
  readonly limit: number;
  /** A clock in milliseconds that does not jump. */
  now(): number;
  /** Is told that the system allows fewer, and how many are kept open for now. */
  onFewer(limit: number): void;
}

/**
 * The series of a sink that have open segments, and how many files they may keep open.
 *
 * A segment that has to be closed for another one is finished, with its syncs and its name, and its source begins a new one
 * with its next batch: that costs more than ten writes, so the limit is meant never to be reached. Where the system allows
 * fewer files than that, the limit becomes three quarters of what it allowed, which leaves some to the sockets. A minute
 * later it is what it was: it may have been the sockets that were too many.
 */
export class OpenSeries {
  readonly #options: OpenSeriesOptions;
  /** By format and source. One text of both would be made, and gone through by the runtime, for every write. */
  readonly #series = new Map<RecordFormat, Map<string, FileSeries>>();
  #limit: number;
  /** Until when that is less than it was meant to be. */
  #fewerUntil = Infinity;
  #beingOpened = 0;
  /** How often something was written. */
  #writes = 0;

  /** @param options How many files may be open. */
  constructor(options: OpenSeriesOptions) {
    this.#options = options;
    this.#limit = options.limit;
  }

  /** How many segments are open. */
  get files(): number {
    let files = 0;
    for (const { openFiles } of this) files += openFiles;
    return files;
  }

  /** How many of those are full and not finished. */
  get fullFiles(): number {
    let files = 0;
    for (const { fullFiles } of this) files += fullFiles;
    return files;
  }

  /** Every series of which something is open. */
  *[Symbol.iterator](): IterableIterator<FileSeries> {
    for (const bySource of this.#series.values()) yield* bySource.values();
  }

  /**
   * @param format What a series is of.
   * @param source Name of its source.
   * @returns The series, if something of it is open.
   */
  get(format: RecordFormat, source: string): FileSeries | undefined {
    return this.#series.get(format)?.get(source);
  }

  /**
   * Takes note that a series is written to, which makes it the last one to be finished for another.
   *
   * @param series The series.
   */
  touch(series: FileSeries): void {
    const { format, source } = series;
    series.writtenAt = this.#writes++;
    if (this.get(format, source) === series) return;
    const bySource = this.#series.get(format) ?? new Map<string, FileSeries>();
    this.#series.set(format, bySource.set(source, series));
  }

  /** Forgets every series. */
  clear(): void {
    this.#series.clear();
  }

  /**
   * Does something to a series in its turn, and forgets it in the same turn when nothing of it is open any more.
   *
   * @param series The series.
   * @param action What to do.
   */
  exclusively(series: FileSeries, action: () => Promise<void>): Promise<void> {
    return series.exclusively(async () => {
      try {
        await action();
      } finally {
        // Another may have taken its place since the caller looked it up.
        const { format, source, openFiles } = series;
        if (openFiles === 0 && this.get(format, source) === series) this.#series.get(format)!.delete(source);
      }
    });
  }

  /**
   * Opens one more segment, for which others are finished where they are too many, except those being written.
   *
   * @param open Opens it.
   * @returns What it returned.
   * @throws {SinkError} What it threw.
   */
  async open<T>(open: () => Promise<T>): Promise<T> {
    this.#beingOpened++;
    try {
      await this.#makeRoom();
      try {
        return await open();
      } catch (error) {
        if (!(error instanceof SinkError) || !TOO_MANY.includes(error.kind)) throw error;
        if (!await this.#makeDo()) throw error;
        return await open();
      }
    } finally {
      this.#beingOpened--;
    }
  }

  /** Makes do with fewer files than are open. Says whether any could be closed. */
  async #makeDo(): Promise<boolean> {
    const before = this.files;
    const limit = Math.max(1, Math.floor(before * 3 / 4));
    this.#fewerUntil = this.#options.now() + FEWER_FOR;
    if (limit < this.#limit) {
      this.#limit = limit;
      this.#options.onFewer(limit);
    }
    await this.#makeRoom();
    return this.files < before;
  }

  async #makeRoom(): Promise<void> {
    if (this.#options.now() >= this.#fewerUntil) {
      this.#limit = this.#options.limit;
      this.#fewerUntil = Infinity;
    }
    let open = this.#beingOpened + this.files;
    if (open <= this.#limit) return;
    const byTime = [...this].sort((a, b) => a.writtenAt - b.writtenAt);
    for (const series of byTime) {
      if (open <= this.#limit) return;
      if (series.busy) continue;
      open -= series.openFiles;
      // If that fails, it keeps its segment, and tries again, and says so, at its next write.
      await this.exclusively(series, () => series.finish()).catch(() => {});
    }
  }
}
