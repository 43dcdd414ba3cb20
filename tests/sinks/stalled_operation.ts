import type { FaultyFileSystem, Operation } from "./faulty_file_system.ts";

/** An operation of a file system that stands still until it is let go on, once or for good. */
export class StalledOperation {
  readonly #waiting: (() => void)[] = [];
  readonly #fileSystem: FaultyFileSystem;

  /**
   * @param fileSystem Whose operation.
   * @param operation Which one.
   */
  constructor(fileSystem: FaultyFileSystem, operation: Operation) {
    this.#fileSystem = fileSystem;
    fileSystem.gate = (asked) =>
      asked === operation ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** How many stand still. */
  get count(): number {
    return this.#waiting.length;
  }

  /** Lets the first one go on. */
  release(): void {
    this.#waiting.shift()?.();
  }

  /** Lets all go on, and those to come. */
  end(): void {
    this.#fileSystem.gate = () => Promise.resolve();
    while (this.#waiting.length > 0) this.release();
  }
}
