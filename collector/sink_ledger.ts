import type { SinkError } from "../sinks/sink.ts";

/** The last failure of a sink. */
export interface LastError {
  /** What failed, in one word. */
  readonly kind: string;
  /** What failed, for people. */
  readonly message: string;
  /** When, in milliseconds since the Unix epoch. */
  readonly at: number;
}

/** What one sink failed at. The figures only ever grow. */
export interface SinkFailures {
  /** Attempts that failed, by the kind of their error. */
  readonly errors: ReadonlyMap<string, number>;
  /** Attempts that failed and were to be repeated. */
  readonly retries: number;
  readonly lastError: LastError | undefined;
}

/** The books of the sinks: which attempts failed, as plain numbers. What sinks have taken is in each source's ledger. */
export class SinkLedger {
  readonly #sinks = new Map<
    string,
    { errors: Map<string, number>; retries: number; lastError?: LastError }
  >();

  /**
   * Books that an attempt failed.
   *
   * @param sink Name of the sink.
   * @param error Why it failed.
   */
  failed(sink: string, error: SinkError): void {
    const failures = this.#at(sink);
    failures.errors.set(error.kind, (failures.errors.get(error.kind) ?? 0) + 1);
    failures.lastError = { kind: error.kind, message: error.message, at: Date.now() };
  }

  /**
   * Books that an attempt is to be repeated.
   *
   * @param sink Name of the sink.
   */
  retrying(sink: string): void {
    this.#at(sink).retries++;
  }

  #at(sink: string) {
    let failures = this.#sinks.get(sink);
    if (failures === undefined) this.#sinks.set(sink, failures = { errors: new Map(), retries: 0 });
    return failures;
  }

  /**
   * @param sink Name of a sink.
   * @returns What it failed at so far.
   */
  of(sink: string): SinkFailures {
    const { errors = new Map(), retries = 0, lastError } = this.#sinks.get(sink) ?? {};
    return { errors, retries, lastError };
  }
}
