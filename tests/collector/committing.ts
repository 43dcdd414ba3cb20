// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { AckLevel } from "../../collector/config.ts";
import type { FileSinkOptions } from "../../sinks/file_options.ts";
import type { FlushObserver } from "../../sinks/flush_observer.ts";
import { FlushPool } from "../../sinks/pool.ts";
import { figuresOf, FileSinks } from "../sinks/file_sinks.ts";
import { waitFor } from "../wait_for.ts";
import { TestIngest } from "./http_ingest.ts";

const nobody: FlushObserver = {
  permitGranted: () => {},
  flushed: () => {},
  failed: () => {},
  retrying: () => {},
  givenUp: () => {},
  breakerChanged: () => {},
};

/** HTTP ingest over a file sink whose disk can be held up. */
export class Committing implements AsyncDisposable {
  readonly disk: FileSinks;
  readonly sink;
  readonly #pool: FlushPool;
  readonly #ingest: TestIngest;

  private constructor(disk: FileSinks, ack: AckLevel, options: Partial<FileSinkOptions>) {
    this.disk = disk;
    this.sink = disk.sink(options);
    const retry = { initial: 1, max: 1 };
    this.#pool = new FlushPool({
      permits: 4,
      sinks: [{ name: "disk", sink: this.sink, retry }],
      observer: nobody,
    });
    const batch = { records: 10_000, bytes: 1 << 20, linger: 0 };
    this.#ingest = new TestIngest({ rules: { "*": { ack, batch, policy: "block" } } });
  }

  /** Makes one, with the sources `a` and `b`. */
  static async create(ack: AckLevel, options: Partial<FileSinkOptions> = {}): Promise<Committing> {
    const committing = new Committing(await FileSinks.create(), ack, options);
    await committing.#pool.open();
    for (const name of ["a", "b"]) committing.#pool.attach(committing.#ingest.source(name));
    return committing;
  }

  /** Sends a record; resolves to the status of the answer. */
  async send(source: string, line: string): Promise<number> {
    return (await this.#ingest.post(source, `${line}\n`)).status;
  }

  /** Waits until so many records of a source are in its buffer. */
  async untilBuffered(source: string, records: number): Promise<void> {
    const { buffer } = this.#ingest.source(source);
    await waitFor(() => buffer.records === records, { what: `${records} records in the buffer` });
  }

  /** How often the disk was synced. */
  get syncs(): number {
    return figuresOf(this.sink)["syncs"]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.drain(1_000);
    assertEquals([...await this.#pool.close()], []);
    await this.disk[Symbol.asyncDispose]();
  }
}
