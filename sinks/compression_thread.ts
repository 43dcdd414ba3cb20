import type { CompressionResult, CompressionTask } from "./compression_worker.ts";
import { toSinkError } from "./io_error.ts";
import { SinkError } from "./sink.ts";

/** Where the code of the thread is, which the daemon must be allowed to read. */
export const COMPRESSION_WORKER: URL = new URL("./compression_worker.ts", import.meta.url);

/** Whether the thread gives way to the others, for which it needs a permission of the runtime. */
export const WORKER_HAS_PRIORITY: boolean = Deno.build.os === "linux";

/**
 * A thread that compresses one file at a time.
 *
 * What Deno offers to compress with works on the thread that asks for it, the asynchronous functions of `node:zlib`
 * too: on the main thread nothing would be ingested meanwhile.
 */
export class CompressionThread {
  #worker: Worker | undefined;
  #abort: ((reason: unknown) => void) | undefined;

  /**
   * Compresses a file. The thread is started if there is none.
   *
   * @param task What, and where to.
   * @returns How large the result is; it is on the medium.
   * @throws {SinkError} If that failed. Some of the result may be there.
   */
  async run(task: CompressionTask): Promise<number> {
    const worker = this.#worker ??= new Worker(COMPRESSION_WORKER, { type: "module", name: "compression" });
    const failed = `Cannot compress '${task.from}'`;
    try {
      const result = await new Promise<CompressionResult>((resolve, reject) => {
        this.#abort = reject;
        worker.onmessage = ({ data }: MessageEvent<CompressionResult>) => resolve(data);
        worker.onerror = (event) => {
          event.preventDefault(); // or it would end the process
          reject(new Error(event.message));
        };
        worker.postMessage(task);
      });
      if (result.outcome === "done") return result.bytes;
      if (result.outcome === "too_large") {
        const message = `${failed}: more than ${task.maxBytes} bytes would leave too little of the disk free`;
        throw new SinkError(message, { kind: "low_disk_space", retryable: true });
      }
      const { name, code, message } = result;
      throw Object.assign(new Error(message), code === undefined ? { name } : { name, code });
    } catch (error) {
      if (!(error instanceof SinkError)) this.stop(); // one that has failed by itself takes no more tasks
      throw toSinkError(error, failed);
    } finally {
      this.#abort = undefined;
    }
  }

  /** Ends the thread, whatever it does, and frees its memory. The next task starts another one. */
  stop(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    const message = "Cannot compress any further: the thread is ended";
    this.#abort?.(new SinkError(message, { kind: "aborted", retryable: true }));
  }
}
