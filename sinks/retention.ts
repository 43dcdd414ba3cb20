import { toSinkError } from "./io_error.ts";
import { Newcomers } from "./newcomers.ts";
import { bySeniority, OldestSegments } from "./oldest_segments.ts";
import { scanSegments, type StoredSegment } from "./segment_scan.ts";
import type { Semaphore } from "./semaphore.ts";
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
  /** One permit: who has it looks at what is stored, or replaces or deletes some of it, and nobody else does. */
  readonly changes: Semaphore;
  readonly tell: Tell;
  /** The wall clock, in milliseconds since the Unix epoch. */
  now(): number;
  /** A clock in milliseconds that does not jump. */
  monotonicNow(): number;
}

/** How many of the oldest segments are remembered; where more have to go, they are looked for again. */
const OLDEST = 1_000;

/** Longest time between two looks at what is there, in milliseconds. */
const LONGEST_INTERVAL = 60_000;
const SHORTEST_INTERVAL = 1_000;

/** A look at very many files takes its time: for nine times as long there is no other. */
const PAUSE_FACTOR = 9;

/**
 * Knows how much is stored, and deletes the oldest of it where that is too much.
 *
 * What is there is looked up before something is deleted, as others may take segments away. Where that was done a moment
 * ago, what it has found is believed. Only regular files are deleted whose names are those of finished segments.
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
  /** Is to be told of every segment that is about to get its name. */
  readonly newcomers: Newcomers = new Newcomers();
  /** Attempts to look at what is there or to delete some of it that failed. */
  failures = 0;
  readonly #options: RetentionOptions;
  readonly #limits: Required<RetentionLimits>;
  /** What is there: no less than in fact, but for what others may have put there. */
  #stored: SegmentAmount = { files: 0, bytes: 0 };
  /** The oldest of it; all of it, if {@linkcode Retention.#knowsAll}. */
  #known: StoredSegment[] = [];
  #knowsAll = false;
  #enforcing: Promise<void> | undefined;
  /** When the next look may begin, on the monotonic clock. */
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
   * @param segment The segment.
   */
  finished(segment: StoredSegment): void {
    this.newcomers.finished(segment);
    this.#add(segment);
    if (this.#exceeds(this.#stored)) void this.enforce();
  }

  /**
   * Takes into account that what is stored was changed. Its caller has the permit for changes, since before it began to put a
   * compressed segment in the place of its original: a look meanwhile might see both of them, or neither.
   *
   * @param change How much more is stored; less, where that is negative.
   */
  changed({ files, bytes }: SegmentAmount): void {
    this.#stored.files += files;
    this.#stored.bytes += bytes;
  }

  /**
   * Takes into account that a segment was compressed; its caller has the permit for changes.
   *
   * @param path What it was.
   * @param now What it is.
   */
  compressed(path: string, now: Pick<StoredSegment, "path" | "bytes" | "compression">): void {
    const at = this.#known.findIndex((segment) => segment.path === path);
    if (at !== -1) this.#known[at] = { ...this.#known[at]!, ...now };
  }

  /** Deletes what is too much. */
  enforce(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return this.#enforcing ??= this.#enforce().finally(() => {
      this.#enforcing = undefined;
      // What was finished meanwhile; where something failed, that would fail again.
      if (this.#exceeds(this.#stored) && !this.#failed && this.#known.length > 0) void this.enforce();
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
    const { monotonicNow, directory, tell, changes } = this.#options;
    using _permit = await changes.acquire();
    if (this.#closed) return;
    const begin = monotonicNow();
    const before = DELETE_REASONS.map((reason) => ({ reason, ...this.deleted[reason] }));
    this.#failed = false;
    if (begin < this.#notBefore) {
      await this.#deleteKnown();
      // Where nothing else is known, or it was taken away, there has to be another look.
      if (this.#exceeds(this.#stored)) this.#enforceLater(this.#notBefore - begin);
    } else {
      try {
        while (await this.#lookAndDelete());
      } catch (error) {
        this.#fail(error, `Cannot look at what is stored in '${directory}'`);
      } finally {
        this.newcomers.endLook();
      }
      this.#notBefore = monotonicNow() + PAUSE_FACTOR * (monotonicNow() - begin);
    }
    if (!this.#failed) this.#failure = undefined;
    for (const { reason, files, bytes } of before) {
      const deleted = this.deleted[reason];
      if (deleted.files === files) continue;
      tell("info", "segments deleted", {
        reason,
        files: deleted.files - files,
        bytes: deleted.bytes - bytes,
      });
    }
  }

  #enforceLater(wait: number): void {
    if (this.#closed) return;
    this.#delayed ??= setTimeout(() => {
      this.#delayed = undefined;
      void this.enforce();
    }, wait);
  }

  /** Looks at everything once and deletes what it can. Returns whether it should do so again. */
  async #lookAndDelete(): Promise<boolean> {
    const { directory, fileSystem, now } = this.#options;
    const time = now();
    const tooOld = new OldestSegments(OLDEST);
    const others = new OldestSegments(OLDEST);
    const stored = { files: 0, bytes: 0 };
    const passesOver = this.newcomers.beginLook();
    await scanSegments(fileSystem, directory, {
      segment: (segment) => {
        if (passesOver(segment.path)) return;
        stored.files++;
        stored.bytes += segment.bytes;
        if (time - Math.max(segment.begun, segment.written) > this.#limits.age) tooOld.add(segment);
        else others.add(segment);
      },
    });
    this.#stored = stored;
    this.#known = [...others.sorted()];
    this.#knowsAll = !others.more;
    for (const segment of this.newcomers.endLook()) this.#add(segment);
    const { files } = stored;
    for (const segment of tooOld.sorted()) if (!this.#closed) await this.#delete(segment, "age");
    const complete = await this.#deleteKnown();
    const moreToDelete = tooOld.more || this.#exceeds(this.#stored) !== undefined;
    return !this.#closed && !this.#failed && moreToDelete && (!complete || this.#stored.files < files);
  }

  /** Deletes what is too much of what is known. Returns whether all of it was where it should be. */
  async #deleteKnown(): Promise<boolean> {
    let complete = true;
    const kept: StoredSegment[] = [];
    for (;;) {
      const reason = this.#exceeds(this.#stored);
      const segment = reason === undefined || this.#closed ? undefined : this.#known.shift();
      if (reason === undefined || segment === undefined) break;
      const outcome = await this.#delete(segment, reason);
      if (outcome === "failed") kept.push(segment);
      else if (outcome === "gone") complete = false;
    }
    this.#known.unshift(...kept);
    return complete;
  }

  async #delete(segment: StoredSegment, reason: DeleteReason): Promise<"deleted" | "gone" | "failed"> {
    let outcome: "deleted" | "gone" = "deleted";
    try {
      await this.#options.fileSystem.remove(segment.path);
      this.deleted[reason].files++;
      this.deleted[reason].bytes += segment.bytes;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        this.#fail(error, `Cannot delete '${segment.path}'`);
        return "failed";
      }
      outcome = "gone"; // it was taken away
    }
    this.#stored.files--;
    this.#stored.bytes -= segment.bytes;
    return outcome;
  }

  #add(segment: StoredSegment): void {
    this.#stored.files++;
    this.#stored.bytes += segment.bytes;
    if (!this.#knowsAll) return;
    // Of several sources, that which was begun first is not always finished first.
    const before = this.#known.findLastIndex((known) => bySeniority(known, segment) <= 0);
    this.#known.splice(before + 1, 0, segment);
    if (this.#known.length <= OLDEST) return;
    this.#known.pop();
    this.#knowsAll = false;
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
