import type { Batch } from "./batch.ts";

/** Options of a producer that waits. */
export interface WaitOptions {
  /** How long it waits, in milliseconds. */
  readonly timeout: number;
  /** Ends the wait when the producer goes away. */
  readonly signal: AbortSignal;
}

/** How a wait ended. */
export type WaitOutcome =
  | { readonly status: "admitted"; readonly position: number }
  | { readonly status: "timeout" | "aborted" | "closed" | "crowded" };

interface Producer {
  readonly batch: Batch;
  readonly settle: (outcome: WaitOutcome) => void;
}

/** The producers that wait for room in one buffer: bounded, first come first served, and gone the moment they give up. */
export class ProducerQueue {
  readonly #limit: number;
  readonly #onGivenUp: () => void;
  /** A set keeps the order in which they came and lets one leave from the middle at once. */
  readonly #producers = new Set<Producer>();
  #closed = false;

  /**
   * @param limit The most producers that may wait at once.
   * @param onGivenUp Is called when one has given up: there may be room for the one behind it, which was smaller.
   */
  constructor(limit: number, onGivenUp: () => void = () => {}) {
    this.#limit = limit;
    this.#onGivenUp = onGivenUp;
  }

  /** How many wait. */
  get size(): number {
    return this.#producers.size;
  }

  /** The batch of the producer that has waited longest. */
  get first(): Batch | undefined {
    for (const { batch } of this.#producers) return batch;
    return undefined;
  }

  /**
   * Waits at the end of the queue.
   *
   * @param batch What the producer wants to be admitted.
   * @param options How long it waits, and the signal that ends it.
   * @returns How the wait ended; it never rejects.
   */
  wait(batch: Batch, { timeout, signal }: WaitOptions): Promise<WaitOutcome> {
    if (this.#closed) return Promise.resolve({ status: "closed" });
    if (signal.aborted) return Promise.resolve({ status: "aborted" });
    if (this.#producers.size >= this.#limit) return Promise.resolve({ status: "crowded" });
    return new Promise((resolve) => {
      const settle = (outcome: WaitOutcome) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#producers.delete(producer);
        resolve(outcome);
      };
      const giveUp = (status: "aborted" | "timeout") => {
        settle({ status });
        this.#onGivenUp();
      };
      const onAbort = () => giveUp("aborted");
      const timer = setTimeout(() => giveUp("timeout"), timeout);
      signal.addEventListener("abort", onAbort, { once: true });
      const producer = { batch, settle };
      this.#producers.add(producer);
    });
  }

  /**
   * Lets the first producer go on, because its batch is in the buffer now.
   *
   * @param position The place of its last record in the stream.
   */
  admitFirst(position: number): void {
    for (const producer of this.#producers) {
      producer.settle({ status: "admitted", position });
      return;
    }
  }

  /** Sends every producer away, and those that come later too. */
  close(): void {
    this.#closed = true;
    for (const producer of this.#producers) producer.settle({ status: "closed" });
  }
}
