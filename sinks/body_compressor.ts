import type { BodyResult, BodyTask } from "./body_compression_worker.ts";
import { SinkError } from "./sink.ts";

/** Where the code of the thread is, which the daemon must be allowed to read. */
export const BODY_COMPRESSION_WORKER: URL = new URL("./body_compression_worker.ts", import.meta.url);

/** The content coding of a body. */
export type BodyCoding = "none" | "gzip" | "zstd";

/** What to send instead of a body. */
export interface CodedBody {
  /** Its content coding; nothing where it goes as it is. */
  readonly coding: "gzip" | "zstd" | undefined;
  readonly bytes: Uint8Array;
}

/** Less than this is not worth compressing: a packet is sent all the same. */
const WORTH_COMPRESSING = 512;

/**
 * Compresses bodies of requests, in a thread of its own. What Deno offers to compress with works on the thread that asks
 * for it, the asynchronous functions of `node:zlib` too, and nothing would be ingested meanwhile: 2 to 4 ms for each MiB.
 */
export class BodyCompressor {
  readonly #coding: BodyCoding;
  readonly #waiting = new Map<number, PromiseWithResolvers<Uint8Array>>();
  #worker: Worker | undefined;
  #id = 0;

  /** @param coding How. */
  constructor(coding: BodyCoding) {
    this.#coding = coding;
  }

  /**
   * Compresses a body.
   *
   * @param bytes The body. It is not looked at any more after the call.
   * @returns What to send: the body itself, the same memory, where nothing is gained.
   * @throws {SinkError} Retryable, if the thread ended.
   */
  async compress(bytes: Uint8Array): Promise<CodedBody> {
    const coding = this.#coding;
    if (coding === "none" || bytes.length < WORTH_COMPRESSING) return { coding: undefined, bytes };
    const compressed = await this.#run(coding, bytes);
    return compressed.length < bytes.length ? { coding, bytes: compressed } : { coding: undefined, bytes };
  }

  /** Ends the thread. */
  close(): void {
    this.#end("aborted", "Cannot compress: the sink is closed");
  }

  #run(coding: "gzip" | "zstd", bytes: Uint8Array): Promise<Uint8Array> {
    const task: BodyTask = { id: this.#id++, coding, body: bytes.slice() };
    const waiter = Promise.withResolvers<Uint8Array>();
    this.#waiting.set(task.id, waiter);
    this.#worker ??= this.#start();
    this.#worker.postMessage(task, [task.body.buffer]);
    return waiter.promise;
  }

  #start(): Worker {
    const worker = new Worker(BODY_COMPRESSION_WORKER, { type: "module", name: "body compression" });
    worker.onmessage = ({ data: { id, body } }: MessageEvent<BodyResult>) => {
      this.#waiting.get(id)?.resolve(body);
      this.#waiting.delete(id);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // or it would end the process
      if (this.#worker === worker) this.#end("compression", `Cannot compress: ${event.message}`);
    };
    return worker;
  }

  /** The next body starts another thread. */
  #end(kind: string, message: string): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) {
      reject(new SinkError(message, { kind, retryable: true }));
    }
    this.#waiting.clear();
  }
}
