// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreaterOrEqual } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { SinkLedger } from "../../collector/sink_ledger.ts";
import { type Status, status, type StatusOptions } from "../../collector/status.ts";
import type { Amount } from "../../collector/batch.ts";
import { SinkError } from "../../sinks/sink.ts";
import { flush, Parts } from "./observed_parts.ts";
import { offer } from "./sources.ts";

/** What the parts say of the flushes to each sink. */
const FLUSHES = { inProgress: 2, waiting: 1, overdue: 0 };

/** The status as whoever asks gets it. */
function tell(options: StatusOptions): Status {
  return JSON.parse(JSON.stringify(status(options)));
}

function optionsOf(parts: Parts, failures = new SinkLedger()): StatusOptions {
  return { ...parts, state: "ready", failures };
}

Deno.test("status() tells of a daemon that nobody has sent anything yet", () => {
  assertEquals(tell({ ...optionsOf(new Parts()), state: "starting" }), {
    state: "starting",
    sources: {},
    sinks: {
      disk: { type: "file", flushes: FLUSHES, errors: 0, retries: 0 },
      console: { type: "stdout", flushes: FLUSHES, errors: 0, retries: 0 },
    },
    pool: { permits: 4, inUse: 0, waiting: 0, immediate: 0, waited: 0 },
    websocket: { connections: 2, paused: 1, limit: 9 },
    memory: { used: 0, limit: 1_000_000 },
  });
});

Deno.test("status() tells the config, the buffer and the whole ledger of a source", async () => {
  const parts = new Parts();
  const source = parts.add({ name: "frames", kind: "frames", policy: "drop_oldest", sinks: ["disk"] });
  await offer(source, ["1", "2", "3"]);
  flush(source); // delivers 2
  await offer(source, ["4", "5"]);
  await offer(source, ["6"]); // evicts 1
  await offer(source, ["x".repeat(200)]);
  source.ledger.refuse("timeout");
  source.ledger.overlook("empty");
  source.take({ records: 1, bytes: 100 });
  assertEquals(tell(optionsOf(parts)).sources, {
    frames: {
      kind: "frames",
      policy: "drop_oldest",
      ack: "buffered",
      sinks: ["disk"],
      buffer: {
        records: 3,
        bytes: 6,
        capacity: { records: 3, bytes: 100 },
        inFlight: { records: 1, bytes: 2 },
      },
      producersBlocked: 0,
      ledger: {
        received: { records: 7, bytes: 213 },
        rejected: { records: 1, bytes: 201 },
        dropped: { records: 1, bytes: 2 },
        delivered: { records: 2, bytes: 4 },
        buffered: { records: 3, bytes: 6 },
        rejectedBy: { too_large: { records: 1, bytes: 201 } },
        droppedBy: { evicted: { records: 1, bytes: 2 } },
        deliveredBySink: { disk: { records: 2, bytes: 4 } },
        deadLetteredBySink: {},
        refusals: { timeout: 1 },
        oversights: { empty: 1 },
      },
    },
  });
});

Deno.test("status() tells ledgers that balance, in records and in bytes", async () => {
  const parts = new Parts();
  for (const policy of ["drop_newest", "drop_oldest", "reject"] as const) {
    const source = parts.add({ name: policy, policy });
    for (const lines of [["1", "22"], ["333", "4444"], ["5"], ["6", "7", "8"]]) await offer(source, lines);
    flush(source);
    await offer(source, ["9"]);
  }
  for (const { ledger } of Object.values(tell(optionsOf(parts)).sources)) {
    const sum = (of: (amount: Amount) => number) =>
      [ledger.rejected, ledger.dropped, ledger.delivered, ledger.buffered].map(of).reduce((a, b) => a + b);
    assertEquals(ledger.received, {
      records: sum(({ records }) => records),
      bytes: sum(({ bytes }) => bytes),
    });
  }
});

Deno.test("status() tells how many producers are blocked and what memory and permits are out", async () => {
  const parts = new Parts();
  const source = parts.add({ name: "app", policy: "block" });
  await offer(source, ["1", "2", "3"]);
  const waiting = offer(source, ["4"]);
  using _permit = await parts.pool.semaphore.acquire({ lane: "disk" });
  const { sources, pool, memory } = tell(optionsOf(parts));
  assertEquals(sources["app"]?.producersBlocked, 1);
  assertEquals(pool, { permits: 4, inUse: 1, waiting: 0, immediate: 1, waited: 0 });
  assertEquals(memory, { used: source.memory.used, limit: 1_000_000 });
  assertGreaterOrEqual(memory.used, 4096);
  source.close();
  await waiting;
});

Deno.test("status() tells the errors of a sink, and the last of them", () => {
  using _time = new FakeTime(Date.UTC(2026, 0, 31, 23, 59, 59, 999));
  const failures = new SinkLedger();
  failures.failed("disk", new SinkError("Cannot write: EIO", { kind: "EIO", retryable: true }));
  failures.retrying("disk");
  failures.failed(
    "disk",
    new SinkError("Cannot write: disk full", { kind: "ENOSPC", retryable: false }),
  );
  const { sinks } = tell(optionsOf(new Parts(), failures));
  assertEquals(sinks["disk"], {
    type: "file",
    flushes: FLUSHES,
    errors: 2,
    retries: 1,
    lastError: { kind: "ENOSPC", message: "Cannot write: disk full", at: "2026-01-31T23:59:59.999Z" },
  });
  assertEquals(sinks["console"], { type: "stdout", flushes: FLUSHES, errors: 0, retries: 0 });
});

Deno.test("status() tells of a source whatever its name", async () => {
  const parts = new Parts();
  await offer(parts.add({ name: "constructor" }), ["1"]);
  const { sources } = tell(optionsOf(parts));
  assertEquals(Object.keys(sources), ["constructor"]);
  assertEquals(sources["constructor"]?.ledger.received, { records: 1, bytes: 2 });
});
