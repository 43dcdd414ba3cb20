import { statfs } from "node:fs/promises";

/** What a {@linkcode StoreFileSystem} tells of a file. */
export type StoredFile = Pick<Deno.FileInfo, "isFile" | "isDirectory" | "size" | "mtime">;

/** The part of a file system that keeps finished segments, and the seam at which tests inject faults. */
export interface StoreFileSystem {
  /**
   * Lists a directory.
   *
   * @param path Where it is.
   */
  readDir(path: string): AsyncIterable<Pick<Deno.DirEntry, "name">>;
  /**
   * Tells what is at a path, and of a link that it is one: links are not followed.
   *
   * @param path Where to look.
   */
  stat(path: string): Promise<StoredFile>;
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
   * Waits until the names in a directory are on the medium, where the platform can.
   *
   * @param path Where it is.
   */
  syncDirectory(path: string): Promise<void>;
  /**
   * Tells how many bytes a process without privileges can still write.
   *
   * @param path A directory on the file system in question.
   * @returns Their number; `undefined` where the file system does not know, as some that go over a network.
   */
  freeBytes(path: string): Promise<number | undefined>;
}

/** The file system of this machine. */
export const denoStoreFileSystem: StoreFileSystem = {
  readDir: (path) => Deno.readDir(path),
  stat: (path) => Deno.lstat(path),
  remove: (path) => Deno.remove(path),
  rename: (from, to) => Deno.rename(from, to),
  async syncDirectory(path) {
    using directory = await Deno.open(path);
    await directory.sync();
  },
  async freeBytes(path) {
    const { bsize, blocks, bavail } = await statfs(path);
    return blocks === 0 ? undefined : bsize * bavail;
  },
};
