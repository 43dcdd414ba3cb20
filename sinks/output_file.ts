import type { FileHandle, FileSystem } from "./file_system.ts";
import { toSinkError } from "./io_error.ts";

/**
 * A file that is only ever appended to, and can be cut back to where it was last {@linkcode OutputFile.commit|committed}.
 *
 * Everything that throws, throws a `SinkError` that names the file.
 */
export class OutputFile {
  /** Where the file is. */
  readonly path: string;
  /** When it was created, on the caller's monotonic clock, in milliseconds. */
  readonly openedAt: number;
  readonly #fileSystem: FileSystem;
  readonly #handle: FileHandle;
  #size = 0;
  #committed = 0;
  /** Whether the file may hold something after its committed part; how much, a failed write does not say. */
  #uncommitted = false;
  #unsynced = false;
  #syncing: Promise<void> | undefined;
  #closed = false;

  /**
   * @param handle The file: new, empty, and open in append mode, so that writes go to its end after it was cut back.
   * @param options Where it is and since when, and the file system to remove it from should it stay empty.
   */
  constructor(handle: FileHandle, options: { path: string; openedAt: number; fileSystem: FileSystem }) {
    this.#handle = handle;
    this.#fileSystem = options.fileSystem;
    this.path = options.path;
    this.openedAt = options.openedAt;
  }

  /** Bytes in the file, uncommitted ones included. */
  get size(): number {
    return this.#size;
  }

  /**
   * Writes at the end of the file. After a failure the file may end anywhere, until it is rolled back.
   *
   * @param pieces What to write; one system call each, or more if the system takes less at once.
   * @throws {SinkError} If a write failed.
   */
  async append(pieces: Iterable<Uint8Array>): Promise<void> {
    this.#uncommitted = true;
    try {
      for (const piece of pieces) {
        for (let written = 0; written < piece.length;) {
          const count = await this.#handle.write(written === 0 ? piece : piece.subarray(written));
          if (count === 0) throw new Deno.errors.WriteZero("Nothing was written");
          written += count;
          this.#size += count;
        }
      }
    } catch (error) {
      throw toSinkError(error, `Cannot write to '${this.path}'`);
    } finally {
      this.#unsynced = true;
    }
  }

  /** Makes what was appended so far a part of the file that is never cut off again. */
  commit(): void {
    this.#committed = this.#size;
    this.#uncommitted = false;
  }

  /**
   * Cuts off what is not committed. Does nothing if there is nothing, so that it can be called until it succeeds.
   *
   * @throws {SinkError} If that failed; the file is as it was.
   */
  async rollBack(): Promise<void> {
    if (!this.#uncommitted) return;
    try {
      await this.#handle.truncate(this.#committed);
    } catch (error) {
      throw toSinkError(error, `Cannot cut '${this.path}' back to its last whole batch`);
    }
    this.#size = this.#committed;
    this.#uncommitted = false;
    this.#unsynced = true; // The cut itself: what was cut off may be on the medium by now.
  }

  /**
   * Waits until everything that was written before this call is on the medium. A new file's entry in its directory
   * goes with it on the file systems that journal both together (ext4, XFS, Btrfs); POSIX does not promise that.
   *
   * @throws {SinkError} If that failed. Linux tells such a failure once: a later call may succeed without the data.
   */
  async sync(): Promise<void> {
    // A sync under way covers what was written before it began; `#unsynced` says that something came after that.
    if (this.#unsynced && !this.#closed) this.#syncing = this.#syncData();
    await this.#syncing;
  }

  async #syncData(): Promise<void> {
    this.#unsynced = false;
    try {
      await this.#handle.syncData();
    } catch (error) {
      this.#unsynced = true;
      throw toSinkError(error, `Cannot sync '${this.path}'`);
    }
  }

  /**
   * Syncs and releases the file, and removes it if nothing was ever committed to it. It is released even if the sync
   * fails.
   *
   * @throws {SinkError} If the sync failed.
   */
  async close(): Promise<void> {
    const needless = this.#committed === 0;
    try {
      if (!needless) await this.sync();
    } finally {
      this.#closed = true; // No sync begins from here on, and one under way still needs the file.
      await this.#syncing?.catch(() => {});
      this.#handle.close();
      // Should it stay behind, it is empty, and that harms nobody.
      if (needless) await this.#fileSystem.remove(this.path).catch(() => {});
    }
  }
}
