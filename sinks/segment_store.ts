import { type Compression, parseFinishedName } from "./finished_name.ts";
import { FreeSpace } from "./free_space.ts";
import { toSinkError } from "./io_error.ts";
import type { Newcomers } from "./newcomers.ts";
import { OldestSegments } from "./oldest_segments.ts";
import { DELETE_REASONS, Retention, type RetentionLimits } from "./retention.ts";
import { MAX_WAITING, SegmentCompression } from "./segment_compression.ts";
import { scanSegments, type StoredSegment } from "./segment_scan.ts";
import { Semaphore } from "./semaphore.ts";
import type { SinkFigure } from "./sink_figures.ts";
import { denoStoreFileSystem, type StoreFileSystem } from "./store_file_system.ts";
import type { Tell } from "./tell.ts";

/** What becomes of finished segments. */
export interface SegmentStoreOptions {
  /** Where the sink has its files, `{directory}/{source}/{segment}`. */
  readonly directory: string;
  /**
   * How segments are compressed once they are finished.
   *
   * @default {"none"}
   */
  readonly compression?: Compression;
  /**
   * How much is kept.
   *
   * @default {{}}
   */
  readonly retain?: RetentionLimits;
  /**
   * How many bytes of the disk must stay free; 0 for no limit.
   *
   * @default {0}
   */
  readonly minFreeBytes?: number;
  /**
   * Who is told what somebody should know.
   *
   * @default {nobody}
   */
  readonly tell?: Tell;
  /**
   * Where the files are, for tests.
   *
   * @default {denoStoreFileSystem}
   */
  readonly storeFileSystem?: StoreFileSystem;
  /**
   * The wall clock, in milliseconds since the Unix epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * A clock in milliseconds that does not jump.
   *
   * @default {performance.now}
   */
  readonly monotonicNow?: () => number;
}

/**
 * What a file sink has finished: compresses it, deletes what is too old or too much, and keeps some of the disk free.
 */
export class SegmentStore {
  readonly #directory: string;
  readonly #compression: Compression;
  readonly #fileSystem: StoreFileSystem;
  readonly #tell: Tell;
  readonly #space: FreeSpace;
  readonly #retention: Retention;
  readonly #compressor: SegmentCompression;
  #opened = false;

  /** @param options What becomes of finished segments. */
  constructor(options: SegmentStoreOptions) {
    const {
      directory,
      compression = "none",
      retain: limits = {},
      minFreeBytes = 0,
      tell = () => {},
      storeFileSystem: fileSystem = denoStoreFileSystem,
      now = Date.now,
      monotonicNow = () => performance.now(),
    } = options;
    this.#directory = directory;
    this.#compression = compression;
    this.#fileSystem = fileSystem;
    this.#tell = tell;
    const changes = new Semaphore({ permits: 1 });
    this.#retention = new Retention({ directory, limits, fileSystem, changes, tell, now, monotonicNow });
    this.#space = new FreeSpace({
      directory,
      minFreeBytes,
      fileSystem,
      makeRoom: () => this.#retention.enforce(),
      tell,
      monotonicNow,
    });
    this.#compressor = new SegmentCompression({
      fileSystem,
      changes,
      room: async () => {
        if (minFreeBytes > 0) await this.#space.look();
        return this.#space.room;
      },
      search: () => this.#search(),
      retention: this.#retention,
      tell,
    });
  }

  /**
   * Looks at what is there, goes on with what an earlier process has not finished, and deletes what is too much. To be
   * called once the directory is locked and no segment of an earlier process is open; a second call does nothing.
   */
  async open(): Promise<void> {
    if (this.#opened) return;
    this.#opened = true;
    try {
      await this.#search({ removeTemporary: true });
    } catch (error) {
      // It must not keep anybody from writing.
      const { kind, message } = toSinkError(error, `Cannot look at what is stored in '${this.#directory}'`);
      this.#tell("warn", "segments of earlier runs are not compressed", { kind, error: message });
    }
    await this.#retention.start();
  }

  /** Is to be told of every segment that is about to get its name. */
  get newcomers(): Pick<Newcomers, "naming" | "notNamed"> {
    return this.#retention.newcomers;
  }

  /**
   * Takes over a segment that has its name and will not be changed by the sink any more. Returns at once.
   *
   * @param path Where it is.
   * @param bytes How large it is.
   */
  finished(path: string, bytes: number): void {
    const name = path.slice(path.lastIndexOf("/") + 1);
    const { original, time: begun } = parseFinishedName(name) ?? { original: name, time: 0 };
    this.#retention.finished({ path, original, begun, written: begun, bytes, compression: "none" });
    if (this.#compression !== "none") this.#compressor.add({ path, compression: this.#compression });
  }

  /**
   * Sees to it that a batch can be written and enough of the disk is still free afterwards:
   * `using _room = await store.reserve(bytes)`. It is told at once unless the disk has to be looked at.
   *
   * @param bytes How much is to be written.
   * @returns What is disposed of once it is written, or was not.
   * @throws {SinkError} If there is too little room; retryable, its kind is `low_disk_space`.
   */
  reserve(bytes: number): Disposable | Promise<Disposable> {
    return this.#space.reserve(bytes);
  }

  /** What is there, and what became of the rest. */
  *figures(): Generator<SinkFigure> {
    const { stored, deleted, failures } = this.#retention;
    yield { name: "stored_files", value: stored.files };
    yield { name: "stored_bytes", value: stored.bytes };
    for (const reason of DELETE_REASONS) {
      yield { name: "deleted_files", value: deleted[reason].files, labels: { reason } };
      yield { name: "deleted_bytes", value: deleted[reason].bytes, labels: { reason } };
    }
    yield { name: "retention_failures", value: failures };
    const { counts, waiting } = this.#compressor;
    yield { name: "compression_waiting_files", value: waiting };
    yield { name: "compressed_files", value: counts.files };
    yield { name: "compression_input_bytes", value: counts.input };
    yield { name: "compression_output_bytes", value: counts.output };
    yield { name: "compression_failures", value: counts.failures };
    if (this.#space.free !== undefined) yield { name: "disk_free_bytes", value: this.#space.free };
  }

  /** Ends what is under way. What was not compressed then is when the directory is opened again. */
  async close(): Promise<void> {
    await Promise.all([this.#retention.close(), this.#compressor.close()]);
  }

  /**
   * Finds segments that are to be compressed, and those of which there are both forms: a process that ends between
   * giving a compressed segment its name and removing the original leaves both. They are made one again.
   */
  async #search({ removeTemporary = false } = {}): Promise<void> {
    const plain = new OldestSegments(MAX_WAITING);
    const pairs: { path: string; compression: Exclude<Compression, "none"> }[] = [];
    const originals = new Map<string, StoredSegment>();
    const compressed: StoredSegment[] = [];
    const temporary: string[] = [];
    await scanSegments(this.#fileSystem, this.#directory, {
      segment: (segment) => {
        if (this.#retention.newcomers.has(segment.path)) return; // its turn comes once it is told of
        if (segment.compression !== "none") compressed.push(segment);
        else originals.set(segment.original, segment);
      },
      temporary: (path) => temporary.push(path),
      sourceDone: () => {
        for (const { original, compression } of compressed) {
          const segment = originals.get(original);
          if (segment === undefined || compression === "none") continue;
          if (pairs.length < MAX_WAITING) pairs.push({ path: segment.path, compression });
          originals.delete(original);
        }
        if (this.#compression !== "none") { for (const segment of originals.values()) plain.add(segment); }
        originals.clear();
        compressed.length = 0;
      },
    });
    if (removeTemporary) { for (const path of temporary) await this.#fileSystem.remove(path); }
    for (const pair of pairs) this.#compressor.add(pair);
    const compression = this.#compression;
    if (compression === "none") return;
    for (const { path } of plain.sorted()) this.#compressor.add({ path, compression });
    if (plain.more) this.#compressor.expectMore();
  }
}
