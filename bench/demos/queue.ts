import type { Batch } from "../../collector/batch.ts";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { type Admission, block } from "../../policies/mod.ts";

/** What is between a producer and a consumer of records that come one by one. */
export interface Queue {
  /** How many records it holds. */
  readonly held: number;
  /** How many records ever came in. */
  readonly entered: number;
  /** How many of them are gone. */
  readonly left: number;
  /** The most that it ever held. */
  readonly mostHeld: number;
  /**
   * Puts a record in, as soon as there is room.
   *
   * @param record A batch of one.
   * @returns Nothing when it is in; otherwise a promise of that.
   */
  put(record: Batch): Promise<void> | undefined;
  /**
   * Hands the oldest record out, as soon as there is one. It is held until `done()`.
   *
   * @returns Its bytes; nothing when there are none and there will be none.
   */
  next(): Promise<Uint8Array | undefined>;
  /** Lets go of the record that `next()` handed out. */
  done(): void;
  /** Says that nothing more will be put in. */
  close(): void;
}

/** Longer than any demonstration: nobody is to be sent away. */
const PATIENCE = 600_000;
const ONE = { records: 1, bytes: Infinity };

/** A buffer of the daemon under its policy `block`. */
export class BlockingQueue implements Queue {
  readonly #buffer: BoundedBuffer;
  readonly #policy = block({ timeout: PATIENCE });
  readonly #producer = { signal: new AbortController().signal };
  #mostHeld = 0;
  #wake = () => {};

  /**
   * @param records The most records that it holds.
   * @param onAdmitted Is told of each record that comes in, at that very moment.
   */
  constructor(records: number, onAdmitted: () => void = () => {}) {
    this.#buffer = new BoundedBuffer({
      records,
      bytes: 2 ** 30,
      observer: {
        admitted: () => {
          this.#mostHeld = Math.max(this.#mostHeld, this.#buffer.records);
          onAdmitted();
          this.#wake();
        },
        evicted() {},
        committed() {},
        discarded() {},
      },
    });
  }

  get held(): number {
    return this.#buffer.records;
  }

  get entered(): number {
    return this.#buffer.position;
  }

  get left(): number {
    return this.entered - this.held;
  }

  get mostHeld(): number {
    return this.#mostHeld;
  }

  put(record: Batch): Promise<void> | undefined {
    const admission = this.#policy.admit(this.#buffer, record, this.#producer);
    if (admission instanceof Promise) return admission.then(assertAdmitted);
    assertAdmitted(admission);
    return undefined;
  }

  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const batch = this.#buffer.take(ONE);
      if (batch !== undefined) return batch.data;
      if (this.#buffer.closed) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  done(): void {
    this.#buffer.commit();
  }

  close(): void {
    this.#buffer.close();
    this.#wake();
  }
}

function assertAdmitted(admission: Admission): void {
  if ("rejected" in admission) throw new Error(`a record was rejected: ${admission.rejected}`);
}

/** What a program without backpressure has in that place: an array that takes whatever comes. */
export class UnboundedQueue implements Queue {
  readonly #records: (Uint8Array | undefined)[] = [];
  #left = 0;
  #mostHeld = 0;
  #closed = false;
  #wake = () => {};

  get held(): number {
    return this.entered - this.left;
  }

  get entered(): number {
    return this.#records.length;
  }

  get left(): number {
    return this.#left;
  }

  get mostHeld(): number {
    return this.#mostHeld;
  }

  put({ data }: Batch): undefined {
    this.#records.push(data);
    this.#mostHeld = Math.max(this.#mostHeld, this.held);
    this.#wake();
  }

  async next(): Promise<Uint8Array | undefined> {
    while (this.held === 0) {
      if (this.#closed) return undefined;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#records[this.#left];
  }

  done(): void {
    this.#records[this.#left++] = undefined;
  }

  close(): void {
    this.#closed = true;
    this.#wake();
  }
}
