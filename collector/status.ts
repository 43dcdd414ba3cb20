import type { Amount } from "./batch.ts";
import type { AckLevel, Kind, PolicyName } from "./config.ts";
import type { LedgerSnapshot, TallyBy } from "./ledger.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import type { SinkFailures, SinkLedger } from "./sink_ledger.ts";
import type { Source } from "./source.ts";
import type { BreakerState } from "../sinks/circuit_breaker.ts";
import type { WebSocketFigures } from "./websocket_figures.ts";
import type { FlushPool, SinkCondition } from "../sinks/pool.ts";
import type { Semaphore } from "../sinks/semaphore.ts";

/** Options of {@linkcode status}. */
export interface StatusOptions {
  /** Where in its life the daemon is. */
  readonly state: Status["state"];
  readonly registry: { readonly all: Iterable<Source> };
  /** The sinks of the config. */
  readonly sinks: readonly {
    readonly name: string;
    readonly type: string;
    readonly deadLetter?: string | undefined;
  }[];
  /** What sinks failed at. */
  readonly failures: SinkLedger;
  readonly pool: {
    readonly semaphore: Pick<Semaphore, keyof PoolStatus & keyof Semaphore>;
    readonly condition: FlushPool["condition"];
  };
  readonly websocket: { readonly figures: WebSocketFigures };
  readonly budget: Pick<MemoryBudget, "used" | "limit">;
}

/** How the daemon is doing, as it is told at `/status`. */
export interface Status {
  readonly state: "starting" | "ready" | "draining";
  /** Every source that was ever named. */
  readonly sources: Readonly<Record<string, SourceStatus>>;
  /** Every sink of the config. */
  readonly sinks: Readonly<Record<string, SinkStatus>>;
  readonly pool: PoolStatus;
  /** How many WebSockets are open, how many of those are not read, and how many connections there may be. */
  readonly websocket: { readonly connections: number; readonly paused: number; readonly limit: number };
  /** The memory budget, in bytes. */
  readonly memory: { readonly used: number; readonly limit: number };
}

/** How a source is doing. */
export interface SourceStatus {
  readonly kind: Kind;
  readonly policy: PolicyName;
  readonly ack: AckLevel;
  readonly sinks: readonly string[];
  /** What it holds; what is in flight to a sink is part of it. */
  readonly buffer: Amount & { readonly capacity: Amount; readonly inFlight: Amount };
  /** How many producers wait for room. */
  readonly producersBlocked: number;
  readonly ledger: LedgerStatus;
}

/** The books of a source, broken down by reason and by sink. What never happened is left out. */
export interface LedgerStatus extends LedgerSnapshot {
  readonly rejectedBy: Readonly<Record<string, Amount>>;
  readonly droppedBy: Readonly<Record<string, Amount>>;
  /** What each sink has, dead letter sinks included. */
  readonly deliveredBySink: Readonly<Record<string, Amount>>;
  /** What each sink has given up and its dead letter sink has; part of what is delivered. */
  readonly deadLetteredBySink: Readonly<Record<string, Amount>>;
  /** Requests refused before their records could be counted, by reason. */
  readonly refusals: Readonly<Record<string, number>>;
  /** OTLP requests that are no error and of which nothing, or not everything, becomes records, by reason. */
  readonly oversights: Readonly<Record<string, number>>;
}

/** How a sink is doing. */
export interface SinkStatus {
  readonly type: string;
  /** Name of the sink that gets what this one does not take. */
  readonly deadLetter?: string;
  /** How many flushes to it are under way, wait for it, and are over their time without having come to rest. */
  readonly flushes: { readonly inProgress: number; readonly waiting: number; readonly overdue: number };
  /** What its circuit breaker lets through, and how often it has opened; where it has one. */
  readonly breaker?: { readonly state: BreakerState; readonly opened: number };
  /** How many attempts failed. */
  readonly errors: number;
  /** How many of those were to be repeated. */
  readonly retries: number;
  readonly lastError?: {
    readonly kind: string;
    readonly message: string;
    /** When, as `2026-01-31T23:59:59.999Z`. */
    readonly at: string;
  };
}

/** How the pool is doing. */
export interface PoolStatus {
  readonly permits: number;
  /** Permits that are out. */
  readonly inUse: number;
  /** How many wait for a permit. */
  readonly waiting: number;
  /** Permits ever granted at once. */
  readonly immediate: number;
  /** Permits ever granted after a wait. */
  readonly waited: number;
}

/**
 * Tells how the daemon is doing, at one moment: every ledger in it balances.
 *
 * @param options The parts of the daemon.
 * @returns Plain data, to be told as JSON.
 */
export function status(options: StatusOptions): Status {
  const { state, registry, sinks, failures, pool, websocket, budget } = options;
  const { open, paused, limit } = websocket.figures;
  const { permits, inUse, waiting, immediate, waited } = pool.semaphore;
  return {
    state,
    sources: Object.fromEntries(Array.from(registry.all, (source) => [source.name, sourceStatus(source)])),
    sinks: Object.fromEntries(sinks.map((sink) => {
      return [sink.name, sinkStatus(sink, pool.condition(sink.name), failures.of(sink.name))];
    })),
    pool: { permits, inUse, waiting, immediate, waited },
    websocket: { connections: open, paused, limit },
    memory: { used: budget.used, limit: budget.limit },
  };
}

function sourceStatus(source: Source): SourceStatus {
  const { config, policy, buffer, ledger } = source;
  return {
    kind: config.kind,
    policy: policy.name,
    ack: config.ack,
    sinks: source.sinks,
    buffer: {
      records: buffer.records,
      bytes: buffer.bytes,
      capacity: buffer.capacity,
      inFlight: buffer.inFlight ?? { records: 0, bytes: 0 },
    },
    producersBlocked: buffer.producersWaiting,
    ledger: {
      ...source.snapshot(),
      rejectedBy: amountsOf(ledger.rejected),
      droppedBy: amountsOf(ledger.dropped),
      deliveredBySink: amountsOf(ledger.deliveredBySink),
      deadLetteredBySink: amountsOf(ledger.deadLettered),
      refusals: Object.fromEntries(ledger.refusals),
      oversights: Object.fromEntries(ledger.oversights),
    },
  };
}

function amountsOf(tallies: TallyBy<string>): Record<string, Amount> {
  return Object.fromEntries(Array.from(tallies.entries(), ([key, tally]) => [key, tally.amount]));
}

function sinkStatus(
  { type, deadLetter }: StatusOptions["sinks"][number],
  { breaker, ...flushes }: SinkCondition,
  { errors, retries, lastError }: SinkFailures,
): SinkStatus {
  return {
    type,
    ...(deadLetter !== undefined && { deadLetter }),
    flushes,
    ...(breaker && { breaker }),
    errors: [...errors.values()].reduce((sum, count) => sum + count, 0),
    retries,
    ...(lastError && { lastError: { ...lastError, at: new Date(lastError.at).toISOString() } }),
  };
}
