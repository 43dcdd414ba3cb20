import { toSinkError } from "./io_error.ts";
import { OldestSegments } from "./oldest_segments.ts";
import { scanSegments, type StoredSegment } from "./segment_scan.ts";
import type { StoreFileSystem } from "./store_file_system.ts";
import type { Tell } from "./tell.ts";

/** How much is kept of what is finished. What exceeds any of these limits goes, oldest first. */
export interface RetentionLimits {
  /** Bytes of all finished segments together. @default {Infinity} */
  readonly bytes?: number;
  /** Number of finished segments. @default {Infinity} */
  readonly files?: number;
  /** Milliseconds since a segment was last written to. @default {Infinity} */
  readonly age?: number;
}

/** Why a segment was deleted: there were too many bytes or files, or it was too old. */
export const DELETE_REASONS = ["bytes", "files", "age"] as const;

/** Why a segment was deleted. */
export type DeleteReason = typeof DELETE_REASONS[number];

/** Some segments. */
export interface SegmentAmount {
  files: number;
  bytes: number;
}

/** Options of {@linkcode Retention}. */
export interface RetentionOptions {
  /** Where the sink has its files. */
  readonly directory: string;
  readonly limits: RetentionLimits;
  readonly fileSystem: StoreFileSystem;
  readonly tell: Tell;
  /** The wall clock, in milliseconds since the Unix epoch. */
  now(): number;
  /** A clock in milliseconds that does not jump. */
  monotonicNow(): number;
}

/** How many of the oldest segments are looked for at once; where more have to go, they are looked for again. */
const OLDEST = 1_000;

/** Longest time between two looks at what is there, in milliseconds. */
const LONGEST_INTERVAL = 60_000;
const SHORTEST_INTERVAL = 1_000;

/** A look at very many files takes its time: for nine times as long there is no other. */
const PAUSE_FACTOR = 9;

/**
 * Knows how much is stored, and deletes the oldest of it where that is too much.
 *
 * What is there is looked up whenever something is to be deleted, as others may take segments away. Only regular files
 * are deleted whose names are those of finished segments.
 *
 * A segment is as old as the younger one of two times says: that in its name, and that of its last change. One that is
 * from the future, because the clock was set back, is not old at all.
 */
export class Retention {
  /** What was deleted. */
  readonly deleted: Readonly<Record<DeleteReason, SegmentAmount>> = {
    bytes: { files: 0, bytes: 0 },
    files: { files: 0, bytes: 0 },
    age: { files: 0, bytes: 0 },
  };
  /** Attempts to look at what is there or to delete some of it that failed. */
  failures = 0;
  readonly #options: RetentionOptions;
  readonly #limits: Required<RetentionLimits>;
  /** What is there: no less than in fact, but for what others may have put there. */
  #stored: SegmentAmount = { files: 0, bytes: 0 };
  /** What was finished since the look under way began, which may have seen it or not. */
  #finishedMeanwhile: SegmentAmount | undefined;
  #enforcing: Promise<void> | undefined;
  #notBefore = -Infinity;
  #interval: ReturnType<typeof setInterval> | undefined;
  #delayed: ReturnType<typeof setTimeout> | undefined;
  /** What it failed with last, until it does not fail any more. */
  #failure: string | undefined;
  #failed = false;
  #closed = false;

  /** @param options Where, and how much is kept. */
  constructor(options: RetentionOptions) {
    const { bytes = Infinity, files = Infinity, age = Infinity } = options.limits;
    this.#options = options;
    this.#limits = { bytes, files, age };
  }

  /** How much is stored, as far as known. */
  get stored(): Readonly<SegmentAmount> {
    return this.#stored;
  }

  /** Deletes what is too much, and begins to do so every now and then. */
  async start(): Promise<void> {
    const interval = Math.min(Math.max(this.#limits.age / 10, SHORTEST_INTERVAL), LONGEST_INTERVAL);
    this.#interval = setInterval(() => void this.enforce(), interval);
    await this.enforce();
  }

  /**
   * Takes a finished segment into account, and deletes others in the background if that makes too much.
   *
   * @param bytes How large it is.
   */
  finished(bytes: number): void {
    for (const amount of [this.#stored, this.#finishedMeanwhile]) {
      if (amount === undefined) continue;
      amount.files++;
      amount.bytes += bytes;
    }
    if (this.#exceeds(this.#stored)) void this.enforce();
  }

  /**
   * Takes into account that segments are stored in another way than they were.
   *
   * @param change By how much, as a rule less than nothing.
   */
  changed({ files, bytes }: SegmentAmount): void {
    // A look under way may have seen it already. It is not subtracted twice, and so not by a hair less kept than asked.
    if (this.#finishedMeanwhile !== undefined) return;
    this.#stored.files += files;
    this.#stored.bytes += bytes;
  }

  /** Deletes what is too much. Where that was done a moment ago, and takes long, it is done later. */
  enforce(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    if (this.#enforcing !== undefined) return this.#enforcing;
    const wait = this.#notBefore - this.#options.monotonicNow();
    if (wait > 0) {
      this.#delayed ??= setTimeout(() => {
        this.#delayed = undefined;
        void this.enforce();
      }, wait);
      return Promise.resolve();
    }
    return this.#enforcing = this.#enforce().finally(() => {
      this.#enforcing = undefined;
      // What was finished meanwhile; where something failed, that would fail again.
      if (this.#exceeds(this.#stored) && !this.#failed) void this.enforce();
    });
  }

  /** Deletes nothing more, and waits for what is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#interval);
    clearTimeout(this.#delayed);
    await this.#enforcing;
  }

  async #enforce(): Promise<void> {
    const { monotonicNow } = this.#options;
    const begin = monotonicNow();
    this.#failed = false;
    const before = DELETE_REASONS.map((reason) => ({ reason, ...this.deleted[reason] }));
    try {
      while (await this.#pass());
    } catch (error) {
      this.#fail(error, `Cannot look at what is stored in '${this.#options.directory}'`);
    } finally {
      this.#finishedMeanwhile = undefined;
    }
    if (!this.#failed) this.#failure = undefined;
    for (const { reason, files, bytes } of before) {
      const deleted = this.deleted[reason];
      if (deleted.files === files) continue;
      const fields = { reason, files: deleted.files - files, bytes: deleted.bytes - bytes };
      this.#options.tell("info", "segments deleted", fields);
    }
    this.#notBefore = monotonicNow() + PAUSE_FACTOR * (monotonicNow() - begin);
  }

  /** Looks at everything once and deletes what it can. Returns whether it should do so again. */
  async #pass(): Promise<boolean> {
    const { directory, fileSystem, now } = this.#options;
    const time = now();
    const tooOld = new OldestSegments(OLDEST);
    const others = new OldestSegments(OLDEST);
    const stored = { files: 0, bytes: 0 };
    this.#finishedMeanwhile = { files: 0, bytes: 0 };
    await scanSegments(fileSystem, directory, {
      segment: (segment) => {
        stored.files++;
        stored.bytes += segment.bytes;
        if (time - Math.max(segment.begun, segment.written) > this.#limits.age) tooOld.add(segment);
        else others.add(segment);
      },
    });
    const found = { ...stored };
    let missing = false;
    const remove = async (segment: StoredSegment, reason: DeleteReason) => {
      if (this.#closed) return;
      try {
        await fileSystem.remove(segment.path);
        this.deleted[reason].files++;
        this.deleted[reason].bytes += segment.bytes;
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) {
          this.#fail(error, `Cannot delete '${segment.path}'`);
          return;
        }
        missing = true; // it was taken away, or compressed
      }
      stored.files--;
      stored.bytes -= segment.bytes;
    };
    for (const segment of tooOld.sorted()) await remove(segment, "age");
    for (const segment of others.sorted()) {
      const reason = this.#exceeds(stored);
      if (reason === undefined) break;
      await remove(segment, reason);
    }
    const { files, bytes } = this.#finishedMeanwhile;
    this.#stored = { files: stored.files + files, bytes: stored.bytes + bytes };
    if (this.#closed || this.#failed) return false;
    const moreToDelete = tooOld.more || others.more && this.#exceeds(stored) !== undefined;
    return missing || moreToDelete && stored.files < found.files;
  }

  #exceeds({ files, bytes }: SegmentAmount): "files" | "bytes" | undefined {
    if (files > this.#limits.files) return "files";
    return bytes > this.#limits.bytes ? "bytes" : undefined;
  }

  #fail(error: unknown, failed: string): void {
    this.failures++;
    this.#failed = true;
    const { kind, message } = toSinkError(error, failed);
    if (kind !== this.#failure) this.#options.tell("warn", "retention fails", { kind, error: message });
    this.#failure = kind;
  }
}
