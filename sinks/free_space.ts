import { SinkError } from "./sink.ts";
import type { StoreFileSystem } from "./store_file_system.ts";
import type { Tell } from "./tell.ts";

/** How long a look at the disk is believed, in milliseconds: others may fill it meanwhile. */
const LOOK_INTERVAL = 1_000;

/**
 * The shortest time between two looks, in milliseconds, where nothing was written in between: while there is too little
 * room, every source asks again.
 */
const SHORTEST_INTERVAL = 100;

/** File systems give space away in blocks, mostly of this many bytes. */
const BLOCK_BYTES = 4096;

/** Options of {@linkcode FreeSpace}. */
export interface FreeSpaceOptions {
  /** A directory on the file system in question. */
  readonly directory: string;
  /** How many bytes must stay free; 0 for no limit, and then nobody looks. */
  readonly minFreeBytes: number;
  readonly fileSystem: StoreFileSystem;
  /** Makes room, if it can, before a write is refused. */
  makeRoom(): Promise<void>;
  /** Who is told that free space cannot be told. */
  readonly tell: Tell;
  /** A clock in milliseconds that does not jump. */
  monotonicNow(): number;
}

/**
 * Keeps some of the disk free. It looks at the disk once a second, and reckons with what is being written and was
 * written since; what others write meanwhile it sees at its next look. Nothing is refused because of that reckoning:
 * before, it looks again, as blocks are reckoned generously, and somebody may have taken files away.
 */
export class FreeSpace {
  readonly #options: FreeSpaceOptions;
  /** What was free at the last look. */
  #free: number | undefined;
  /** What was written since. */
  #written = 0;
  /** What is reserved, and may be written by now or not. */
  #reserved = 0;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;
  #failure: string | undefined;

  /** @param options Where, how much, and who is told. */
  constructor(options: FreeSpaceOptions) {
    this.#options = options;
  }

  /** Bytes that were free at the last look; `undefined` where nobody looks, or the file system does not know. */
  get free(): number | undefined {
    return this.#free;
  }

  /** How many bytes may be written until no more than the minimum is free, as far as known. */
  get room(): number {
    if (this.#free === undefined) return Infinity;
    return this.#free - this.#written - this.#reserved - this.#options.minFreeBytes;
  }

  /**
   * Sees to it that so much can be written and enough is still free afterwards; at once unless the disk has to be looked at.
   *
   * @param bytes How much is to be written.
   * @returns What is disposed of once it is written, or was not.
   * @throws {SinkError} If there is too little room; retryable, its kind is `low_disk_space`.
   */
  reserve(bytes: number): Disposable | Promise<Disposable> {
    const { minFreeBytes, monotonicNow } = this.#options;
    const space = spaceFor(bytes);
    if (minFreeBytes === 0) return this.#reserve(space);
    const age = monotonicNow() - this.#lookedAt;
    return age < LOOK_INTERVAL && this.room >= space
      ? this.#reserve(space)
      : this.#lookAndReserve(bytes, space, age);
  }

  async #lookAndReserve(bytes: number, space: number, age: number): Promise<Disposable> {
    const { minFreeBytes, directory } = this.#options;
    const outdated = this.#written > 0 || age >= SHORTEST_INTERVAL;
    if (age >= LOOK_INTERVAL || this.room < space && outdated) {
      await this.look(space);
    }
    if (this.room < space) {
      throw new SinkError(
        `Cannot write ${bytes} bytes to '${directory}': ${this.#free} bytes of the disk are free, ` +
          `and minFreeBytes is ${minFreeBytes}`,
        { kind: "low_disk_space", retryable: true },
      );
    }
    return this.#reserve(space);
  }

  #reserve(space: number): Disposable {
    this.#reserved += space;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#reserved -= space;
        this.#written += space;
      },
    };
  }

  /**
   * Looks at the disk, and has room made where there is too little.
   *
   * @param bytes For how much there should be room.
   */
  look(bytes = 0): Promise<void> {
    return this.#looking ??= this.#look(bytes).finally(() => this.#looking = undefined);
  }

  async #look(bytes: number): Promise<void> {
    await this.#measure();
    if (this.room >= bytes) return;
    await this.#options.makeRoom();
    await this.#measure();
  }

  async #measure(): Promise<void> {
    const { fileSystem, directory, tell, monotonicNow } = this.#options;
    const written = this.#written;
    try {
      this.#free = await fileSystem.freeBytes(directory);
      this.#written -= written; // what was written while it looked may count twice, and never not at all
      this.#failure = undefined;
    } catch (error) {
      // What keeps it from looking keeps a write from succeeding too, or else there is no telling what is wrong.
      this.#free = undefined;
      this.#written = 0;
      const failure = error instanceof Error ? error.message : String(error);
      if (failure !== this.#failure) {
        tell("warn", "free disk space is not known", { directory, error: failure });
      }
      this.#failure = failure;
    }
    this.#lookedAt = monotonicNow();
  }
}

/** What that many bytes may take at most: they may begin in one block, and go on in another file. */
function spaceFor(bytes: number): number {
  return (Math.floor(bytes / BLOCK_BYTES) + 2) * BLOCK_BYTES;
}
