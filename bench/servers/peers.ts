import { freePort } from "../../tests/e2e/free_port.ts";
import { filesUnder } from "../../tests/e2e/process_files.ts";
import type { HttpCase } from "../cases/bench_case.ts";
import type { Contender, Contestant, PeerName } from "./contestant.ts";
import { PeerProcess } from "./peer_process.ts";
import { UsageError } from "../usage_error.ts";

/** How one of the other collectors is started. */
interface Peer {
  readonly name: PeerName;
  readonly title: string;
  /** Holds the path of its program. */
  readonly variable: string;
  /** @returns Its arguments, where the first is its config. */
  args(config: string): string[];
  /** Which file of `bench/peers/`. */
  config(benchCase: HttpCase): string;
  /** More variables that its config refers to. */
  variables(benchCase: HttpCase): Record<string, string>;
}

const PEERS: readonly Peer[] = [
  {
    name: "fluent-bit",
    title: "Fluent Bit to files",
    variable: "FLUENT_BIT",
    args: (config) => ["-c", config],
    config: () => "fluent_bit.yaml",
    variables: (benchCase) => ({ PENSTOCK_BENCH_INPUT: isOtlp(benchCase) ? "opentelemetry" : "http" }),
  },
  {
    name: "otelcol",
    title: "OpenTelemetry Collector to a file",
    variable: "OTELCOL",
    args: (config) => ["--config", config],
    config: () => "otelcol.yaml",
    // As Penstock keeps it: what comes as JSON, and what is converted, as JSON.
    variables: ({ name }) => ({ PENSTOCK_BENCH_FORMAT: name === "otlp-protobuf" ? "proto" : "json" }),
  },
  {
    name: "vector",
    title: "Vector to a file",
    variable: "VECTOR",
    args: (config) => ["--quiet", "--config", config],
    config: (benchCase) => isOtlp(benchCase) ? "vector_otlp.yaml" : "vector_http.yaml",
    variables: () => ({ PENSTOCK_BENCH_SECOND_PORT: `${freePort()}` }),
  },
];

function isOtlp({ name }: HttpCase): boolean {
  return name.startsWith("otlp-");
}

/** The other collectors that are there, and why the rest is not. */
export interface FoundPeers {
  readonly contestants: readonly Contestant[];
  /** A sentence for each that is missing. */
  readonly absent: readonly string[];
}

/**
 * Looks for the programs of other collectors.
 *
 * @param variable Reads a variable of the environment.
 * @returns Those that can be measured.
 * @throws {UsageError} If a variable names a program that is not there: whoever set it wants it measured.
 */
export async function findPeers(variable: (name: string) => string | undefined): Promise<FoundPeers> {
  const contestants: Contestant[] = [];
  const absent: string[] = [];
  for (const peer of PEERS) {
    const program = variable(peer.variable);
    if (program === undefined || program === "") {
      absent.push(`${peer.name} was not measured: ${peer.variable} does not tell where its program is.`);
      continue;
    }
    try {
      await Deno.stat(program);
    } catch (error) {
      throw new UsageError(
        `Cannot measure ${peer.name}: ${peer.variable} must be the path of its program, current value is '${program}'`,
        { cause: error },
      );
    }
    contestants.push(contestantOf(peer, program));
  }
  return { contestants, absent };
}

function contestantOf(peer: Peer, program: string): Contestant {
  const { name, title } = peer;
  return {
    name,
    title,
    takes: (benchCase) => benchCase.transport === "http" && benchCase.peers[name] !== undefined,
    async start(benchCase): Promise<Contender> {
      if (benchCase.transport !== "http") throw new TypeError(`${name} takes no WebSocket messages`);
      const target = benchCase.peers[name];
      if (target === undefined) throw new TypeError(`${name} takes no part in ${benchCase.name}`);
      const directory = await Deno.makeTempDir({ prefix: "penstock-peer-" });
      const port = freePort();
      const config = new URL(`../peers/${peer.config(benchCase)}`, import.meta.url).pathname;
      const process = await PeerProcess.start(program, peer.args(config), directory, port, {
        PENSTOCK_BENCH_PORT: `${port}`,
        PENSTOCK_BENCH_DIRECTORY: directory,
        ...peer.variables(benchCase),
      });
      return {
        pid: process.pid,
        url: `http://127.0.0.1:${port}${target.path}`,
        contentType: target.contentType,
        books: () => Promise.resolve(undefined),
        tidy: () => emptyFiles(directory),
        [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
      };
    },
  };
}

/** They go on with the same file, which is open to be appended to; so it is emptied in place of being removed. */
async function emptyFiles(directory: string): Promise<void> {
  await Promise.all(
    filesUnder(directory).map(async (file) => {
      try {
        await Deno.truncate(file);
      } catch (error) {
        // It has removed the file itself by now.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }),
  );
}
