import type { Batch } from "../collector/batch.ts";
import { encodedBytes, encodeRecords } from "./file_encoding.ts";
import type { OutputFile } from "./output_file.ts";
import type { SinkError } from "./sink.ts";

/** What a {@linkcode FileSeries} needs of its sink. */
export interface FileSeriesOptions {
  /** Name of the source whose batches it gets. */
  source: string;
  /** Files do not grow beyond this, unless a single record is larger. */
  maxBytes: number;
  /** Creates the next file of the series. */
  open(): Promise<OutputFile>;
  /** Told when a file could not be synced before it was closed: its batches were taken, but may not last. */
  onUnsynced(error: SinkError): void;
}

/**
 * The files, one after the other, that the batches of one source and one format go to.
 *
 * Between batches at most one of them is open. A batch that does not fit into what is left of it is continued in the
 * next file, at the boundary of a record; all files that a batch goes to stay open until it is whole, and if it
 * does not get that far, they are cut back to what they were. So a batch is in the files altogether or not at all, and
 * a retry knows nothing of the attempt before it. Should cutting back fail too, the files stay open and dirty, and
 * nothing is written to the series until it has succeeded: a torn record can be the last of a file for a while, but
 * nothing ever comes after it.
 */
export class FileSeries {
  readonly #options: FileSeriesOptions;
  readonly #files: OutputFile[] = [];
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;

  /** @param options What the series needs of its sink. */
  constructor(options: FileSeriesOptions) {
    this.#options = options;
  }

  /** Name of its source. */
  get source(): string {
    return this.#options.source;
  }

  /** How many of its files are open. */
  get openFiles(): number {
    return this.#files.length;
  }

  /** When the oldest open file was created, on the sink's monotonic clock; `undefined` if none is open. */
  get openedAt(): number | undefined {
    return this.#files[0]?.openedAt;
  }

  /** Whether something is done to the series, or waits its turn for it. */
  get busy(): boolean {
    return this.#queued > 0;
  }

  /**
   * Does something to the series while nothing else is done to it.
   *
   * @param action What to do, when its turn has come.
   * @returns What it resolves to.
   */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    this.#queued++;
    const result = this.#tail.then(action).finally(() => this.#queued--);
    this.#tail = result.then(() => {}, () => {});
    return result;
  }

  /**
   * Appends a batch, all of it or nothing.
   *
   * @param batch The batch.
   * @throws {SinkError} If it was not written.
   */
  async write(batch: Batch): Promise<void> {
    await this.rollBack();
    try {
      for (let record = 0; record < batch.ends.length;) {
        const file = await this.#fileFor(batch, record);
        const end = this.#lastThatFits(batch, record, file.size);
        await file.append(encodeRecords(batch, record, end));
        record = end;
      }
    } catch (error) {
      // If this fails, it is tried again, and its error thrown, before the next write.
      await this.rollBack().catch(() => {});
      throw error;
    }
    for (const file of this.#files) file.commit();
    await this.#close(1);
  }

  /**
   * Cuts every file back to the last whole batch, and drops those that were begun since.
   *
   * @throws {SinkError} If that failed; it can be called again.
   */
  async rollBack(): Promise<void> {
    for (let file = this.#files.at(-1); file !== undefined; file = this.#files.at(-1)) {
      await file.rollBack();
      if (this.#files.length === 1) return;
      this.#files.pop();
      await file.close();
    }
  }

  /**
   * Waits until what was written is on the medium.
   *
   * @throws {SinkError} If that failed for a file; the others are synced nevertheless.
   */
  async sync(): Promise<void> {
    const results = await Promise.allSettled(this.#files.map((file) => file.sync()));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  /** Syncs and closes all files of the series. The next write begins a new one. */
  async closeFiles(): Promise<void> {
    await this.#close(0);
  }

  async #close(keep: number): Promise<void> {
    while (this.#files.length > keep) {
      // It leaves the list only afterwards, so that a `sync()` meanwhile waits for this one.
      await this.#files[0]!.close().catch(this.#options.onUnsynced);
      this.#files.shift();
    }
  }

  async #fileFor(batch: Batch, record: number): Promise<OutputFile> {
    const current = this.#files.at(-1);
    if (current !== undefined && this.#lastThatFits(batch, record, current.size) > record) return current;
    const next = await this.#options.open();
    this.#files.push(next);
    return next;
  }

  /** The index after the last record that fits into a file of that size; a record always fits into an empty file. */
  #lastThatFits(batch: Batch, record: number, size: number): number {
    const room = this.#options.maxBytes - size;
    const all = batch.ends.length;
    if (encodedBytes(batch, record, all) <= room) return all;
    let end = record;
    while (encodedBytes(batch, record, end + 1) <= room) end++;
    return end === record && size === 0 ? record + 1 : end;
  }
}
