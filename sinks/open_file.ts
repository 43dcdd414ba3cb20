import type { FileHandle, FileStatus } from "./file_system.ts";

/**
 * An open file of this machine.
 *
 * To look what became of it takes a thread of the runtime, and 20 us of CPU, because a file system over a network asks its
 * server, which may take its time. One on a block device has the answer in memory, as long as the file is open, and asks
 * nobody; there a look is taken at once, for 3 us. The first one tells which it is.
 */
export class OpenFile implements FileHandle {
  readonly #file: Deno.FsFile;
  #onBlockDevice = false;

  /** @param file The file. */
  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#file.read(into);
  }

  seek(offset: number, whence: Deno.SeekMode): Promise<number> {
    return this.#file.seek(offset, whence);
  }

  write(data: Uint8Array): Promise<number> {
    return this.#file.write(data);
  }

  truncate(length: number): Promise<void> {
    return this.#file.truncate(length);
  }

  stat(): FileStatus | Promise<FileStatus> {
    return this.#onBlockDevice ? this.#file.statSync() : this.#firstStat();
  }

  syncData(): Promise<void> {
    return this.#file.syncData();
  }

  async tryLock(exclusive: boolean): Promise<boolean> {
    return await this.#file.tryLock(exclusive);
  }

  close(): void {
    this.#file.close();
  }

  async #firstStat(): Promise<FileStatus> {
    const status = await this.#file.stat();
    this.#onBlockDevice = Deno.build.os === "linux" && isBlockDevice(status.dev);
    return status;
  }
}

/**
 * Says whether a file system is on a block device. Those that are not, NFS, FUSE, and some that need not ask anybody such
 * as tmpfs, have numbers whose major part is 0 (`set_anon_super()` of Linux).
 *
 * @param dev The number, as `stat()` tells it.
 * @returns Whether it is.
 */
export function isBlockDevice(dev: number): boolean {
  // gnu_dev_major() of the C library; the upper part is beyond what bitwise operators take.
  const lower = Math.floor(dev / 2 ** 8) % 2 ** 12;
  const upper = Math.floor(dev / 2 ** 44);
  return lower !== 0 || upper !== 0;
}
