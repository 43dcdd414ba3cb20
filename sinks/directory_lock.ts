import type { FileHandle, FileSystem } from "./file_system.ts";
import { toSinkError } from "./io_error.ts";
import { SinkError } from "./sink.ts";

/** Name of the file that is locked. A dot keeps it out of the names that sources may have. */
const LOCK_NAME = ".lock";

/**
 * Keeps a second daemon out of a directory: two of them would take each other's segments for what a crash left behind.
 *
 * It is a lock on a file (`flock`), which ends with the process however that ends. The file stays: whoever removed it
 * could remove one that another process has just locked.
 */
export class DirectoryLock {
  readonly #fileSystem: FileSystem;
  readonly #directory: string;
  #handle: FileHandle | undefined;
  #locking: Promise<void> | undefined;

  /**
   * @param fileSystem Where the directory is.
   * @param directory Its path.
   */
  constructor(fileSystem: FileSystem, directory: string) {
    this.#fileSystem = fileSystem;
    this.#directory = directory;
  }

  /**
   * Locks the directory, if it is not locked by this already: also once more, after somebody removed it with the lock
   * in it.
   *
   * @throws {SinkError} Of the kind `locked` if somebody else holds it; of another if it cannot be locked.
   */
  hold(): Promise<void> {
    // One at a time: a lock that this process holds already keeps itself out too.
    return this.#locking ??= this.#lock().finally(() => this.#locking = undefined);
  }

  async #lock(): Promise<void> {
    const path = `${this.#directory}/${LOCK_NAME}`;
    let handle: FileHandle | undefined;
    try {
      if (await this.#holds(path)) return;
      handle = await this.#fileSystem.open(path, { create: true, read: true, write: true });
      if (await handle.tryLock(true)) {
        this.release();
        this.#handle = handle;
        handle = undefined;
        return;
      }
    } catch (error) {
      throw toSinkError(error, `Cannot lock '${path}'`);
    } finally {
      handle?.close();
    }
    throw new SinkError(
      `Cannot use directory '${this.#directory}': another process holds '${path}'; give each daemon its own directory`,
      { kind: "locked", retryable: true },
    );
  }

  /** Lets go of the directory. */
  release(): void {
    this.#handle?.close();
    this.#handle = undefined;
  }

  /** Whether the file at the path is the one that is locked by this. */
  async #holds(path: string): Promise<boolean> {
    if (this.#handle === undefined) return false;
    const held = await this.#handle.stat();
    try {
      const there = await this.#fileSystem.stat(path);
      return there.ino === held.ino && there.dev === held.dev;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }
}
