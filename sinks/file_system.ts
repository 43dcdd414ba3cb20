import { OpenFile } from "./open_file.ts";

/** What a file system tells of a file: of an open one, whatever its name is by now, or of the one at a path. */
export type FileStatus = Pick<Deno.FileInfo, "size" | "nlink" | "ino" | "dev">;

/** The part of an open file that a sink uses. */
export interface FileHandle {
  /**
   * Reads from where the last read ended, or `seek()` went to.
   *
   * @param into Where to put what was read.
   * @returns How many bytes were read; `null` at the end of the file.
   */
  read(into: Uint8Array): Promise<number | null>;
  /**
   * Says where the next read begins.
   *
   * @param offset How many bytes from `whence`.
   * @param whence Where from.
   */
  seek(offset: number, whence: Deno.SeekMode): Promise<number>;
  /**
   * Writes at the end of the file.
   *
   * @param data What to write.
   * @returns How many bytes were written, which may be fewer than there are.
   */
  write(data: Uint8Array): Promise<number>;
  /**
   * Cuts the file off.
   *
   * @param length How many bytes to leave.
   */
  truncate(length: number): Promise<void>;
  /** What became of the file since it was opened; at once where the system has the answer in memory. */
  stat(): FileStatus | Promise<FileStatus>;
  /** Waits until the file's data is on the medium (`fdatasync`). */
  syncData(): Promise<void>;
  /**
   * Locks the file (`flock`) until it is released or the process ends.
   *
   * @param exclusive Whether nobody else may hold a lock on it.
   * @returns Whether it is locked now; not, where somebody else holds it.
   */
  tryLock(exclusive: boolean): Promise<boolean>;
  /** Releases the file. */
  close(): void;
}

/** The part of a file system that a sink uses, and the seam at which tests inject faults. */
export interface FileSystem {
  /**
   * Opens a file.
   *
   * @param path Where it is.
   * @param options As `Deno.open()` takes them.
   */
  open(path: string, options: Deno.OpenOptions): Promise<FileHandle>;
  /**
   * Creates a directory.
   *
   * @param path Where to.
   * @param options With `recursive`, parents are created too, and a directory that exists is no error.
   */
  mkdir(path: string, options: { recursive: boolean }): Promise<void>;
  /**
   * Removes a file.
   *
   * @param path Where it is.
   */
  remove(path: string): Promise<void>;
  /**
   * Gives a file another name, at once and not in steps.
   *
   * @param from Its path.
   * @param to The path that it shall have; a file that is there is replaced.
   */
  rename(from: string, to: string): Promise<void>;
  /**
   * Tells what is at a path, a link itself where there is one.
   *
   * @param path Where to look.
   */
  stat(path: string): Promise<FileStatus>;
  /**
   * Lists a directory.
   *
   * @param path Where it is.
   */
  readDir(path: string): AsyncIterable<Pick<Deno.DirEntry, "name" | "isFile">>;
  /**
   * Waits until the names in a directory are on the medium, where the platform can.
   *
   * @param path Where it is.
   */
  syncDirectory(path: string): Promise<void>;
}

/** The file system of this machine. */
export const denoFileSystem: FileSystem = {
  open: async (path, options) => new OpenFile(await Deno.open(path, options)),
  mkdir: (path, options) => Deno.mkdir(path, options),
  remove: (path) => Deno.remove(path),
  rename: (from, to) => Deno.rename(from, to),
  stat: (path) => Deno.lstat(path),
  readDir: (path) => Deno.readDir(path),
  async syncDirectory(path) {
    if (Deno.build.os === "windows") return; // it opens no directories
    using directory = await Deno.open(path);
    try {
      await directory.sync();
    } catch (error) {
      // What fsync(2) says of a file system that cannot sync directories.
      if (!(error instanceof Error && "code" in error && error.code === "EINVAL")) throw error;
    }
  },
};
