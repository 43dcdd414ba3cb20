import { numbersIn } from "../../tests/e2e/numbered_records.ts";

/** Reads numbered records from a daemon's standard output, and stops reading while it is told to. */
export class RecordReader {
  /** Resolves when the standard output has ended. */
  readonly done: Promise<void>;
  #records = 0;
  #inOrder = true;
  #paused: PromiseWithResolvers<void> | undefined;

  /**
   * @param output The standard output.
   * @param source The source whose records are read.
   */
  constructor(output: ReadableStream<Uint8Array>, source: string) {
    this.done = this.#read(output, source);
    this.done.catch(() => {}); // whoever waits for it is told, also when that is later
  }

  /** How many records there were. */
  get records(): number {
    return this.#records;
  }

  /** Whether they had the numbers 0, 1, 2 ... so far. */
  get inOrder(): boolean {
    return this.#inOrder;
  }

  /** Stops reading, until `resume()`. */
  pause(): void {
    this.#paused ??= Promise.withResolvers();
  }

  /** Reads on. */
  resume(): void {
    this.#paused?.resolve();
    this.#paused = undefined;
  }

  async #read(output: ReadableStream<Uint8Array>, source: string): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const bytes of output) {
      const text = rest + decoder.decode(bytes, { stream: true });
      const end = text.lastIndexOf("\n") + 1;
      rest = text.slice(end);
      for (const number of numbersIn(text.slice(0, end), source)) {
        if (number !== this.#records++) this.#inOrder = false;
      }
      await this.#paused?.promise;
    }
  }
}
