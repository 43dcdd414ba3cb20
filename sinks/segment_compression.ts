import { COMPRESSED_SUFFIXES, type Compression, TEMPORARY_SUFFIX } from "./finished_name.ts";
import { CompressionThread } from "./compression_thread.ts";
import { toSinkError } from "./io_error.ts";
import type { Retention } from "./retention.ts";
import type { Semaphore } from "./semaphore.ts";
import type { SinkError } from "./sink.ts";
import type { StoreFileSystem } from "./store_file_system.ts";
import type { Tell } from "./tell.ts";

/** The most segments that are remembered as waiting. Of more it is only known that there are some. */
export const MAX_WAITING = 1_000;

/** The pause after a failure, in milliseconds; it doubles with each one in a row, up to the longest. */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 60_000;

/** A segment that is to be compressed, and how. */
export interface CompressionJob {
  readonly path: string;
  readonly compression: Exclude<Compression, "none">;
}

/** What {@linkcode SegmentCompression} needs of the store. */
export interface SegmentCompressionOptions {
  readonly fileSystem: StoreFileSystem;
  /** One permit: who has it puts a compressed segment in the place of its original, and nobody looks or deletes meanwhile. */
  readonly changes: Semaphore;
  /** How many bytes may be written until too little of the disk is free. */
  room(): Promise<number>;
  /** Looks for segments that wait, and adds them, if there may be more than were remembered. */
  search(): Promise<void>;
  /** Is told by how much more or less is stored, and what became of a segment. */
  readonly retention: Pick<Retention, "changed" | "compressed">;
  readonly tell: Tell;
}

/** What was compressed. */
export interface CompressionCounts {
  files: number;
  /** Bytes of the segments. */
  input: number;
  /** Bytes that became of them. */
  output: number;
  failures: number;
}

/**
 * Compresses segments, one at a time, on another thread, which is there only while there is something to do.
 *
 * The compressed segment is made under a temporary name and synced; it gets its name, that is synced, and only then the
 * original is removed. Whenever that is cut short, the original is still there, and everything is done again.
 */
export class SegmentCompression {
  readonly counts: CompressionCounts = { files: 0, input: 0, output: 0, failures: 0 };
  readonly #options: SegmentCompressionOptions;
  readonly #thread = new CompressionThread();
  /** By path, those that wait longest first. */
  readonly #waiting = new Map<string, CompressionJob>();
  /** Whether others wait that are not remembered. */
  #more = false;
  #running: Promise<void> | undefined;
  #failuresInARow = 0;
  #toldKind: string | undefined;
  /** What failed and has not succeeded since: paths of segments, or nothing for the search of more. */
  readonly #failing = new Set<string>();
  #wake: (() => void) | undefined;
  #closed = false;

  /** @param options What it needs of the store. */
  constructor(options: SegmentCompressionOptions) {
    this.#options = options;
  }

  /** How many segments wait, as far as remembered, the one that is being compressed included. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Has a segment compressed when its turn comes.
   *
   * @param job Which, and how.
   */
  add(job: CompressionJob): void {
    if (this.#closed || this.#waiting.has(job.path)) return;
    if (this.#waiting.size >= MAX_WAITING) this.#more = true;
    else this.#waiting.set(job.path, job);
    this.#start();
  }

  /** Has it looked for more segments once those that are remembered are compressed. */
  expectMore(): void {
    this.#more = true;
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#waiting.size > 0 && !this.#closed) this.#start(); // it came when the end was decided already
    });
  }

  /** Ends what is under way. The original of a segment that was being compressed is untouched. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#waiting.clear();
    this.#wake?.();
    this.#thread.stop();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const [job] = this.#waiting.values();
      if (job === undefined) {
        if (!this.#more) break;
        this.#more = false;
        if (!await this.#attempt(() => this.#options.search())) this.#more = true;
      } else if (await this.#attempt(() => this.#compress(job), job.path)) {
        this.#waiting.delete(job.path);
      } else if (this.#waiting.delete(job.path)) {
        this.#waiting.set(job.path, job); // it may be the fault of this one alone: first the others
      }
    }
    this.#thread.stop();
  }

  /** Does something; if it fails, counts that, tells it once, and waits. */
  async #attempt(action: () => Promise<void>, path = ""): Promise<boolean> {
    try {
      await action();
    } catch (error) {
      if (this.#closed) return false;
      this.#failing.add(path);
      await this.#fail(toSinkError(error, "Cannot look for segments to compress"));
      return false;
    }
    this.#failuresInARow = 0;
    if (this.#failing.delete(path) && this.#failing.size === 0) {
      this.#options.tell("info", "segments are compressed again", {});
      this.#toldKind = undefined;
    }
    return true;
  }

  async #fail({ kind, message }: SinkError): Promise<void> {
    this.counts.failures++;
    if (kind !== this.#toldKind) {
      this.#options.tell("warn", "segment cannot be compressed", { kind, error: message });
    }
    this.#toldKind = kind;
    const pause = Math.min(FIRST_PAUSE * 2 ** this.#failuresInARow++, LONGEST_PAUSE);
    this.#thread.stop();
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, pause);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  async #compress({ path, compression }: CompressionJob): Promise<void> {
    const { fileSystem, changes, room, retention } = this.#options;
    const target = path + COMPRESSED_SUFFIXES[compression];
    const temporary = target + TEMPORARY_SUFFIX;
    const before = await this.#sizeOf(path);
    if (before === undefined) return; // somebody was faster: who ships it, or retention
    try {
      const maxBytes = await room();
      if (this.#closed) return; // no thread is started any more
      const bytes = await this.#thread.run({ from: path, to: temporary, compression, maxBytes });
      using _permit = await changes.acquire();
      const replaced = await this.#sizeOf(target);
      // What is gone must not come back under another name; and once this is closed, no original is touched any more.
      if (await this.#sizeOf(path) === undefined || this.#closed) {
        await removeIfThere(fileSystem, temporary);
        return;
      }
      await fileSystem.rename(temporary, target);
      retention.changed({ files: replaced === undefined ? 1 : 0, bytes: bytes - (replaced ?? 0) });
      await fileSystem.syncDirectory(path.slice(0, path.lastIndexOf("/")));
      if (!await removeIfThere(fileSystem, path)) {
        // Gone since it was looked for: it must not come back either.
        if (await removeIfThere(fileSystem, target)) retention.changed({ files: -1, bytes: -bytes });
        return;
      }
      retention.changed({ files: -1, bytes: -before });
      retention.compressed(path, { path: target, bytes, compression });
      this.counts.files++;
      this.counts.input += before;
      this.counts.output += bytes;
    } catch (error) {
      // If that fails too, it is begun anew by the next attempt, or removed by the next start.
      await removeIfThere(fileSystem, temporary).catch(() => {});
      const failure = toSinkError(error, `Cannot compress '${path}'`);
      if (failure.kind === "ENOENT" && await this.#sizeOf(path) === undefined) return;
      throw failure;
    }
  }

  async #sizeOf(path: string): Promise<number | undefined> {
    try {
      return (await this.#options.fileSystem.stat(path)).size;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw toSinkError(error, `Cannot compress '${path}'`);
    }
  }
}

/** Says whether it was there. */
async function removeIfThere(fileSystem: StoreFileSystem, path: string): Promise<boolean> {
  try {
    await fileSystem.remove(path);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
  }
}
