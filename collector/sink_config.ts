import type { SyncMode } from "../sinks/file_options.ts";
import type { Compression } from "../sinks/finished_name.ts";

/** A place where batches go. */
export type SinkConfig = FileSinkConfig | StdoutSinkConfig | HttpSinkConfig;

/** What is around every sink, whatever its type. */
export interface DeliveryConfig {
  /** The key in `sinks`. */
  readonly name: string;
  readonly retry: RetryConfig;
  /**
   * Milliseconds that one attempt may take; `Infinity`, which is written as 0, for as long as it likes. A write that is over
   * its time is told to stop, and not repeated before it has. The default is 30 s for a sink of type `http`, and none for
   * others.
   */
  readonly timeout: number;
  /** Number of attempts at once, beside `pool.permits`; at most that. `Infinity`, no limit, is the default. */
  readonly concurrency: number;
  /** The circuit breaker, if there is one. */
  readonly breaker: BreakerConfig | undefined;
  /** Name of the sink that gets the batches that this one has given up. Without it they are lost. */
  readonly deadLetter: string | undefined;
}

/** When a sink is left alone for a while. */
export interface BreakerConfig {
  /**
   * Failures in a row, over all sources, after which it is; 0 for never.
   *
   * @default {5}
   */
  readonly failures: number;
  /**
   * Milliseconds for which it is, before a single attempt shows whether it works again.
   *
   * @default {"5s"}
   */
  readonly pause: number;
}

/** How much is kept of what a sink has finished; what exceeds any of the limits is deleted, oldest first. */
export interface RetainConfig {
  /** Bytes of all finished files of the sink. `Infinity`, no limit, is the default. */
  readonly bytes: number;
  /** Number of them. `Infinity`, no limit, is the default. */
  readonly files: number;
  /** Milliseconds since a file was last written to. `Infinity`, no limit, is the default. */
  readonly age: number;
}

/** A sink that writes one series of files per source. */
export interface FileSinkConfig extends DeliveryConfig {
  readonly type: "file";
  /** Where the files go, relative to the working directory; no two file sinks may share one. Has no default. */
  readonly directory: string;
  /**
   * Bytes after which a file is finished and the next one started.
   *
   * @default {"128MiB"}
   */
  readonly maxBytes: number;
  /**
   * Milliseconds after which a file is finished, whether anything is written or not.
   *
   * @default {"1h"}
   */
  readonly maxAge: number;
  /**
   * When files are synced, beside their end and what sources with `ack: synced` wait for.
   *
   * @default {"none"}
   */
  readonly sync: SyncMode;
  /**
   * Milliseconds between two syncs, where `sync` is `interval`.
   *
   * @default {"1s"}
   */
  readonly syncInterval: number;
  /**
   * How files are compressed once they are finished.
   *
   * @default {"none"}
   */
  readonly compression: Compression;
  readonly retain: RetainConfig;
  /**
   * Bytes of the disk that must stay free; 0 for no limit.
   *
   * @default {"64MiB"}
   */
  readonly minFreeBytes: number;
}

/** A sink that writes to standard output. There can be one. */
export interface StdoutSinkConfig extends DeliveryConfig {
  readonly type: "stdout";
  /**
   * Whether each line is `{"source":…,"received":…,"record":…}` rather than the bare record.
   *
   * @default {true}
   */
  readonly envelope: boolean;
}

/** A sink that sends to another collector over HTTP. */
export interface HttpSinkConfig extends DeliveryConfig {
  readonly type: "http";
  /**
   * Where JSON records and frames are posted, with `{source}` for the name of the source. Without it they have no place
   * here; then there is `otlpUrl`.
   */
  readonly url: string | undefined;
  /**
   * Where OTLP is posted, with `{signal}` for `logs`, `metrics` or `traces`, and `{source}`. The default goes with a `url`
   * that ends in `/v1/ingest/{source}`, as a Penstock's does: the same with `/sources/{source}/v1/{signal}` for that.
   * Without it OTLP in Protobuf has no place here.
   */
  readonly otlpUrl: string | undefined;
  /**
   * Bytes of NDJSON in one request at most, before compression; a larger record goes alone.
   *
   * @default {"4MiB"}
   */
  readonly maxBytes: number;
  /**
   * The content coding of requests.
   *
   * @default {"none"}
   */
  readonly compression: "none" | "gzip" | "zstd";
  /** Headers of every request, in which `${NAME}` stands for a variable of the environment. None by default. */
  readonly headers: Readonly<Record<string, string>>;
  /** A file of certificates (PEM) to be trusted beside those that the runtime trusts. None by default. */
  readonly caFile: string | undefined;
}

/** How a sink is tried again after an attempt that failed and may be repeated. */
export interface RetryConfig {
  /**
   * Milliseconds that the first pause may last at most; the bound doubles with every attempt.
   *
   * @default {"100ms"}
   */
  readonly initial: number;
  /**
   * Milliseconds that any pause may last at most.
   *
   * @default {"10s"}
   */
  readonly max: number;
  /**
   * Milliseconds after the first failure at which a batch is given up. `Infinity`, no limit, is the default and is
   * written by leaving the key out.
   */
  readonly maxElapsed: number;
}
