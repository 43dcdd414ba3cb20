import { denoFileSystem, type FileHandle, type FileSystem } from "../../sinks/file_system.ts";

/** What a {@linkcode FaultyFileSystem} can be asked to do. */
export type Operation = "mkdir" | "open" | "remove" | "write" | "truncate" | "syncData";

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
  /** Files that are open. */
  readonly opened = new Set<string>();
  /** The most that were open at once. */
  mostOpen = 0;

  /** How often something was asked for. */
  count(operation: Operation): number {
    return this.operations.filter((entry) => entry.operation === operation).length;
  }

  async open(path: string, options: Deno.OpenOptions): Promise<FileHandle> {
    const fault = await this.#begin("open", path);
    const file = await denoFileSystem.open(path, options);
    if (fault === "torn") {
      file.close();
      throw this.error();
    }
    this.opened.add(path);
    this.mostOpen = Math.max(this.mostOpen, this.opened.size);
    return {
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

  async #begin(operation: Operation, path: string): Promise<Fault | undefined> {
    this.operations.push({ operation, path });
    const fault = this.faultOf(operation, path);
    await this.gate(operation, path);
    if (fault === "fail") throw this.error();
    return fault;
  }
}
