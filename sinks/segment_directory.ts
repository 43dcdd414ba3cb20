import type { RecordFormat } from "../collector/batch.ts";
import { DirectoryLock } from "./directory_lock.ts";
import { EXTENSIONS } from "./file_encoding.ts";
import type { FileHandle, FileSystem } from "./file_system.ts";
import { toSinkError } from "./io_error.ts";
import { Segment } from "./segment.ts";
import type { SegmentObserver } from "./segment_observer.ts";
import { OPEN_SUFFIX, SegmentNames } from "./segment_names.ts";
import { recoverSegments, type RecoveryObserver } from "./segment_recovery.ts";

/** How many names that are taken are passed over before a file system that says so every time is no longer believed. */
const MAX_NAMES_TRIED = 1_000;

/** The directory of a file sink: one directory for each source in it, with its segments. */
export class SegmentDirectory {
  readonly #path: string;
  readonly #fileSystem: FileSystem;
  readonly #lock: DirectoryLock;
  readonly #names: SegmentNames;

  /** @param options Its path, where it is, and the wall clock in milliseconds since the Unix epoch. */
  constructor(options: { path: string; fileSystem: FileSystem; now: () => number }) {
    this.#path = options.path;
    this.#fileSystem = options.fileSystem;
    this.#lock = new DirectoryLock(options.fileSystem, options.path);
    this.#names = new SegmentNames(options.now);
  }

  /**
   * Creates the directory where it is not there, locks it, and finishes what an earlier process has left open.
   *
   * @param observer Is told of every segment that is recovered, or cannot be.
   * @throws {SinkError} If the directory cannot be used, for now or at all; it can be called again.
   */
  async prepare(observer: Omit<RecoveryObserver, "found">): Promise<void> {
    await this.#createDirectory(this.#path);
    await this.#lock.hold();
    await recoverSegments(this.#fileSystem, this.#path, {
      ...observer,
      found: (name) => this.#names.passOver(name),
    });
  }

  /**
   * Begins a segment.
   *
   * @param source Whose records it gets.
   * @param options What it gets, since when it is, and who is told of it.
   * @throws {SinkError} If it cannot be created.
   */
  async create(
    source: string,
    options: { format: RecordFormat; openedAt: number; observer: SegmentObserver },
  ): Promise<Segment> {
    const directory = `${this.#path}/${source}`;
    await this.#createDirectory(directory);
    await this.#lock.hold(); // the directory may be another one than it was
    const { path, handle } = await this.#createFile(directory, EXTENSIONS[options.format]);
    const syncName = () => this.#syncName(directory);
    return new Segment(handle, { ...options, path, fileSystem: this.#fileSystem, syncName });
  }

  /** Lets another process have the directory. */
  release(): void {
    this.#lock.release();
  }

  async #createDirectory(path: string): Promise<void> {
    try {
      await this.#fileSystem.mkdir(path, { recursive: true });
    } catch (error) {
      throw toSinkError(error, `Cannot create directory '${path}'`);
    }
  }

  async #createFile(directory: string, extension: string): Promise<{ path: string; handle: FileHandle }> {
    const options = { read: true, append: true, createNew: true };
    for (let tried = 1;; tried++) {
      const path = `${directory}/${this.#names.next()}.${extension}`;
      try {
        const handle = await this.#fileSystem.open(path + OPEN_SUFFIX, options);
        return { path, handle };
      } catch (error) {
        if (error instanceof Deno.errors.AlreadyExists && tried < MAX_NAMES_TRIED) continue;
        throw toSinkError(error, `Cannot create '${path}${OPEN_SUFFIX}'`);
      }
    }
  }

  /** Syncs the directory of a source, and the name of that one, which may have been deleted and created again. */
  async #syncName(directory: string): Promise<void> {
    await this.#fileSystem.syncDirectory(directory);
    await this.#fileSystem.syncDirectory(this.#path);
  }
}
