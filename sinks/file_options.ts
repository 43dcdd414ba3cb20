import { denoFileSystem, type FileSystem } from "./file_system.ts";
import type { SegmentStoreOptions } from "./segment_store.ts";
import type { Tell } from "./tell.ts";

/** When what was written is synced (`fdatasync`), beside the end of each segment. */
export type SyncMode = "none" | "interval" | "batch";

/** How a file sink lays out its files, and what becomes of them. */
export interface FileSinkOptions extends SegmentStoreOptions {
  /** Where the files go; created when it is not there. */
  readonly directory: string;
  /**
   * A segment does not grow beyond this many bytes, unless a single record is larger; that one gets a segment of its
   * own.
   *
   * @default {134217728}
   */
  readonly maxBytes?: number;
  /**
   * A segment older than this, in milliseconds, is finished, whether anything is written or not.
   *
   * @default {3600000}
   */
  readonly maxAge?: number;
  /**
   * When what was written is synced, beside what somebody waits for: never before the end of a segment, every so often,
   * or each batch before it counts as written.
   *
   * @default {"none"}
   */
  readonly sync?: SyncMode;
  /**
   * How often that is, where it is every so often, in milliseconds.
   *
   * @default {1000}
   */
  readonly syncInterval?: number;
  /**
   * How many segments are kept open. One more finishes that which was written to longest ago, and its source begins a
   * new one with its next batch, so choose it larger than the number of sources. It is exceeded by segments being
   * written, and becomes smaller for a minute where the system allows fewer files.
   *
   * @default {512}
   */
  readonly maxOpenFiles?: number;
  /**
   * Who is told what somebody should know.
   *
   * @default {nobody}
   */
  readonly tell?: Tell;
  /**
   * Where the files are, for tests.
   *
   * @default {denoFileSystem}
   */
  readonly fileSystem?: FileSystem;
  /**
   * The wall clock, which names the files, in milliseconds since the Unix epoch.
   *
   * @default {Date.now}
   */
  readonly now?: () => number;
  /**
   * The clock that ages them, in milliseconds, and must not jump.
   *
   * @default {performance.now}
   */
  readonly monotonicNow?: () => number;
}

/** The options of a file sink without those that are for its store alone. */
export type FileLayout = Required<Omit<FileSinkOptions, StoreOnly>>;

type StoreOnly = Exclude<keyof SegmentStoreOptions, "directory" | "tell" | "now" | "monotonicNow">;

/**
 * Supplies defaults, and checks what is left.
 *
 * @param options What was given.
 * @returns All options but those of the store.
 * @throws {TypeError} If `directory` is empty.
 * @throws {RangeError} If a limit is not positive, or not an integer where it counts something.
 */
export function resolveFileOptions(options: FileSinkOptions): FileLayout {
  const {
    directory,
    maxBytes = 128 * 1024 * 1024,
    maxAge = 60 * 60 * 1_000,
    sync = "none",
    syncInterval = 1_000,
    maxOpenFiles = 512,
    tell = () => {},
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
  for (const [name, value] of Object.entries({ maxAge, syncInterval })) {
    if (!(value > 0)) {
      throw new RangeError(`Cannot create file sink: '${name}' must be positive, current value is ${value}`);
    }
  }
  return {
    directory,
    maxBytes,
    maxAge,
    sync,
    syncInterval,
    maxOpenFiles,
    tell,
    fileSystem,
    now,
    monotonicNow,
  };
}
