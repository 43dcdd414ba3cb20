// @ts-types="./types/deno_std_async.d.ts"
import { deadline } from "@std/async/deadline";
import { adminApp } from "./admin.ts";
import { ChunkPool } from "./chunk_pool.ts";
import { createSink } from "./create_sink.ts";
import type { Config, SourceConfig } from "./config.ts";
import { flushLog, observeAll } from "./flush_log.ts";
import { HttpIngest } from "./http.ts";
import type { LedgerSnapshot } from "./ledger.ts";
import { formatListenAddress, type ListenAddress } from "./listen_address.ts";
import type { Log } from "./log.ts";
import { MemoryBudget } from "./memory_budget.ts";
import { HangUp } from "./refusal.ts";
import { Source } from "./source.ts";
import { SourceRegistry } from "./source_registry.ts";
import { type Status, status } from "./status.ts";
import { Telemetry } from "./telemetry.ts";
import { WebSocketIngest } from "./websocket.ts";
import { block, dropNewest, dropOldest, type OverloadPolicy, reject } from "../policies/mod.ts";
import { FlushPool } from "../sinks/pool.ts";
import type { Sink } from "../sinks/sink.ts";

/** How long sinks may take to sync and close, and agents to take in their last answers, once everything is flushed. */
const CLOSING_TIME = 2_000;

/** What was left when the daemon stopped. */
export interface DrainResult {
  /** The books of every source. */
  readonly sources: Readonly<Record<string, LedgerSnapshot>>;
  /**
   * Records that were admitted and that not every sink has, or its dead letter sink in its place: given up in the past, or
   * still in a buffer now.
   */
  readonly undelivered: number;
}

/** Builds the parts from a config, and starts, drains and stops them in the right order. */
export class Daemon {
  readonly #config: Config;
  readonly #log: Log;
  readonly #telemetry = new Telemetry();
  readonly #budget: MemoryBudget;
  readonly #chunks: ChunkPool;
  readonly #pool: FlushPool;
  readonly #registry: SourceRegistry;
  readonly #ingest: HttpIngest;
  readonly #websocket: WebSocketIngest;
  readonly #servers: Deno.HttpServer<Deno.NetAddr>[] = [];
  #state: Status["state"] = "starting";
  #websocketUrl = "";

  private constructor(config: Config, log: Log, sinks: ReadonlyMap<string, Sink>) {
    this.#config = config;
    this.#log = log;
    const { limits, pool, sources } = config;
    const chunks = this.#chunks = new ChunkPool({ rest: () => this.#budget.rest });
    this.#budget = new MemoryBudget({
      limit: limits.memory,
      waiting: limits.waiting,
      onReserved: () => chunks.makeWay(),
    });
    this.#pool = new FlushPool({
      permits: pool.permits,
      sinks: config.sinks.map((sink) => ({ ...sink, sink: sinks.get(sink.name)! })),
      observer: observeAll(this.#telemetry.flushes, flushLog(log)),
    });
    this.#registry = new SourceRegistry({
      rules: sources,
      limit: limits.sources,
      create: (name, rule) => this.#createSource(name, rule),
    });
    this.#ingest = new HttpIngest({
      registry: this.#registry,
      limits,
      websocketUrl: () => this.#websocketUrl,
      onDefect: (error) => this.#defect(error),
    });
    this.#websocket = new WebSocketIngest({
      registry: this.#registry,
      budget: this.#budget,
      limits,
      websocket: config.websocket,
      http: this.#ingest,
      onDefect: (error) => this.#defect(error),
    });
    this.#telemetry.observe({
      registry: this.#registry,
      budget: this.#budget,
      websocket: this.#websocket,
      pool: this.#pool,
      sinks: config.sinks,
    });
  }

  /**
   * Makes a daemon that does not listen yet.
   *
   * @param config What it shall do.
   * @param log Where it tells what it does.
   * @returns The daemon.
   */
  static async create(config: Config, log: Log): Promise<Daemon> {
    const sinks = new Map<string, Sink>();
    for (const sink of config.sinks) {
      sinks.set(sink.name, await createSink(sink, log, config.limits.sources));
    }
    return new Daemon(config, log, sinks);
  }

  /**
   * Makes the sinks ready and begins to listen.
   *
   * @throws If a sink cannot be used or an address not be listened on; the message names it.
   */
  async start(): Promise<void> {
    await this.#pool.open();
    const admin = adminApp({
      state: () => this.#state,
      telemetry: this.#telemetry,
      status: () => this.#status(),
      onDefect: (error) => this.#defect(error),
    });
    try {
      const adminUrl = this.#listen("listen.admin", this.#config.listen.admin, admin.fetch);
      const httpUrl = this.#listen("listen.http", this.#config.listen.http, (r) => this.#ingest.fetch(r));
      this.#websocketUrl = await this.#listenForWebSockets(this.#config.listen.websocket);
      this.#state = "ready";
      this.#log.info("listening", {
        http: httpUrl,
        websocket: this.#websocketUrl,
        admin: adminUrl,
        agents: `${httpUrl}/v1/ingest/{source}`,
      });
    } catch (error) {
      await Promise.all([this.#websocket.close(), ...this.#servers.map((server) => server.shutdown())]);
      throw error;
    }
  }

  /**
   * Stops: refuses what is new, sends away who waits, flushes what is buffered until the deadline, and closes.
   *
   * @returns What was left.
   */
  async drain(): Promise<DrainResult> {
    this.#state = "draining";
    this.#log.info("draining", { deadlineMs: this.#config.shutdown.deadline });
    this.#ingest.drain();
    this.#websocket.drain();
    for (const source of this.#registry.all) source.close();
    this.#budget.close();
    await this.#pool.drain(this.#config.shutdown.deadline);
    for (const source of this.#registry.all) source.abandon();
    await this.#close();
    const sources = Object.fromEntries(
      [...this.#registry.all].map((source) => [source.name, source.snapshot()]),
    );
    let undelivered = 0;
    for (const { ledger, buffer } of this.#registry.all) {
      undelivered += buffer.records;
      for (const [reason, { records }] of ledger.dropped.entries()) {
        if (reason === "sink_failed") undelivered += records;
      }
    }
    return { sources, undelivered };
  }

  #status(): Status {
    return status({
      state: this.#state,
      registry: this.#registry,
      sinks: this.#config.sinks,
      failures: this.#telemetry.failures,
      pool: this.#pool,
      websocket: this.#websocket,
      budget: this.#budget,
    });
  }

  async #close(): Promise<void> {
    const closing = [
      this.#pool.close().then((errors) => {
        for (const [sink, error] of errors) {
          this.#log.error("sink cannot be closed", { sink, error: String(error) });
        }
      }),
      this.#websocket.close(),
      ...this.#servers.map((server) => server.shutdown()),
    ];
    try {
      await deadline(Promise.all(closing), CLOSING_TIME);
    } catch (error) {
      this.#log.warn("not everything closed in time", { error: String(error) });
    }
    this.#telemetry.shutdown(); // so late because scrapes are answered until here
    this.#chunks.close();
  }

  #createSource(name: string, config: SourceConfig): Source {
    const source = new Source({
      name,
      config,
      policy: createPolicy(config),
      memory: this.#budget.account(),
      chunks: this.#chunks,
      waiting: this.#config.limits.waiting,
      onBlocked: (seconds) => this.#telemetry.blocked(name, seconds),
    });
    this.#pool.attach(source);
    this.#log.info("source", {
      source: name,
      rule: config.pattern,
      kind: config.kind,
      policy: config.policy,
    });
    return source;
  }

  #listen(
    key: string,
    address: ListenAddress,
    handler: (request: Request) => Response | Promise<Response>,
  ): string {
    const { hostname, port } = address;
    try {
      const server = Deno.serve({
        hostname,
        port,
        onListen: () => {},
        onError: (error) => {
          if (!(error instanceof HangUp)) this.#defect(error);
          return new Response(null, { status: 500 });
        },
      }, (request) => handler(request));
      this.#servers.push(server);
      return `http://${formatListenAddress(server.addr)}`;
    } catch (error) {
      throw cannotListen(key, address, error);
    }
  }

  async #listenForWebSockets(address: ListenAddress): Promise<string> {
    try {
      return await this.#websocket.listen(address);
    } catch (error) {
      throw cannotListen("listen.websocket", address, error);
    }
  }

  #defect(error: unknown): void {
    this.#log.error("defect", {
      error: error instanceof Error ? error.stack ?? error.message : String(error),
    });
  }
}

function cannotListen(key: string, address: ListenAddress, error: unknown): Error {
  const reason = error instanceof Error ? error.message : String(error);
  return new Error(`Cannot listen on ${formatListenAddress(address)} (${key}): ${reason}`, { cause: error });
}

function createPolicy({ policy, blockTimeout }: SourceConfig): OverloadPolicy {
  switch (policy) {
    case "block":
      return block({ timeout: blockTimeout });
    case "drop_newest":
      return dropNewest();
    case "drop_oldest":
      return dropOldest();
    case "reject":
      return reject();
  }
}
