import {
  denoFileSystem,
  type FileHandle,
  type FileStatus,
  type FileSystem,
} from "../../sinks/file_system.ts";

/** What a {@linkcode FaultyFileSystem} can be asked to do. */
export type Operation =
  | "mkdir"
  | "open"
  | "remove"
  | "rename"
  | "stat"
  | "readDir"
  | "syncDirectory"
  | "read"
  | "write"
  | "truncate"
  | "fstat"
  | "syncData"
  | "lock";

/**
 * What is wrong with an operation: `fail` does nothing and throws, `torn` does it (a write only half) and then throws,
 * and `short` writes half without throwing.
 */
export type Fault = "fail" | "torn" | "short";

/** The error that Deno throws for an errno that it has no class for. */
export function osError(code: string): Error {
  return Object.assign(new Error(`Injected ${code}`), { code });
}

/** The real file system with faults. */
export class FaultyFileSystem implements FileSystem {
  /** Says what is wrong with the next operation. */
  faultOf: (operation: Operation, path: string) => Fault | undefined = () => undefined;
  /** What is thrown. */
  error: () => Error = () => osError("EIO");
  /** Awaited before every operation. */
  gate: (operation: Operation, path: string) => Promise<void> = () => Promise.resolve();
  /** Every operation so far, failed ones too. */
  readonly operations: { operation: Operation; path: string }[] = [];
  /** Segments that are open. */
  readonly opened = new Set<string>();
  /** The most segments that were open at once. */
  mostOpen = 0;

  /** How often something was asked for, of all files or of those whose path holds a text. */
  count(operation: Operation, text = ""): number {
    return this.operations.filter((entry) => entry.operation === operation && entry.path.includes(text))
      .length;
  }

  async open(path: string, options: Deno.OpenOptions): Promise<FileHandle> {
    const fault = await this.#begin("open", path);
    const file = await denoFileSystem.open(path, options);
    if (fault === "torn") {
      file.close();
      throw this.error();
    }
    if (!path.endsWith("/.lock")) this.opened.add(path);
    this.mostOpen = Math.max(this.mostOpen, this.opened.size);
    return {
      read: async (into) => {
        await this.#begin("read", path);
        return await file.read(into);
      },
      seek: (offset, whence) => file.seek(offset, whence),
      stat: async () => {
        await this.#begin("fstat", path);
        return await file.stat();
      },
      tryLock: async (exclusive) => {
        await this.#begin("lock", path);
        return await file.tryLock(exclusive);
      },
      write: async (data) => {
        const fault = await this.#begin("write", path);
        if (fault === undefined) return await file.write(data);
        const half = data.subarray(0, Math.ceil(data.length / 2));
        const count = await file.write(half);
        if (fault === "torn") throw this.error();
        return count;
      },
      truncate: async (length) => {
        const fault = await this.#begin("truncate", path);
        await file.truncate(length);
        if (fault === "torn") throw this.error();
      },
      syncData: async () => {
        const fault = await this.#begin("syncData", path);
        await file.syncData();
        if (fault === "torn") throw this.error();
      },
      close: () => {
        this.opened.delete(path);
        file.close();
      },
    };
  }

  async mkdir(path: string, options: { recursive: boolean }): Promise<void> {
    const fault = await this.#begin("mkdir", path);
    await denoFileSystem.mkdir(path, options);
    if (fault === "torn") throw this.error();
  }

  async remove(path: string): Promise<void> {
    const fault = await this.#begin("remove", path);
    await denoFileSystem.remove(path);
    if (fault === "torn") throw this.error();
  }

  async rename(from: string, to: string): Promise<void> {
    const fault = await this.#begin("rename", from);
    await denoFileSystem.rename(from, to);
    if (fault === "torn") throw this.error();
  }

  async stat(path: string): Promise<FileStatus> {
    await this.#begin("stat", path);
    return await denoFileSystem.stat(path);
  }

  async *readDir(path: string): AsyncGenerator<Pick<Deno.DirEntry, "name" | "isFile">> {
    await this.#begin("readDir", path);
    yield* denoFileSystem.readDir(path);
  }

  async syncDirectory(path: string): Promise<void> {
    const fault = await this.#begin("syncDirectory", path);
    await denoFileSystem.syncDirectory(path);
    if (fault === "torn") throw this.error();
  }

  async #begin(operation: Operation, path: string): Promise<Fault | undefined> {
    this.operations.push({ operation, path });
    const fault = this.faultOf(operation, path);
    await this.gate(operation, path);
    if (fault === "fail") throw this.error();
    return fault;
  }
}
