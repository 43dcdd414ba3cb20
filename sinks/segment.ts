import type { RecordFormat } from "../collector/batch.ts";
import type { FileHandle, FileStatus, FileSystem } from "./file_system.ts";
import { toSinkError } from "./io_error.ts";
import { lastRecordEnd } from "./record_boundary.ts";
import { OPEN_SUFFIX } from "./segment_names.ts";
import type { SegmentDamage, SegmentObserver } from "./segment_observer.ts";
import { SharedSync } from "./shared_sync.ts";
import { SinkError } from "./sink.ts";

/** What a {@linkcode Segment} is made of. */
export interface SegmentOptions {
  /** The name that it has once it is finished; until then it ends in `.open`. */
  readonly path: string;
  /** What is in it. */
  readonly format: RecordFormat;
  /** When it was created, on the caller's monotonic clock, in milliseconds. */
  readonly openedAt: number;
  /** Where it is. */
  readonly fileSystem: FileSystem;
  /** Waits until its name is on the medium. */
  syncName(): Promise<void>;
  readonly observer: SegmentObserver;
}

/**
 * A file that is only ever appended to, can be cut back to where it was last {@linkcode Segment.commit|committed}, and
 * gets its name when it is finished.
 *
 * Somebody else may remove, move, truncate or extend it at any time. That is noticed by what the system tells of the
 * open file after each write, as it is not an error to write to a file that nobody will find any more. Such a
 * segment is not {@linkcode Segment.usable|usable} any longer, and neither is one that could not be synced.
 *
 * Everything that throws, throws a `SinkError` that names the file.
 */
export class Segment {
  /** When it was created, on the caller's monotonic clock, in milliseconds. */
  readonly openedAt: number;
  readonly #path: string;
  readonly #openPath: string;
  readonly #options: SegmentOptions;
  readonly #handle: FileHandle;
  #size = 0;
  /** How much of that was appended since the last look at the file. */
  #appended = 0;
  #committed = 0;
  /** Whether the file may hold something after its committed part; how much, a failed write does not say. */
  #uncommitted = false;
  readonly #sync: SharedSync;
  /** The sync of the name that it has while it is open, once there is one. */
  #namedSync: Promise<void> | undefined;
  #nameFailed = false;
  #damage: SegmentDamage | undefined;
  #closed = false;

  /**
   * @param handle The file: new, empty, and open for reading and in append mode, so that writes go to its end after it
   * was cut back.
   * @param options The rest.
   */
  constructor(handle: FileHandle, options: SegmentOptions) {
    this.#handle = handle;
    this.#options = options;
    this.#path = options.path;
    this.#openPath = options.path + OPEN_SUFFIX;
    this.openedAt = options.openedAt;
    this.#sync = new SharedSync(this.#openPath, () => this.#syncData());
  }

  /** Bytes in the file, uncommitted ones included. */
  get size(): number {
    return this.#size;
  }

  /** Whether it ends with what is committed, as far as is known. */
  get whole(): boolean {
    return !this.#uncommitted;
  }

  /** Whether more may be appended; otherwise it is to be finished, and the next one begun. */
  get usable(): boolean {
    return this.#damage === undefined && !this.#sync.failed && !this.#nameFailed;
  }

  /**
   * Writes at the end of the file. After a failure the file may end anywhere, until it is rolled back.
   *
   * @param pieces What to write; one system call each, or more if the system takes less at once.
   * @throws {SinkError} If a write failed, or went to a file that is not what it was. The kind is an errno name or a
   * {@linkcode SegmentDamage}.
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
          this.#appended += count;
        }
      }
      const status = this.#handle.stat();
      this.#inspect(status instanceof Promise ? await status : status);
    } catch (error) {
      throw toSinkError(error, `Cannot write to '${this.#openPath}'`);
    } finally {
      this.#sync.written();
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
      await this.#cutBack();
    } catch (error) {
      throw toSinkError(error, `Cannot cut '${this.#openPath}' back to its last whole batch`);
    }
    this.#size = this.#committed;
    this.#uncommitted = false;
    this.#sync.written(); // The cut itself: what was cut off may be on the medium by now.
  }

  /**
   * Waits until everything that was written before this call is on the medium, and the name of the file with it.
   *
   * @throws {SinkError} If that failed, now or before: then it fails for good, see {@linkcode SharedSync}.
   */
  async sync(): Promise<void> {
    await this.#sync.wait();
    await (this.#namedSync ??= this.#syncName(this.#openPath));
  }

  /** The same on nobody's behalf: of a failure the observer is told, and the next {@linkcode Segment.sync} throws it. */
  async syncForNobody(): Promise<void> {
    await this.#sync.waitForNobody();
    await (this.#namedSync ??= this.#syncName(this.#openPath)).catch(() => {});
  }

  /**
   * Syncs the file and gives it its name; removes it if nothing is in it. It is released only then, so that this can be
   * called until it succeeds.
   *
   * That it cannot be synced does not keep it from its name: the observer is told, and what can be read is complete.
   *
   * @throws {SinkError} If the file could not be cut back, or not be renamed.
   */
  async finish(): Promise<void> {
    if (this.#closed) return;
    const { observer } = this.#options;
    await this.#findDamage();
    if (this.#committed > 0) {
      await this.#sync.waitForNobody(); // its name comes with the new one
      observer.naming(this.#path);
      await this.#rename();
    } else if (this.#damage !== "removed") {
      await this.#remove();
    }
    await this.release();
    if (this.#sync.owed !== undefined) observer.unsynced(this.#sync.owed);
    if (this.#committed === 0 || this.#damage === "moved") observer.notNamed(this.#path);
    else observer.finished(this.#path, this.#committed);
  }

  /** Lets go of the file as it is. */
  async release(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#sync.close(); // one under way still needs the file
    this.#handle.close();
  }

  /** Throws if somebody else did something to the file since the last look. */
  #inspect({ nlink, size }: FileStatus): void {
    if (nlink === 0) {
      const message = `Cannot write to '${this.#openPath}': it was removed by somebody else`;
      throw new SinkError(message, { kind: "removed", retryable: true });
    }
    if (size === this.#size) {
      this.#appended = 0;
      return;
    }
    const kind = size < this.#size ? "truncated" : "extended";
    if (kind === "extended") this.#spoil(kind, this.#committed);
    const is = `it has ${size} bytes in place of ${this.#size}`;
    const message = `Cannot write to '${this.#openPath}': it was ${kind} by somebody else, ${is}`;
    throw new SinkError(message, { kind, retryable: true });
  }

  /** Cuts off what is not committed, and what somebody else has torn. */
  async #cutBack(): Promise<void> {
    const { nlink, size } = await this.#handle.stat();
    if (nlink === 0) return this.#spoil("removed", 0);
    // Or an attempt to cut it has failed and succeeded all the same; then nothing is missing of what was committed.
    if (size < this.#size) await this.#findTear(size);
    this.#size = size;
    this.#appended = 0;
    if (size !== this.#committed) await this.#handle.truncate(this.#committed);
  }

  async #findTear(size: number): Promise<void> {
    // What was appended since the last look went behind the cut: a kernel that has written some of it says how much.
    const left = Math.max(0, size - this.#appended);
    if (left >= this.#committed) return;
    this.#spoil("truncated", await lastRecordEnd(this.#handle, this.#options.format, left));
  }

  /** Looks whether the file is still what was committed, and makes it whole again if it is not. */
  async #findDamage(): Promise<void> {
    try {
      const { nlink, size } = await this.#handle.stat();
      if (nlink !== 0 && size === this.#committed) return;
      if (size > this.#committed) this.#spoil("extended", this.#committed);
    } catch (error) {
      throw toSinkError(error, `Cannot finish '${this.#openPath}'`);
    }
    this.#uncommitted = true;
    await this.rollBack();
  }

  #spoil(damage: SegmentDamage, left: number): void {
    const lost = this.#committed - left;
    this.#committed = left;
    if (this.#damage !== undefined) return;
    this.#damage = damage;
    this.#options.observer.damaged(this.#openPath, damage, lost);
  }

  async #rename(): Promise<void> {
    const { fileSystem } = this.#options;
    try {
      if (await this.#isAt(this.#openPath)) await fileSystem.rename(this.#openPath, this.#path);
      // It may have its name since an attempt before, which did not seem to succeed.
      else if (!await this.#isAt(this.#path)) return this.#spoil("moved", this.#committed);
    } catch (error) {
      throw toSinkError(error, `Cannot rename '${this.#openPath}' to '${this.#path}'`);
    }
    // If it fails, a crash of the machine may bring the old name back, and the next start gives it the new one again.
    await this.#syncName(this.#path).catch(() => {});
  }

  async #remove(): Promise<void> {
    try {
      if (await this.#isAt(this.#openPath)) await this.#options.fileSystem.remove(this.#openPath);
    } catch {
      // It stays behind, empty, and is removed by the next start.
    }
  }

  async #isAt(path: string): Promise<boolean> {
    const own = await this.#handle.stat();
    try {
      const there = await this.#options.fileSystem.stat(path);
      return there.ino === own.ino && there.dev === own.dev;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  async #syncData(): Promise<void> {
    const { observer } = this.#options;
    try {
      await this.#handle.syncData();
    } catch (cause) {
      const error = toSinkError(cause, `Cannot sync '${this.#openPath}'`);
      observer.syncFailed(error);
      throw error;
    }
    observer.synced();
  }

  async #syncName(path: string): Promise<void> {
    try {
      await this.#options.syncName();
    } catch (cause) {
      this.#nameFailed = true;
      const error = toSinkError(cause, `Cannot sync the name '${path}'`);
      this.#options.observer.syncFailed(error);
      throw error;
    }
  }
}
