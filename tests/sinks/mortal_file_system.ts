import type { FileHandle, FileStatus, FileSystem } from "../../sinks/file_system.ts";

/** What is known of the data of a file. */
interface Durability {
  /** So many of its bytes are on the medium. */
  synced: number;
  /** From here on pages were given up by a kernel that could not write them; no later sync brings them back. */
  lostFrom: number;
}

/**
 * What of some files is on the medium, and would survive a loss of power. It outlives the processes that write them.
 *
 * It is as bad as POSIX allows: what was not synced is gone, from the end; a name is gone as long as its directory was
 * not synced, and a sync that failed once is never made good by one that succeeds. Only a cut is taken to last at once.
 */
export class Medium {
  readonly #files = new Map<number, Durability>();
  /** How to undo what was done to the names in each directory since it was synced. */
  readonly #names = new Map<string, (() => Promise<void>)[]>();

  /** Of the file of that inode. */
  of(ino: number): Durability {
    let file = this.#files.get(ino);
    if (file === undefined) this.#files.set(ino, file = { synced: 0, lostFrom: Infinity });
    return file;
  }

  /** There is a new file, which may have the inode of one that is gone. */
  created(ino: number): void {
    this.#files.set(ino, { synced: 0, lostFrom: Infinity });
  }

  /** A name in a directory was changed. */
  changed(path: string, undo: () => Promise<void>): void {
    const directory = parentOf(path);
    this.#names.set(directory, [...this.#names.get(directory) ?? [], undo]);
  }

  /** The names in a directory are on the medium. */
  namesSynced(directory: string): void {
    this.#names.delete(directory);
  }

  /**
   * Loses what is not on the medium.
   *
   * @param directory Where all of it is.
   * @param luck How much of it survives all the same, from 0 to 1.
   */
  async losePower(directory: string, luck: number): Promise<void> {
    this.#names.delete(parentOf(directory)); // the sink has no permission there
    for (const undos of this.#names.values()) {
      const survive = Math.floor(undos.length * luck);
      for (const undo of undos.slice(survive).toReversed()) await undo();
    }
    this.#names.clear();
    for await (const path of filesIn(directory)) {
      const { ino, size } = await Deno.lstat(path);
      const file = this.#files.get(ino ?? -1);
      if (file === undefined) continue;
      const safe = Math.min(file.synced, file.lostFrom, size);
      await Deno.truncate(path, safe + Math.floor((Math.min(size, file.lostFrom) - safe) * luck));
    }
  }
}

async function* filesIn(directory: string): AsyncGenerator<string> {
  try {
    for await (const { name, isDirectory } of Deno.readDir(directory)) {
      if (isDirectory) yield* filesIn(`${directory}/${name}`);
      else yield `${directory}/${name}`;
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** A file system as one process sees it, which dies at once and lets go of everything. */
export class MortalFileSystem implements FileSystem {
  readonly #inner: FileSystem;
  readonly #medium: Medium;
  readonly #handles = new Set<FileHandle>();
  #dead = false;

  /**
   * @param inner What is asked while it lives.
   * @param medium Is told what lasts.
   */
  constructor(inner: FileSystem, medium: Medium) {
    this.#inner = inner;
    this.#medium = medium;
  }

  /** Dies. Nothing that is asked for afterwards has any effect. */
  die(): void {
    this.#dead = true;
    for (const handle of this.#handles) handle.close();
    this.#handles.clear();
  }

  async open(path: string, options: Deno.OpenOptions): Promise<FileHandle> {
    this.#live();
    const handle = await this.#inner.open(path, options);
    this.#handles.add(handle);
    const { ino } = await Deno.lstat(path);
    if (options.createNew) {
      this.#medium.created(ino!);
      this.#medium.changed(path, () => Deno.remove(path).catch(ignoreMissing));
    }
    const durability = this.#medium.of(ino!);
    return {
      read: (into) => this.#alive(() => handle.read(into)),
      seek: (offset, whence) => this.#alive(() => handle.seek(offset, whence)),
      write: (data) => this.#alive(() => handle.write(data)),
      stat: () => this.#alive(async () => await handle.stat()),
      tryLock: (exclusive) => this.#alive(() => handle.tryLock(exclusive)),
      truncate: async (length) => {
        await this.#alive(() => handle.truncate(length)).finally(() => {
          durability.synced = Math.min(durability.synced, length);
        });
      },
      syncData: () =>
        this.#alive(async () => {
          const { size } = await handle.stat();
          await handle.syncData().catch((error) => {
            durability.lostFrom = Math.min(durability.lostFrom, durability.synced);
            throw error;
          });
          durability.synced = Math.max(durability.synced, size);
        }),
      close: () => {
        if (this.#handles.delete(handle)) handle.close();
      },
    };
  }

  async mkdir(path: string, options: { recursive: boolean }): Promise<void> {
    this.#live();
    const existed = await this.#isThere(path);
    await this.#inner.mkdir(path, options);
    if (!existed) {
      this.#medium.changed(path, () => Deno.remove(path, { recursive: true }).catch(ignoreMissing));
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#live();
    await this.#inner.rename(from, to).finally(async () => {
      if (await this.#isThere(from)) return;
      this.#medium.changed(to, () => Deno.rename(to, from).catch(ignoreMissing));
    });
  }

  remove(path: string): Promise<void> {
    return this.#alive(() => this.#inner.remove(path));
  }

  stat(path: string): Promise<FileStatus> {
    return this.#alive(() => this.#inner.stat(path));
  }

  async *readDir(path: string): AsyncGenerator<Pick<Deno.DirEntry, "name" | "isFile">> {
    this.#live();
    yield* this.#inner.readDir(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#live();
    await this.#inner.syncDirectory(path);
    this.#medium.namesSynced(path);
  }

  #isThere(path: string): Promise<boolean> {
    return Deno.lstat(path).then(() => true, () => false);
  }

  async #alive<T>(operation: () => Promise<T>): Promise<T> {
    this.#live();
    return await operation();
  }

  #live(): void {
    if (this.#dead) throw Object.assign(new Error("The process is dead"), { code: "EIO" });
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
