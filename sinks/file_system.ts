/** The part of an open file that a sink uses. `Deno.FsFile` is one. */
export interface FileHandle {
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
  /** Waits until the file's data is on the medium (`fdatasync`). */
  syncData(): Promise<void>;
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
}

/** The file system of this machine. */
export const denoFileSystem: FileSystem = {
  open: (path, options) => Deno.open(path, options),
  mkdir: (path, options) => Deno.mkdir(path, options),
  remove: (path) => Deno.remove(path),
};
