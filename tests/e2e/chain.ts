import { DaemonProcess } from "./daemon_process.ts";
import { assertBalanced, PLUG, plugStdout } from "./numbered_records.ts";

/** Options of {@linkcode Chain.start}. */
export interface ChainOptions {
  /** Rules of the sources on the side of the agents. */
  readonly edge: Record<string, unknown>;
  /** Rules of the sources on the other side. */
  readonly core: Record<string, unknown>;
  /** Limits of the other side. */
  readonly limits?: Record<string, unknown>;
  /** More keys of the sink between them. */
  readonly sink?: Record<string, unknown>;
  /** Whether the other side's sink is a standard output that nobody reads, rather than files. */
  readonly stalled?: boolean;
}

/** Two daemons, of which the one that agents send to forwards to the other. */
export class Chain implements AsyncDisposable {
  /** Where agents send to. */
  readonly edge: DaemonProcess;
  /** Where that sends to. */
  readonly core: DaemonProcess;

  private constructor(edge: DaemonProcess, core: DaemonProcess) {
    this.edge = edge;
    this.core = core;
  }

  /**
   * Starts both.
   *
   * @param options Their sources, and what is between them.
   * @returns The chain, to be declared with `await using`.
   */
  static async start({ edge, core, limits = {}, sink = {}, stalled = false }: ChainOptions): Promise<Chain> {
    const coreDaemon = await DaemonProcess.start({
      stdout: stalled ? "stalled" : "null",
      config: {
        limits,
        sources: { ...(stalled && { plug: PLUG }), ...core },
        sinks: { last: stalled ? { type: "stdout" } : { type: "file", directory: "./data" } },
      },
    });
    try {
      if (stalled) await plugStdout(coreDaemon);
      const url = `${coreDaemon.url}/v1/ingest/{source}`;
      const edgeDaemon = await DaemonProcess.start({
        config: { sources: edge, sinks: { upstream: { type: "http", url, ...sink } } },
      });
      return new Chain(edgeDaemon, coreDaemon);
    } catch (error) {
      await coreDaemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.edge[Symbol.asyncDispose]();
    await this.core[Symbol.asyncDispose]();
  }
}

/**
 * Stops a daemon that has delivered everything.
 *
 * @param daemon The daemon.
 * @param source Name of a source.
 * @returns The books of that source, which balance.
 * @throws {Error} If anything is left.
 */
// deno-lint-ignore no-explicit-any -- as the daemon logs it
export async function stopAndBalance(daemon: DaemonProcess, source: string): Promise<any> {
  const { code, ledger } = await daemon.stop();
  // deno-lint-ignore no-explicit-any -- as above
  const books = (ledger?.["sources"] as any)?.[source];
  if (books === undefined) {
    throw new Error(`Daemon ended with ${code} and no books of ${source}:\n${daemon.logs.join("\n")}`);
  }
  assertBalanced(books, source);
  if (code !== 0) throw new Error(`Daemon ended with ${code}: ${JSON.stringify(ledger)}`);
  return books;
}
