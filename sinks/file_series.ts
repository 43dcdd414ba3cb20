import type { Batch, RecordFormat } from "../collector/batch.ts";
import { encodedBytes, encodeRecords } from "./file_encoding.ts";
import { FullSegments } from "./full_segments.ts";
import type { Segment } from "./segment.ts";
import type { Semaphore } from "./semaphore.ts";

/** What a {@linkcode FileSeries} needs of its sink. */
export interface FileSeriesOptions {
  /** Name of the source that its batches come from. */
  readonly source: string;
  /** What they are of. */
  readonly format: RecordFormat;
  /** Segments do not grow beyond this, unless a single record is larger. */
  readonly maxBytes: number;
  /** Nothing more goes to a segment that is older than this, in milliseconds. */
  readonly maxAge: number;
  /** Whether a batch counts as written only once it is synced. */
  readonly synced: boolean;
  /** The clock that segments are aged by, in milliseconds. */
  now(): number;
  /** Sees to it that there is room on the disk. */
  reserve(bytes: number): Disposable | Promise<Disposable>;
  /** Begins the next segment of the series. */
  open(): Promise<Segment>;
  /** How many full segments of all series are finished at once. */
  readonly finishers: Semaphore;
  /** Is told when a full segment could not be finished in the background; `expiry` is past then. */
  onUnfinished(): void;
}

/**
 * The segments, one after the other, that the batches of one source and one format go to.
 *
 * Between batches at most one of them is open for more. A batch that does not fit into what is left of it is continued
 * in the next one, at the boundary of a record; all segments that a batch goes to stay open until it is whole, and if
 * it does not get that far, they are cut back to what they were. So a batch is in the files altogether or not at all,
 * and a retry knows nothing of the attempt before it. Those that are full then are finished in the background. Should
 * cutting back fail, or finishing a segment, it stays, and nothing more is begun in the series until it has succeeded: a
 * torn record can be the last of an open segment for a while, but nothing ever comes after it.
 */
export class FileSeries {
  readonly source: string;
  readonly format: RecordFormat;
  /** When it was written to last, by a clock of the sink that counts writes. */
  writtenAt = 0;
  readonly #options: FileSeriesOptions;
  /** Whole, and come before all others. */
  readonly #full: FullSegments;
  /** Those that the batch under way goes to, oldest first; between batches the one that is open for more. */
  readonly #segments: Segment[] = [];
  #tail: Promise<void> = Promise.resolve();
  #queued = 0;
  readonly #ended = () => void this.#queued--;

  /** @param options What the series needs of its sink. */
  constructor(options: FileSeriesOptions) {
    this.source = options.source;
    this.format = options.format;
    this.#options = options;
    this.#full = new FullSegments(options.finishers, () => options.onUnfinished());
  }

  /** How many of its segments are open, full ones too. */
  get openFiles(): number {
    return this.#full.count + this.#segments.length;
  }

  /** How many of those are full and not finished. */
  get fullFiles(): number {
    return this.#full.count;
  }

  /**
   * When the oldest open segment will be too old, on the sink's monotonic clock; never, if none is open. It is too old already
   * where a full one could not be finished.
   */
  get expiry(): number {
    if (this.#full.failed) return -Infinity;
    const [oldest = this.#segments[0]] = this.#full;
    return (oldest?.openedAt ?? Infinity) + this.#options.maxAge;
  }

  /** Whether something is done to the series, or waits its turn for it. */
  get busy(): boolean {
    return this.#queued > 0;
  }

  /**
   * Does something to the series while nothing else is done to it.
   *
   * @param action What to do, when its turn has come; at once if nothing is done to it. It does not throw, it rejects.
   * @returns What it resolves to.
   */
  exclusively<T>(action: () => Promise<T>): Promise<T> {
    const result = this.#queued++ === 0 ? action() : this.#tail.then(action);
    this.#tail = result.then(this.#ended, this.#ended);
    return result;
  }

  /**
   * Appends a batch, all of it or nothing.
   *
   * @param batch The batch.
   * @throws {SinkError} If it was not written.
   */
  async write(batch: Batch): Promise<void> {
    if (!this.#settled) await this.settle();
    if (!this.#full.hasRoom) await this.#full.makeRoom();
    const reserved = this.#options.reserve(encodedBytes(batch, 0, batch.ends.length));
    using _room = reserved instanceof Promise ? await reserved : reserved;
    try {
      for (let record = 0; record < batch.ends.length;) {
        const segment = this.#segmentFor(batch, record) ?? await this.#begin();
        const end = this.#lastThatFits(batch, record, segment.size);
        await segment.append(encodeRecords(batch, record, end));
        record = end;
      }
      if (this.#options.synced) await syncAll(this.#segments); // full ones were, each batch in its time
    } catch (error) {
      // If this fails, it is tried again, and its error thrown, before the next write.
      await this.#rollBack().catch(() => {});
      throw error;
    }
    for (const segment of this.#segments) segment.commit();
    if (this.#segments.length > 1) this.#full.add(this.#segments.splice(0, this.#segments.length - 1));
  }

  /**
   * Cuts every segment back to its last whole batch, and finishes those that nothing more will go to; waits for the full
   * ones.
   *
   * @throws {SinkError} If that failed; it can be called again.
   */
  async settle(): Promise<void> {
    await this.#rollBack();
    await this.#finish(this.#goesOn(this.#segments.at(-1)) ? 1 : 0);
  }

  /**
   * The same, and finishes every segment.
   *
   * @throws {SinkError} If that failed; it can be called again.
   */
  async finish(): Promise<void> {
    await this.#rollBack();
    await this.#finish(0);
  }

  /** Lets go of every segment as it is, for the next start to finish. */
  async release(): Promise<void> {
    await this.#full.release();
    for (const segment of this.#segments.splice(0)) await segment.release();
  }

  /**
   * Waits until what was written is on the medium.
   *
   * @throws {SinkError} If that failed for a segment; the others are synced nevertheless.
   */
  async sync(): Promise<void> {
    await syncAll([...this.#full, ...this.#segments]);
  }

  /** The same on nobody's behalf; the observer of the segments is told of failures. */
  async syncForNobody(): Promise<void> {
    await Promise.all([...this.#full, ...this.#segments].map((segment) => segment.syncForNobody()));
  }

  /** Whether there is nothing to settle before the next batch, full segments aside. */
  get #settled(): boolean {
    const [first] = this.#segments;
    return this.#segments.length <= 1 && (first === undefined || first.whole && this.#goesOn(first));
  }

  /** Whether the next batch may go to that segment. */
  #goesOn(segment: Segment | undefined): boolean {
    const { maxAge, now } = this.#options;
    return segment?.usable === true && now() < segment.openedAt + maxAge;
  }

  async #rollBack(): Promise<void> {
    for (const segment of this.#segments.toReversed()) await segment.rollBack();
    // What was begun for a batch that did not get to its end.
    for (let last = this.#segments.at(-1); last?.size === 0 && this.#segments.length > 1;) {
      await last.finish();
      this.#segments.pop();
      last = this.#segments.at(-1);
    }
  }

  async #finish(keep: number): Promise<void> {
    await this.#full.finish();
    while (this.#segments.length > keep) {
      // It leaves the list only afterwards, so that a `sync()` meanwhile waits for this one.
      await this.#segments[0]!.finish();
      this.#segments.shift();
    }
  }

  /** The open segment, if it has room for that record. */
  #segmentFor(batch: Batch, record: number): Segment | undefined {
    const current = this.#segments.at(-1);
    return current !== undefined && this.#lastThatFits(batch, record, current.size) > record
      ? current
      : undefined;
  }

  async #begin(): Promise<Segment> {
    const next = await this.#options.open();
    this.#segments.push(next);
    return next;
  }

  /** The index after the last record that fits into a segment of that size; a record always fits into an empty one. */
  #lastThatFits(batch: Batch, record: number, size: number): number {
    const room = this.#options.maxBytes - size;
    const all = batch.ends.length;
    if (encodedBytes(batch, record, all) <= room) return all;
    let end = record;
    while (encodedBytes(batch, record, end + 1) <= room) end++;
    return end === record && size === 0 ? record + 1 : end;
  }
}

async function syncAll(segments: readonly Segment[]): Promise<void> {
  const results = await Promise.allSettled(segments.map((segment) => segment.sync()));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
