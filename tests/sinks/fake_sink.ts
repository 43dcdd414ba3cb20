import type { BufferedBatch } from "../../collector/batch.ts";
import { FlushPool } from "../../sinks/pool.ts";
import { type Sink, SinkError, type WriteContext } from "../../sinks/sink.ts";
import type { SinkSlot } from "../../sinks/sink_sender.ts";

/** A sink in memory that stalls and fails when told to, and watches that it is used as promised. */
export class FakeSink implements Sink {
  /** Batches that it took, as the lines of their records. */
  readonly taken: { source: string; lines: string[] }[] = [];
  /** What it was asked for, in order, failures included. */
  readonly calls: string[] = [];
  /** Errors of the next writes. */
  readonly writeErrors: unknown[] = [];
  /** Errors of the next syncs. */
  readonly syncErrors: unknown[] = [];
  /** Is called at the beginning of every write. */
  onWrite: (source: string) => void = () => {};
  /** Whether a write that is told to stop does so at once, with an error. */
  obeys = false;
  /** Whether a signal told any write to stop. */
  told = 0;
  closed = false;
  writing = 0;
  mostWriting = 0;
  /** The most writes that were ever under way at once for one source. */
  mostOfOneSource = 0;
  readonly #writingOf = new Map<string, number>();
  #gate: PromiseWithResolvers<void> | undefined;

  /** The lines that it took of one source, or of all. */
  lines(source?: string): string[] {
    return this.taken.flatMap((batch) => source === undefined || batch.source === source ? batch.lines : []);
  }

  /** From now on no write ends. */
  stall(): void {
    this.#gate ??= Promise.withResolvers();
  }

  /** Lets every write go on. */
  resume(): void {
    this.#gate?.resolve();
    this.#gate = undefined;
  }

  async write(batch: BufferedBatch, { source, signal }: WriteContext): Promise<void> {
    this.calls.push(`write ${source}`);
    this.#count(source, 1);
    const stopped = Promise.withResolvers<void>();
    const onAbort = () => {
      this.told++;
      if (this.obeys) stopped.reject(new SinkError("stopped", { kind: "aborted", retryable: false }));
    };
    signal.addEventListener("abort", onAbort);
    try {
      this.onWrite(source);
      if (this.#gate !== undefined) await Promise.race([this.#gate.promise, stopped.promise]);
      const error = this.writeErrors.shift();
      if (error !== undefined) throw error;
      // Read only now: the memory has to stay as it is for as long as the write takes.
      this.taken.push({ source, lines: linesOf(batch) });
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#count(source, -1);
    }
  }

  sync(): Promise<void> {
    this.calls.push("sync");
    const error = this.syncErrors.shift();
    return error === undefined ? Promise.resolve() : Promise.reject(error);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  #count(source: string, change: 1 | -1): void {
    const ofSource = (this.#writingOf.get(source) ?? 0) + change;
    this.#writingOf.set(source, ofSource);
    this.writing += change;
    this.mostWriting = Math.max(this.mostWriting, this.writing);
    this.mostOfOneSource = Math.max(this.mostOfOneSource, ofSource);
  }
}

/** An error after which the same batch may be taken. */
export function busy(): SinkError {
  return new SinkError("busy", { kind: "EBUSY", retryable: true });
}

/** An error that no retry helps against. */
export function broken(): SinkError {
  return new SinkError("broken", { kind: "EINVAL", retryable: false });
}

/** What a {@linkcode FlushPool} tells its observer. */
export interface Seen {
  readonly waits: number[];
  readonly flushed: string[];
  /** Attempts that failed, and then what was done about it. */
  readonly attempts: string[];
  readonly failed: string[];
  readonly breaker: string[];
  /** When each of these changes was. */
  readonly breakerAt: number[];
}

/** Makes a pool of named fake sinks, with pauses of at most 100 ms between attempts. */
export function makePool(
  sinks: Record<string, Sink>,
  permits: number = Object.keys(sinks).length,
  retry: Partial<SinkSlot["retry"]> = {},
  around: Record<string, Partial<SinkSlot>> = {},
): { pool: FlushPool; seen: Seen } {
  const seen: Seen = { waits: [], flushed: [], attempts: [], failed: [], breaker: [], breakerAt: [] };
  const pool = new FlushPool({
    permits,
    sinks: Object.entries(sinks).map(([name, sink]) => ({
      name,
      sink,
      retry: { initial: 100, max: 100, ...retry },
      ...around[name],
    })),
    observer: {
      permitGranted: (_, seconds) => seen.waits.push(seconds),
      flushed: (sink) => seen.flushed.push(sink),
      failed: (sink, { kind }) => seen.attempts.push(`${sink} ${kind}`),
      retrying: (sink, { kind }) => seen.failed.push(`${sink} ${kind} retried`),
      givenUp: (sink, { kind }, _, to) =>
        seen.failed.push(`${sink} ${kind} given up${to === undefined ? "" : `, to ${to}`}`),
      breakerChanged: (sink, to, from) => {
        seen.breaker.push(`${sink} ${from} -> ${to}`);
        seen.breakerAt.push(Date.now());
      },
    },
  });
  return { pool, seen };
}

function linesOf({ data }: BufferedBatch): string[] {
  return new TextDecoder().decode(data).split("\n").slice(0, -1);
}
