// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { Batch } from "../../collector/batch.ts";
import { applyMask } from "../../collector/frame_mask.ts";
import { MemoryBudget } from "../../collector/memory_budget.ts";
import { MessageAssembly } from "../../collector/message_assembly.ts";
import { MessageIntake } from "../../collector/message_intake.ts";
import type { MessageReplies } from "../../collector/message_replies.ts";
import type { Refusal } from "../../collector/refusal.ts";
import type { Source } from "../../collector/source.ts";
import type { Accepted } from "../../policies/mod.ts";
import { makeSource, type TestSourceOptions } from "./sources.ts";

const encoder = new TextEncoder();

/** What a client sends. */
export type TestMessage = string | Uint8Array;

/** What it was told: of messages that were admitted, with the counts of their records, or the code of a refusal. */
export type Reply =
  | { messages: number; accepted: number; dropped: number; evicted: number }
  | { refused: string };

/** Remembers what a client is told. */
export class RecordedReplies implements MessageReplies {
  readonly replies: Reply[] = [];
  /** Whether a client may go on after a refusal. */
  goesOn = true;
  /** What {@linkcode caughtUp} returns, once. */
  behind: Promise<void> | undefined;

  admitted(messages: number, { accepted, dropped, evicted }: Accepted): void {
    const counts = { accepted: accepted.records, dropped: dropped.records, evicted: evicted.records };
    this.replies.push({ messages, ...counts });
  }

  refused({ code }: Refusal): boolean {
    this.replies.push({ refused: code });
    return this.goesOn;
  }

  caughtUp(): Promise<void> | undefined {
    const { behind } = this;
    this.behind = undefined;
    return behind;
  }

  /** The same, with what was admitted between two refusals summed up: how it was grouped is nobody's business. */
  get summed(): Reply[] {
    const summed: Reply[] = [];
    for (const reply of this.replies) {
      const last = summed.at(-1);
      if ("refused" in reply || last === undefined || "refused" in last) summed.push({ ...reply });
      else {
        last.messages += reply.messages;
        last.accepted += reply.accepted;
        last.dropped += reply.dropped;
        last.evicted += reply.evicted;
      }
    }
    return summed;
  }
}

/** Options of {@linkcode TestIntake}. */
export interface TestIntakeOptions extends TestSourceOptions {
  /** The most bytes of a record. */
  readonly record?: number;
  readonly source?: Source;
  readonly assembly?: MessageAssembly;
}

/** An intake into a real source, with everything that it tells. */
export class TestIntake {
  readonly memory = new MemoryBudget({ limit: 1 << 30 }).account();
  readonly source: Source;
  readonly replies = new RecordedReplies();
  readonly gone = new AbortController();
  /** What was told of waiting. */
  readonly waits: boolean[] = [];
  readonly notUtf8: string[] = [];
  readonly defects: unknown[] = [];
  readonly intake: MessageIntake;
  /** How many admissions there were: each of them copies, wakes, books. */
  admissions = 0;
  #keys = 0;

  constructor({ record = 200_000, assembly = new MessageAssembly(), ...options }: TestIntakeOptions = {}) {
    this.source = options.source ?? makeSource({ memory: this.memory, ...options });
    this.source.onAdmitted = () => this.admissions++;
    this.intake = new MessageIntake({
      source: this.source,
      record,
      producer: this.gone,
      replies: this.replies,
      assembly,
      onWaiting: (waiting) => this.waits.push(waiting),
      onNotUtf8: (reason) => this.notUtf8.push(reason),
      onDefect: (error) => this.defects.push(error),
    });
  }

  /** Adds messages as if one read of a socket had brought them, and lets what is due be done. */
  async read(...messages: TestMessage[]): Promise<void> {
    for (const message of messages) this.add(message);
    await turn();
  }

  /** Adds one message, masked every other time. The memory that it is in belongs to the socket, and is overwritten soon. */
  add(message: TestMessage): void {
    const bytes = typeof message === "string" ? encoder.encode(message) : message;
    const piece = new Uint8Array(bytes.length + 16).fill(0x2e);
    piece.set(bytes, 8);
    const end = 8 + bytes.length;
    if (this.#keys++ % 2 === 0) this.intake.add(piece.subarray(8, end), typeof message !== "string");
    else {
      const key = 0x9e37_79b9 * this.#keys | 0;
      applyMask(piece, 8, end, key);
      this.intake.addMasked(piece, 8, end, key, typeof message !== "string");
    }
    queueMicrotask(() => queueMicrotask(() => piece.fill(0x2e)));
  }

  /** Lets go what the buffer holds, as a flush does. Returns the records, in hexadecimal where they are no text. */
  async flush(limit = { records: 1_000_000, bytes: 1 << 30 }): Promise<string[]> {
    const records = takeAll(this.source, limit);
    await turn();
    return records;
  }

  /** Flushes until nothing comes any more and nothing waits. */
  async drain(): Promise<string[]> {
    const records: string[] = [];
    while (this.source.buffer.records > 0) records.push(...await this.flush());
    return records;
  }

  /** Asserts that nothing is booked but what the buffer holds, and that nothing went wrong. */
  async assertTidy(): Promise<void> {
    await this.drain();
    assertEquals([this.memory.used, this.defects, this.intake.waiting], [0, [], false]);
    const pairs = this.waits.filter((waiting) => !waiting).length;
    assertEquals(this.waits, Array.from({ length: 2 * pairs }, (_, i) => i % 2 === 0));
  }
}

/** Takes and commits up to a limit. */
export function takeAll(source: Source, limit = { records: 1_000_000, bytes: 1 << 30 }): string[] {
  const batch = source.take(limit);
  if (batch === undefined) return [];
  const records = recordsOf(batch);
  source.commit();
  return records;
}

/** The records of a batch: texts without their line feeds, frames in hexadecimal. */
export function recordsOf({ format, data, ends }: Batch): string[] {
  let start = 0;
  return [...ends].map((end) => {
    const record = data.subarray(start, end);
    start = end;
    return format === "json" ? new TextDecoder().decode(record).slice(0, -1) : record.toHex();
  });
}

/** Lets every microtask run, and those that come of them. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
