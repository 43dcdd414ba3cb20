/** A place where batches go. */
export type SinkConfig = FileSinkConfig | StdoutSinkConfig;

/** A sink that writes one series of files per source. */
export interface FileSinkConfig {
  /** The key in `sinks`. */
  readonly name: string;
  readonly type: "file";
  /** Where the files go, relative to the working directory; no two file sinks may share one. Has no default. */
  readonly directory: string;
  /**
   * Bytes after which a file is closed and the next one started.
   *
   * @default {"128MiB"}
   */
  readonly maxBytes: number;
  /**
   * Milliseconds after which a file is closed and the next one started.
   *
   * @default {"1h"}
   */
  readonly maxAge: number;
  readonly retry: RetryConfig;
}

/** A sink that writes to standard output. There can be one. */
export interface StdoutSinkConfig {
  /** The key in `sinks`. */
  readonly name: string;
  readonly type: "stdout";
  /**
   * Whether each line is `{"source":…,"received":…,"record":…}` rather than the bare record.
   *
   * @default {true}
   */
  readonly envelope: boolean;
  readonly retry: RetryConfig;
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
