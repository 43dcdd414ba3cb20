import type { BenchCase } from "../cases/bench_case.ts";

/** What a server says of itself. */
export interface Books {
  /** Records that came in. */
  readonly received: number;
  /** Records that were refused or thrown away. */
  readonly lost: number;
}

/** A server under measurement, running. */
export interface Contender extends AsyncDisposable {
  /** Process id. */
  readonly pid: number;
  /** Where the load of the case goes to that it was started for. */
  readonly url: string;
  /** The content type that it wants in place of the case's. */
  readonly contentType?: string;
  /** What came in so far, once all of it is where it goes to; `undefined` of a server that does not say so. */
  books(): Promise<Books | undefined>;
  /** Throws away what it has written, so that a long run does not fill the disk, and what comes takes its memory over. */
  tidy(): Promise<void>;
}

/** A kind of server that is measured. */
export interface Contestant {
  /** Short, for the columns and keys of the report. */
  readonly name: "bare" | "file" | "nowhere" | PeerName;
  /** What it is and what it does. */
  readonly title: string;
  /**
   * @param benchCase A case.
   * @returns Whether it takes part in that case.
   */
  takes(benchCase: BenchCase): boolean;
  /**
   * Starts one, and waits until it listens.
   *
   * @param benchCase What it will be measured with.
   * @returns The server, to be disposed of.
   */
  start(benchCase: BenchCase): Promise<Contender>;
}

/** Other collectors that can be measured in the same run. */
export type PeerName = "fluent-bit" | "otelcol" | "vector";
