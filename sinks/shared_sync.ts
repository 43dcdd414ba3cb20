import { SinkError } from "./sink.ts";

/**
 * The syncs of one file, each for all who wait for one: who comes while one is under way waits for the next, and that
 * one serves everybody who came until it begins.
 *
 * There is never more than one under way, and none after one that failed. A kernel tells once of pages that it could not
 * write, and calls the next sync a success, or the other one of two: an acknowledgement after that would be a lie.
 */
export class SharedSync {
  readonly #path: string;
  readonly #sync: () => Promise<void>;
  /** Whether something was written since the last sync began. */
  #unsynced = false;
  #underWay: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #error: SinkError | undefined;
  #owed = false;
  #closed = false;

  /**
   * @param path Of the file, for messages of errors.
   * @param sync Syncs it; rejects with a `SinkError`.
   */
  constructor(path: string, sync: () => Promise<void>) {
    this.#path = path;
    this.#sync = sync;
  }

  /** Whether a sync has failed. */
  get failed(): boolean {
    return this.#error !== undefined;
  }

  /** Why a sync has failed, if that was not thrown yet to anybody who waited. */
  get owed(): SinkError | undefined {
    return this.#owed ? this.#error : undefined;
  }

  /** Something was written, or cut off. */
  written(): void {
    this.#unsynced = true;
  }

  /**
   * Waits until everything that was written before this call is synced.
   *
   * @throws {SinkError} If that failed, now or ever before.
   */
  async wait(): Promise<void> {
    try {
      await this.#wait();
    } catch (error) {
      this.#owed = false;
      throw error;
    }
  }

  /** The same on nobody's behalf. A failure is thrown by the next {@linkcode SharedSync.wait}. */
  async waitForNobody(): Promise<void> {
    await this.#wait().catch(() => {});
  }

  /** Begins no sync any more, and waits for the one under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#next?.catch(() => {});
    await this.#underWay?.catch(() => {});
  }

  async #wait(): Promise<void> {
    if (this.#error !== undefined) throw this.#error;
    // The one under way covers what was written before it began.
    if (this.#unsynced) await (this.#next ??= this.#begin());
    else await this.#underWay;
  }

  async #begin(): Promise<void> {
    await this.#underWay?.catch(() => {}); // who waits for that one has its error
    this.#next = undefined;
    if (this.#error !== undefined) throw this.#error;
    if (this.#closed) {
      const message = `Cannot sync '${this.#path}': it was let go of`;
      throw new SinkError(message, { kind: "closed", retryable: true });
    }
    this.#unsynced = false;
    await (this.#underWay = this.#run());
  }

  async #run(): Promise<void> {
    try {
      await this.#sync();
    } catch (error) {
      this.#error = error as SinkError;
      this.#owed = true;
      throw error;
    }
  }
}
