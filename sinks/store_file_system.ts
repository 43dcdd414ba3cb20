import { statfs } from "node:fs/promises";
import { denoFileSystem, type FileSystem } from "./file_system.ts";

/** What a {@linkcode StoreFileSystem} tells of a file. */
export type StoredFile = Pick<Deno.FileInfo, "isFile" | "size" | "mtime">;

/** The part of a file system that keeps finished segments, and the seam at which tests inject faults. */
export interface StoreFileSystem extends Pick<FileSystem, "remove" | "rename" | "syncDirectory"> {
  /**
   * Lists a directory. A link to a directory is none.
   *
   * @param path Where it is.
   */
  readDir(path: string): AsyncIterable<Pick<Deno.DirEntry, "name" | "isDirectory">>;
  /**
   * Tells what is at a path, and of a link that it is one: links are not followed.
   *
   * @param path Where to look.
   */
  stat(path: string): Promise<StoredFile>;
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
  ...denoFileSystem,
  readDir: (path) => Deno.readDir(path),
  stat: (path) => Deno.lstat(path),
  async freeBytes(path) {
    const { bsize, blocks, bavail } = await statfs(path);
    return blocks === 0 ? undefined : bsize * bavail;
  },
};
