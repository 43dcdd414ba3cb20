// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStringIncludes } from "@std/assert";
import { SinkError } from "../../sinks/sink.ts";
import { flush, observe, Parts } from "./observed_parts.ts";
import { linesOf, parsePrometheus } from "./prometheus_text.ts";
import { offer } from "./sources.ts";

const ioError = (kind: string) => new SinkError(`Cannot write: ${kind}`, { kind, retryable: true });

Deno.test("Telemetry.blocked() records how long a producer was blocked, once per batch", async () => {
  const parts = new Parts();
  const telemetry = observe(parts);
  const source = parts.add({ name: "app", onBlocked: (seconds) => telemetry.blocked("app", seconds) });
  await offer(source, ["1", "2", "3"]);
  const waiting = offer(source, ["4", "5"]);
  assertStringIncludes(telemetry.prometheus(), '\npenstock_producers_blocked{source="app"} 1\n');
  flush(source);
  await waiting;
  const blocked = telemetry.prometheus();
  parsePrometheus(blocked);
  assertStringIncludes(blocked, '\npenstock_producers_blocked{source="app"} 0\n');
  assertStringIncludes(blocked, '\npenstock_block_duration_seconds_count{source="app"} 1\n');

  telemetry.blocked("other", 0.75);
  telemetry.blocked("other", 11);
  const text = telemetry.prometheus();
  parsePrometheus(text);
  assertStringIncludes(text, '\npenstock_block_duration_seconds_bucket{source="other",le="0.5"} 0\n');
  assertStringIncludes(text, '\npenstock_block_duration_seconds_bucket{source="other",le="1"} 1\n');
  assertStringIncludes(text, '\npenstock_block_duration_seconds_bucket{source="other",le="10"} 1\n');
  assertStringIncludes(text, '\npenstock_block_duration_seconds_bucket{source="other",le="+Inf"} 2\n');
  assertStringIncludes(text, '\npenstock_block_duration_seconds_sum{source="other"} 11.75\n');
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() has no block duration of sources that never make a producer wait", () => {
  const parts = new Parts();
  parts.add({ name: "newest", policy: "drop_newest" });
  const telemetry = observe(parts);
  assertEquals(linesOf(telemetry.prometheus(), "penstock_block_duration_seconds_count"), []);
  telemetry.shutdown();
});

Deno.test("Telemetry.flushes counts errors by kind, retries apart, and times what succeeded", () => {
  const parts = new Parts();
  const telemetry = observe(parts);
  for (const kind of ["ENOSPC", "ENOSPC", "EIO"]) {
    telemetry.flushes.failed("disk", ioError(kind), "app");
    if (kind === "ENOSPC") telemetry.flushes.retrying("disk", ioError(kind), 100, "app");
    else telemetry.flushes.givenUp("disk", ioError(kind), "app", undefined);
  }
  telemetry.flushes.flushed("disk", 0.002, "app", { records: 1, bytes: 2 });
  const text = telemetry.prometheus();
  parsePrometheus(text);
  assertEquals(linesOf(text, "penstock_sink_errors_total"), [
    'penstock_sink_errors_total{sink="disk",kind="ENOSPC"} 2',
    'penstock_sink_errors_total{sink="disk",kind="EIO"} 1',
  ]);
  assertEquals(linesOf(text, "penstock_sink_retries_total"), [
    'penstock_sink_retries_total{sink="disk"} 2',
    'penstock_sink_retries_total{sink="console"} 0',
  ]);
  assertStringIncludes(text, '\npenstock_sink_flush_seconds_bucket{sink="disk",le="0.001"} 0\n');
  assertStringIncludes(text, '\npenstock_sink_flush_seconds_bucket{sink="disk",le="0.0025"} 1\n');
  assertStringIncludes(text, '\npenstock_sink_flush_seconds_count{sink="console"} 0\n');
  telemetry.shutdown();
});

Deno.test("Telemetry.flushes and the semaphore tell which permits were waited for", async () => {
  const parts = new Parts();
  const { semaphore } = parts.pool;
  const telemetry = observe(parts);
  const permits = await Promise.all(["disk", "disk", "disk"].map((lane) => semaphore.acquire({ lane })));
  const waiting = semaphore.acquire({ lane: "disk" });
  permits[0]![Symbol.dispose]();
  permits.push(await waiting);
  for (const _permit of permits) telemetry.flushes.permitGranted("disk", 0);
  const text = telemetry.prometheus();
  assertEquals(linesOf(text, "penstock_pool_acquisitions_total"), [
    'penstock_pool_acquisitions_total{outcome="immediate"} 3',
    'penstock_pool_acquisitions_total{outcome="waited"} 1',
  ]);
  assertEquals(linesOf(text, "penstock_pool_permits"), ["penstock_pool_permits 4"]);
  assertEquals(linesOf(text, "penstock_pool_permits_in_use"), ["penstock_pool_permits_in_use 3"]);
  assertEquals(linesOf(text, "penstock_pool_wait_seconds_count"), ["penstock_pool_wait_seconds_count 4"]);
  for (const permit of permits) permit[Symbol.dispose]();
  telemetry.shutdown();
});
