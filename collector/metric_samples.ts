import type { Amount } from "./batch.ts";
import type { DropReason, OversightReason, RefusalReason, RejectReason } from "./ledger.ts";
import type { MemoryBudget } from "./memory_budget.ts";
import { type AmountFamily, FAMILIES, FIGURE_FAMILIES, type MetricFamily } from "./metric_families.ts";
import type { SinkLedger } from "./sink_ledger.ts";
import type { Source } from "./source.ts";
import type { WebSocketFigures } from "./websocket_figures.ts";
import type { FlushPool } from "../sinks/pool.ts";
import type { Semaphore } from "../sinks/semaphore.ts";

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

/** The labels of a sample, with their values. */
export type Labels = Readonly<Record<string, string>>;

/** Is told one number of a metric. */
export type TellSample = (family: MetricFamily, value: number, labels: Labels) => void;

/**
 * Reads every counter and gauge, all of them at one moment, so that the ledgers balance in it. They are plain numbers
 * somewhere else, so that counting a record costs an addition and no more.
 *
 * @param observed What to read.
 * @param failures What sinks failed at.
 * @param tell Is told each number, once for each set of labels.
 */
export function readSamples(observed: Observed, failures: SinkLedger, tell: TellSample): void {
  const deadLetters = new Map(observed.sinks.map(({ name, deadLetter }) => [name, deadLetter]));
  for (const source of observed.registry.all) readSource(source, deadLetters, tell);
  readShared(observed, tell);
  for (const { name } of observed.sinks) {
    readFailures(name, failures, tell);
    for (const { name: figure, value, labels } of observed.pool.figures(name)) {
      tell(FIGURE_FAMILIES.get(figure)!, value, { sink: name, ...labels });
    }
  }
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

function readSource(
  source: Source,
  deadLetters: ReadonlyMap<string, string | undefined>,
  tell: TellSample,
): void {
  const { name, ledger, buffer } = source;
  const tellAmount = (family: AmountFamily, { records, bytes }: Amount, labels: Labels = {}) => {
    const all = { source: name, ...labels };
    tell(family.records, records, all);
    tell(family.bytes, bytes, all);
  };
  const rejected = new Map(ledger.rejected.entries());
  const dropped = new Map(ledger.dropped.entries());
  const delivered = new Map(ledger.deliveredBySink.entries());
  tellAmount(FAMILIES.received, ledger.received);
  for (const reason of REJECTED) tellAmount(FAMILIES.rejected, rejected.get(reason) ?? ZERO, { reason });
  for (const reason of DROPPED) tellAmount(FAMILIES.dropped, dropped.get(reason) ?? ZERO, { reason });
  const deadLettered = new Map(ledger.deadLettered.entries());
  for (const sink of reachable(source.sinks, deadLetters)) {
    tellAmount(FAMILIES.delivered, delivered.get(sink) ?? ZERO, { sink });
    if (deadLetters.get(sink) === undefined) continue;
    tellAmount(FAMILIES.deadLettered, deadLettered.get(sink) ?? ZERO, { sink });
  }
  for (const reason of REFUSED) {
    tell(FAMILIES.refused, ledger.refusals.get(reason) ?? 0, { source: name, reason });
  }
  for (const reason of OVERLOOKED) {
    tell(FAMILIES.overlooked, ledger.oversights.get(reason) ?? 0, { source: name, reason });
  }
  tellAmount(FAMILIES.buffer, buffer);
  tellAmount(FAMILIES.capacity, buffer.capacity);
  tell(FAMILIES.blocked, buffer.producersWaiting, { source: name });
}

function readShared({ budget, pool, websocket }: Observed, tell: TellSample): void {
  const { open, paused, closed } = websocket.figures;
  tell(FAMILIES.websockets, open, {});
  tell(FAMILIES.websocketsPaused, paused, {});
  for (const [code, count] of closed) tell(FAMILIES.websocketsClosed, count, { code });
  const { permits, inUse, immediate, waited } = pool.semaphore;
  tell(FAMILIES.memory, budget.used, {});
  tell(FAMILIES.memoryLimit, budget.limit, {});
  tell(FAMILIES.permits, permits, {});
  tell(FAMILIES.permitsInUse, inUse, {});
  tell(FAMILIES.acquisitions, immediate, { outcome: "immediate" });
  tell(FAMILIES.acquisitions, waited, { outcome: "waited" });
}

function readFailures(sink: string, failures: SinkLedger, tell: TellSample): void {
  const { errors, retries } = failures.of(sink);
  for (const [kind, count] of errors) tell(FAMILIES.sinkErrors, count, { sink, kind });
  tell(FAMILIES.sinkRetries, retries, { sink });
}
