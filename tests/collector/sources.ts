// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { SourceConfig } from "../../collector/config.ts";
import { ChunkPool } from "../../collector/chunk_pool.ts";
import { MemoryBudget } from "../../collector/memory_budget.ts";
import { Source, type SourceOptions } from "../../collector/source.ts";
import {
  type Accepted,
  type Admission,
  block,
  dropNewest,
  dropOldest,
  type OverloadPolicy,
  type PolicyName,
  reject,
} from "../../policies/mod.ts";
import { jsonBatch } from "../sinks/batches.ts";

/** What differs from a source with plenty of room and no reason to flush. */
export interface TestSourceOptions extends Partial<SourceConfig> {
  readonly name?: string;
  readonly memory?: SourceOptions["memory"];
  readonly onBlocked?: (seconds: number) => void;
  /** The most producers that wait. */
  readonly waiting?: number;
}

const POLICIES: Record<PolicyName, (timeout: number) => OverloadPolicy> = {
  block: (timeout) => block({ timeout }),
  drop_newest: dropNewest,
  drop_oldest: dropOldest,
  reject,
};

/** Makes a source from real parts. */
export function makeSource(options: TestSourceOptions = {}): Source {
  const { name = "orders", memory = new MemoryBudget({ limit: 1 << 30 }).account(), onBlocked } = options;
  const config = sourceConfig(options);
  return new Source({
    name,
    config,
    policy: POLICIES[config.policy](config.blockTimeout),
    memory,
    chunks: new ChunkPool(),
    waiting: options.waiting ?? 16,
    ...(onBlocked === undefined ? {} : { onBlocked }),
  });
}

/** Makes the rule of a source that never flushes by itself: every threshold is out of reach. */
export function sourceConfig(options: Partial<SourceConfig> = {}): SourceConfig {
  return {
    pattern: options.pattern ?? "*",
    kind: options.kind ?? "events",
    policy: options.policy ?? "reject",
    blockTimeout: options.blockTimeout ?? 5_000,
    ack: options.ack ?? "buffered",
    encoding: options.encoding ?? "received",
    sinks: options.sinks ?? ["disk"],
    buffer: options.buffer ?? { records: 10_000, bytes: 1 << 20 },
    batch: options.batch ?? { records: 1_000_000, bytes: 1 << 30, linger: 1 << 30 },
  };
}

/** A producer that stays. */
export const PRODUCER = { signal: new AbortController().signal };

/** Offers records. */
export function offer(source: Source, lines: string[], producer = PRODUCER): Admission | Promise<Admission> {
  return source.offer(jsonBatch(lines), producer);
}

/** Offers records that there is room for. */
export function admit(source: Source, ...lines: string[]): Accepted {
  const admission = offer(source, lines);
  if (admission instanceof Promise || "rejected" in admission) throw new Error("Cannot admit: no room");
  return admission;
}

/** Asserts that the ledger balances at this moment, in records and in bytes. */
export function assertBalanced(source: Source): void {
  const { received, rejected, dropped, delivered, buffered } = source.snapshot();
  for (const unit of ["records", "bytes"] as const) {
    const sum = rejected[unit] + dropped[unit] + delivered[unit] + buffered[unit];
    assertEquals(received[unit], sum, `${unit} of '${source.name}' do not balance`);
  }
}
