import type { BatchObservableResult, Meter, Observable } from "@opentelemetry/api";
import type { Amount } from "./batch.ts";
import type { DropReason, OversightReason, RefusalReason, RejectReason } from "./ledger.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import type { SinkLedger } from "./sink_ledger.ts";
import type { Source } from "./source.ts";
import type { WebSocketFigures } from "./websocket_figures.ts";
import type { FlushPool } from "../sinks/pool.ts";
import type { Semaphore } from "../sinks/semaphore.ts";
import { SINK_FIGURES, type SinkFigureName } from "../sinks/sink_figures.ts";

/** Everything whose plain numbers are metrics. */
export interface Observed {
  readonly registry: { readonly all: Iterable<Source> };
  readonly budget: Pick<MemoryBudget, "used" | "limit">;
  readonly websocket: { readonly figures: WebSocketFigures };
  readonly pool: {
    readonly semaphore: Pick<Semaphore, "permits" | "inUse" | "immediate" | "waited">;
    readonly figures: FlushPool["figures"];
  };
  /** Those of the config, so that their series exist before anything is flushed. */
  readonly sinks: readonly { readonly name: string; readonly deadLetter?: string | undefined }[];
}

/** How the counters and gauges of one meter are told, and how to stop that. */
export interface Registration {
  /** Lets go of the meter and of everything observed. */
  unregister(): void;
}

/**
 * Makes the counters and gauges on a meter. They are read from plain numbers when somebody collects, so that counting a
 * record costs an addition and no more.
 *
 * @param meter Where they are made.
 * @param observed Says what to read; nothing where there is nothing yet.
 * @param failures What sinks failed at.
 * @returns The registration.
 */
export function registerObservables(
  meter: Meter,
  observed: () => Observed | undefined,
  failures: SinkLedger,
): Registration {
  const families = createFamilies(meter);
  const figures = createFigures(meter);
  // One callback for all of them, so that a collection sees one moment and the ledger balances in it.
  const observe = (result: BatchObservableResult) => {
    const what = observed();
    if (what === undefined) return;
    const deadLetters = new Map(what.sinks.map(({ name, deadLetter }) => [name, deadLetter]));
    for (const source of what.registry.all) observeSource(result, families, source, deadLetters);
    observeShared(result, families, what);
    for (const { name } of what.sinks) {
      observeSink(result, families, name, failures);
      for (const { name: figure, value, labels } of what.pool.figures(name)) {
        result.observe(figures.get(figure)!, value, { sink: name, ...labels });
      }
    }
  };
  const observables = Object.values(families).flatMap((family) =>
    "records" in family ? [family.records, family.bytes] : [family]
  );
  observables.push(...figures.values());
  meter.addBatchObservableCallback(observe, observables);
  return { unregister: () => meter.removeBatchObservableCallback(observe, observables) };
}

/** A metric in records and the same in bytes. */
interface AmountFamily {
  readonly records: Observable;
  readonly bytes: Observable;
}

type Families = ReturnType<typeof createFamilies>;

function createFamilies(meter: Meter) {
  const counter = (name: string, description: string) => meter.createObservableCounter(name, { description });
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { description });
  const counters = (verb: string, meaning: string): AmountFamily => ({
    records: counter(`penstock_records_${verb}_total`, `Records ${meaning}`),
    bytes: counter(`penstock_bytes_${verb}_total`, `Bytes of records ${meaning}`),
  });
  return {
    received: counters("received", "offered to a source, whatever became of them."),
    rejected: counters("rejected", "sent back to the agent, with nothing of their batch kept."),
    dropped: counters("dropped", "lost, before they were admitted or after."),
    delivered: counters("delivered", "that a sink has taken."),
    deadLettered: counters("dead_lettered", "that a sink has given up and its dead letter sink has."),
    refused: counter(
      "penstock_requests_refused_total",
      "Requests refused before their records could be counted.",
    ),
    overlooked: counter(
      "penstock_requests_overlooked_total",
      "OTLP requests that are no error and of which nothing, or not everything, becomes records.",
    ),
    buffer: {
      records: gauge("penstock_buffer_records", "Records in the buffer, those in flight to a sink included."),
      bytes: gauge("penstock_buffer_bytes", "Bytes of records in the buffer, those in flight included."),
    },
    capacity: {
      records: gauge("penstock_buffer_capacity_records", "The most records that the buffer holds."),
      bytes: gauge("penstock_buffer_capacity_bytes", "The most bytes of records that the buffer holds."),
    },
    blocked: gauge("penstock_producers_blocked", "Producers that wait for room in the buffer."),
    memory: gauge("penstock_memory_bytes", "Bytes of the memory budget that are reserved."),
    memoryLimit: gauge("penstock_memory_limit_bytes", "The most bytes that are reserved at once."),
    websockets: gauge("penstock_websocket_connections", "WebSockets that are open."),
    websocketsPaused: gauge(
      "penstock_websocket_connections_paused",
      "WebSockets that are not read, because there is no room for their messages.",
    ),
    websocketsClosed: counter("penstock_websocket_closed_total", "WebSockets closed, by either side."),
    permits: gauge("penstock_pool_permits", "The most attempts to flush that are under way at once."),
    permitsInUse: gauge("penstock_pool_permits_in_use", "Attempts to flush that are under way."),
    acquisitions: counter("penstock_pool_acquisitions_total", "Permits granted, at once or after a wait."),
    sinkErrors: counter("penstock_sink_errors_total", "Attempts to write to a sink that failed."),
    sinkRetries: counter("penstock_sink_retries_total", "Failed attempts that were to be repeated."),
  };
}

/** What sinks tell of themselves. */
function createFigures(meter: Meter): ReadonlyMap<SinkFigureName, Observable> {
  const names = Object.keys(SINK_FIGURES) as SinkFigureName[];
  return new Map(names.map((name) => {
    const { type, description } = SINK_FIGURES[name];
    return [
      name,
      type === "gauge"
        ? meter.createObservableGauge(`penstock_sink_${name}`, { description })
        : meter.createObservableCounter(`penstock_sink_${name}_total`, { description }),
    ];
  }));
}

// Every reason has its series from the start: of a counter that first appears at 5, no query sees the increase by 5.
const REJECTED = keysOf<RejectReason>({ overloaded: 0, too_large: 0, shutting_down: 0, aborted: 0 });
const DROPPED = keysOf<DropReason>({ buffer_full: 0, evicted: 0, sink_failed: 0 });
const REFUSED = keysOf<RefusalReason>({
  invalid_record: 0,
  too_large: 0,
  unsupported_media_type: 0,
  overloaded: 0,
  shutting_down: 0,
  timeout: 0,
  aborted: 0,
  protocol_error: 0,
});

const OVERLOOKED = keysOf<OversightReason>({ empty: 0, misnamed: 0 });

/** The members of a union. An object has to name all of them, so that none added later is forgotten here. */
function keysOf<Key extends string>(members: Record<Key, 0>): readonly Key[] {
  return Object.keys(members) as Key[];
}

const ZERO: Amount = { records: 0, bytes: 0 };

/** The sinks of a source, and those that get what these do not take. */
function reachable(
  sinks: readonly string[],
  deadLetters: ReadonlyMap<string, string | undefined>,
): Set<string> {
  const all = new Set(sinks); // grows while it is walked through
  for (const sink of all) {
    const deadLetter = deadLetters.get(sink);
    if (deadLetter !== undefined) all.add(deadLetter);
  }
  return all;
}

function observeSource(
  result: BatchObservableResult,
  families: Families,
  source: Source,
  deadLetters: ReadonlyMap<string, string | undefined>,
): void {
  const { name, ledger, buffer } = source;
  const tell = (family: AmountFamily, { records, bytes }: Amount, labels = {}) => {
    result.observe(family.records, records, { source: name, ...labels });
    result.observe(family.bytes, bytes, { source: name, ...labels });
  };
  const rejected = new Map(ledger.rejected.entries());
  const dropped = new Map(ledger.dropped.entries());
  const delivered = new Map(ledger.deliveredBySink.entries());
  tell(families.received, ledger.received);
  for (const reason of REJECTED) tell(families.rejected, rejected.get(reason) ?? ZERO, { reason });
  for (const reason of DROPPED) tell(families.dropped, dropped.get(reason) ?? ZERO, { reason });
  const deadLettered = new Map(ledger.deadLettered.entries());
  for (const sink of reachable(source.sinks, deadLetters)) {
    tell(families.delivered, delivered.get(sink) ?? ZERO, { sink });
    if (deadLetters.get(sink) === undefined) continue;
    tell(families.deadLettered, deadLettered.get(sink) ?? ZERO, { sink });
  }
  for (const reason of REFUSED) {
    result.observe(families.refused, ledger.refusals.get(reason) ?? 0, { source: name, reason });
  }
  for (const reason of OVERLOOKED) {
    result.observe(families.overlooked, ledger.oversights.get(reason) ?? 0, { source: name, reason });
  }
  tell(families.buffer, buffer);
  tell(families.capacity, buffer.capacity);
  result.observe(families.blocked, buffer.producersWaiting, { source: name });
}

function observeShared(
  result: BatchObservableResult,
  families: Families,
  { budget, pool, websocket }: Observed,
): void {
  const { open, paused, closed } = websocket.figures;
  result.observe(families.websockets, open);
  result.observe(families.websocketsPaused, paused);
  for (const [code, count] of closed) result.observe(families.websocketsClosed, count, { code });
  const { permits, inUse, immediate, waited } = pool.semaphore;
  result.observe(families.memory, budget.used);
  result.observe(families.memoryLimit, budget.limit);
  result.observe(families.permits, permits);
  result.observe(families.permitsInUse, inUse);
  result.observe(families.acquisitions, immediate, { outcome: "immediate" });
  result.observe(families.acquisitions, waited, { outcome: "waited" });
}

function observeSink(
  result: BatchObservableResult,
  families: Families,
  sink: string,
  failures: SinkLedger,
): void {
  const { errors, retries } = failures.of(sink);
  for (const [kind, count] of errors) result.observe(families.sinkErrors, count, { sink, kind });
  result.observe(families.sinkRetries, retries, { sink });
}
