import type { Compression } from "./finished_name.ts";
import { FreeSpace } from "./free_space.ts";
import { scanSegments } from "./segment_scan.ts";
import type { SinkFigure } from "./sink_figures.ts";
import { denoStoreFileSystem, type StoreFileSystem } from "./store_file_system.ts";
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

/** What a file sink has finished: compresses it, deletes what is too old or too much, and keeps some of the disk free. */
export class SegmentStore {
  readonly #directory: string;
  readonly #fileSystem: StoreFileSystem;
  readonly #space: FreeSpace;
  #files = 0;
  #bytes = 0;
  #opened = false;

  /** @param options What becomes of finished segments. */
  constructor(options: SegmentStoreOptions) {
    const {
      directory,
      minFreeBytes = 0,
      tell = () => {},
      storeFileSystem = denoStoreFileSystem,
      monotonicNow = () => performance.now(),
    } = options;
    this.#directory = directory;
    this.#fileSystem = storeFileSystem;
    this.#space = new FreeSpace({
      directory,
      minFreeBytes,
      fileSystem: storeFileSystem,
      makeRoom: () => Promise.resolve(),
      tell,
      monotonicNow,
    });
  }

  /**
   * Looks at what is there. To be called once the directory is locked and what an earlier process left open is
   * finished; a second call does nothing.
   *
   * @throws {Error} If the directory cannot be read.
   */
  async open(): Promise<void> {
    if (this.#opened) return;
    let files = 0;
    let bytes = 0;
    await scanSegments(this.#fileSystem, this.#directory, {
      segment: (segment) => {
        files++;
        bytes += segment.bytes;
      },
    });
    this.#files = files;
    this.#bytes = bytes;
    this.#opened = true;
  }

  /**
   * Takes over a segment that has its name and will not be changed by the sink any more. Returns at once.
   *
   * @param _path Where it is.
   * @param bytes How large it is.
   */
  finished(_path: string, bytes: number): void {
    this.#files++;
    this.#bytes += bytes;
  }

  /**
   * Sees to it that a batch can be written and enough of the disk is still free afterwards:
   * `using _room = await store.reserve(bytes)`.
   *
   * @param bytes How much is to be written.
   * @returns What is disposed of once it is written, or was not.
   * @throws {SinkError} If there is too little room; retryable, its kind is `low_disk_space`.
   */
  reserve(bytes: number): Promise<Disposable> {
    return this.#space.reserve(bytes);
  }

  /** What is there, and what became of the rest. */
  *figures(): Generator<SinkFigure> {
    yield { name: "stored_files", value: this.#files };
    yield { name: "stored_bytes", value: this.#bytes };
    if (this.#space.free !== undefined) yield { name: "disk_free_bytes", value: this.#space.free };
  }

  /** Ends what is under way. What was not compressed is when the directory is opened again. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
