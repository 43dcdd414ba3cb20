// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import type { LedgerSnapshot } from "../../collector/ledger.ts";
import { DaemonProcess } from "../../tests/e2e/daemon_process.ts";
import { numbered } from "../../tests/e2e/numbered_records.ts";
import { frameChunk, RawHttp } from "../../tests/e2e/raw_http.ts";
import { waitFor } from "../../tests/wait_for.ts";
import { Pace } from "./pace.ts";
import { RecordReader } from "./record_reader.ts";

/** Options of {@linkcode runWire}. */
export interface WireOptions {
  /** How many bytes of records the agent sends a second, if nothing holds it up. */
  readonly sent: number;
  /** The most bytes of records that the daemon's buffer holds. */
  readonly capacity: number;
  /**
   * How long all goes well, how long nobody reads the daemon's standard output, and how long all goes well again, in
   * milliseconds. Nobody reads for longer than that, if it takes longer until the agent's write blocks.
   */
  readonly phases: readonly [well: number, stalled: number, wellAgain: number];
}

/** Where the bytes of records are. */
export interface WireSample {
  /** Since the beginning, in seconds. */
  readonly at: number;
  /** Written by the agent, which means: taken by its kernel. */
  readonly written: number;
  /** Read at the other end, from the pipe behind the daemon's standard output. */
  readonly read: number;
  /** In the daemon's buffer. */
  readonly buffered: number;
}

/** What came of it. */
export interface WireResult {
  readonly samples: readonly WireSample[];
  /** Records that the agent sent. */
  readonly sent: number;
  /** Records that came out at the other end, and whether they came in order. */
  readonly received: number;
  readonly inOrder: boolean;
  /** What the daemon answered in the end, and its books of the source. */
  readonly status: number;
  readonly answer: { readonly accepted?: number; readonly dropped?: number; readonly evicted?: number };
  readonly ledger: LedgerSnapshot | undefined;
  readonly exitCode: number;
  /** The most bytes of records that the daemon's buffer held, as far as was seen. */
  readonly mostBuffered: number;
  /** The longest time in which the kernel took not one byte from the agent, in seconds. */
  readonly blocked: number;
  readonly stalledFrom: number;
  readonly stalledTo: number;
}

/** Of each record, its line feed included. */
export const RECORD_BYTES = 1024;
const RECORDS_PER_WRITE = 16;
const WRITE_BYTES = RECORDS_PER_WRITE * RECORD_BYTES;
const SAMPLE_INTERVAL = 50;
/** A write that has made no progress for so long is blocked, in milliseconds. */
const BLOCKED = 500;

/** An agent that streams numbered records over a socket of its own, as fast as it may. */
class StreamingAgent {
  /** Records that it has begun to send. */
  sent = 0;
  /** Bytes of records that the kernel took. */
  written = 0;
  /** The longest time without any progress, in milliseconds. */
  longestBlock = 0;
  #progressAt = performance.now();
  readonly #http: RawHttp;

  constructor(http: RawHttp) {
    this.#http = http;
  }

  /** How long the write that is under way has made no progress, in milliseconds. */
  get idle(): number {
    return performance.now() - this.#progressAt;
  }

  /** Sends until it is told to stop, and ends the request. */
  async send(bytesPerSecond: number, stop: AbortSignal): Promise<void> {
    await this.#http.sendHead("POST", "/v1/ingest/stream", {
      "Content-Type": "application/x-ndjson",
      "Transfer-Encoding": "chunked",
    });
    const pace = new Pace(bytesPerSecond / WRITE_BYTES);
    while (!stop.aborted) {
      await pace.next();
      const chunk = frameChunk(numbered(this.sent, this.sent + RECORDS_PER_WRITE, RECORD_BYTES));
      const before = this.sent * RECORD_BYTES;
      const head = chunk.length - WRITE_BYTES - 2; // the line with the length, in front of the records
      this.sent += RECORDS_PER_WRITE;
      for (let offset = 0; offset < chunk.length;) {
        this.#progressAt = performance.now();
        offset += await this.#http.conn.write(chunk.subarray(offset));
        this.longestBlock = Math.max(this.longestBlock, this.idle);
        this.written = before + Math.min(Math.max(offset - head, 0), WRITE_BYTES);
      }
    }
    await this.#http.endChunks();
  }
}

/**
 * Streams from an agent through the daemon, a process of its own with a source that blocks, to a standard output that
 * nobody reads for a while.
 *
 * @param options How fast, how much, how long.
 * @param onSample Is told where the bytes are, some times a second.
 * @returns What came of it, when everything that was sent has come out.
 */
export async function runWire(
  { sent, capacity, phases }: WireOptions,
  onSample: (sample: WireSample) => void = () => {},
): Promise<WireResult> {
  await using daemon = await DaemonProcess.start({
    stdout: "piped",
    coverage: false,
    config: {
      sources: {
        stream: { policy: "block", blockTimeout: "5m", buffer: { records: 1_000_000, bytes: capacity } },
      },
      sinks: { out: { type: "stdout" } },
    },
  });
  const reader = new RecordReader(daemon.readStdout(), "stream");
  using http = await RawHttp.connect(daemon.url);
  const agent = new StreamingAgent(http);
  const stop = new AbortController();
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const samples: WireSample[] = [];
  let mostBuffered = 0;
  const sampling = (async () => {
    while (!stop.signal.aborted) {
      const { sources } = await daemon.statusJson();
      const buffered: number = sources["stream"]?.buffer.bytes ?? 0;
      mostBuffered = Math.max(mostBuffered, buffered);
      samples.push({ at: seconds(), written: agent.written, read: reader.records * RECORD_BYTES, buffered });
      onSample(samples.at(-1)!);
      await delay(SAMPLE_INTERVAL);
    }
  })();
  const working = Promise.all([sampling, agent.send(sent, stop.signal)]);
  const pass = (ms: number) => Promise.race([delay(ms), working]); // what goes wrong is not to wait for the end
  await pass(phases[0]);
  const stalledFrom = seconds();
  reader.pause();
  await pass(phases[1]);
  await waitFor(() => agent.idle >= BLOCKED, { what: "the agent's write to block" });
  reader.resume();
  const stalledTo = seconds();
  await pass(phases[2]);
  stop.abort();
  await working;
  const response = await http.readResponse();
  const { code: exitCode, ledger } = await daemon.stop();
  await reader.done;
  return {
    samples,
    sent: agent.sent,
    received: reader.records,
    inOrder: reader.inOrder,
    status: response.status,
    answer: response.json(),
    ledger: (ledger?.["sources"] as Record<string, LedgerSnapshot> | undefined)?.["stream"],
    exitCode,
    mostBuffered,
    blocked: agent.longestBlock / 1000,
    stalledFrom,
    stalledTo,
  };
}
