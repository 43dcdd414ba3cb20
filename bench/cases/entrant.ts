import { peakResidentBytes } from "../../tests/e2e/process_files.ts";
import type { Latency } from "../load/latencies.ts";
import type { ContestantReport, Round } from "../report/report.ts";
import type { Contender, Contestant } from "../servers/contestant.ts";
import type { BenchCase } from "./bench_case.ts";
import { measureLatency, measureRound, type RoundOptions } from "./measure.ts";

/**
 * A server that takes part in a case, from its start to its end. What goes wrong with it ends its part and is reported; the
 * others go on.
 */
export class Entrant implements AsyncDisposable {
  readonly #contestant: Contestant;
  readonly #case: BenchCase;
  readonly #rounds: Round[] = [];
  readonly #latency: Latency[] = [];
  #contender: Contender | undefined;
  /** Requests and messages sent so far, and those that may have come in beside them because `wrk` broke off. */
  #sent = 0;
  #brokenOff = 0;
  #error: string | undefined;

  private constructor(contestant: Contestant, benchCase: BenchCase) {
    this.#contestant = contestant;
    this.#case = benchCase;
  }

  /**
   * @param contestant What takes part.
   * @param benchCase In what.
   * @returns The server, which waits for its first round; or has failed already.
   */
  static async start(contestant: Contestant, benchCase: BenchCase): Promise<Entrant> {
    const entrant = new Entrant(contestant, benchCase);
    await entrant.#try(async () => {
      entrant.#contender = await contestant.start(benchCase);
    });
    return entrant;
  }

  /** What takes part. */
  get name(): Contestant["name"] {
    return this.#contestant.name;
  }

  /** Where its load goes to; empty where it did not start. */
  get url(): string {
    return this.#contender?.url ?? "";
  }

  /** The rounds that count, so far. */
  get rounds(): readonly Round[] {
    return this.#rounds;
  }

  /**
   * Measures a round.
   *
   * @param counts Whether it is no warm-up.
   * @param options How.
   */
  async measure(counts: boolean, options: RoundOptions): Promise<void> {
    await this.#with(async (contender) => {
      const { round, sent } = await measureRound(contender, this.#case, options);
      this.#sent += sent;
      const isWrk = options.generator === "wrk" && this.#case.transport === "http";
      if (isWrk) this.#brokenOff += this.#case.connections;
      if (counts) this.#rounds.push(round);
    });
  }

  /**
   * Measures the latency of answers.
   *
   * @param perSecond How many requests or messages are due each second.
   * @param seconds For how long.
   */
  async measureLatency(perSecond: number, seconds: number): Promise<void> {
    await this.#with(async (contender) => {
      const { latency, sent } = await measureLatency(contender, this.#case, perSecond, seconds);
      this.#sent += sent;
      this.#latency.push(latency);
    });
  }

  /**
   * Compares what was sent with what the server says it received, and takes stock.
   *
   * @returns What was measured.
   */
  async report(): Promise<ContestantReport> {
    let peakResident = 0;
    await this.#with(async (contender) => {
      const books = await contender.books();
      if (books !== undefined) this.#checkCounts(books.received, books.lost);
      peakResident = peakResidentBytes(contender.pid);
    });
    return {
      name: this.#contestant.name,
      title: this.#contestant.title,
      rounds: this.#rounds,
      peakResident,
      ...(this.#latency.length > 0 && { latency: this.#latency }),
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }

  /** Ends the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#contender?.[Symbol.asyncDispose]();
  }

  #checkCounts(received: number, lost: number): void {
    const { records } = this.#case;
    const least = this.#sent * records;
    const spare = this.#brokenOff * records;
    if (received < least || received > least + spare) {
      throw new Error(
        `${least} records were sent${spare > 0 ? " or a few more" : ""}, ${received} were received`,
      );
    }
    if (lost > spare) throw new Error(`${lost} of ${received} records were lost`);
  }

  async #with(use: (contender: Contender) => Promise<void>): Promise<void> {
    const contender = this.#contender;
    if (contender === undefined || this.#error !== undefined) return;
    await this.#try(async () => {
      await use(contender);
      await contender.tidy();
    });
  }

  async #try(what: () => Promise<void>): Promise<void> {
    try {
      await what();
    } catch (error) {
      this.#error = error instanceof Error ? error.message : String(error);
    }
  }
}
