// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { SinkError } from "../../sinks/sink.ts";
import { observe, Parts } from "./observed_parts.ts";
import { linesOf, parsePrometheus } from "./prometheus_text.ts";

const BOUNDS = [
  "0.0005",
  "0.001",
  "0.0025",
  "0.005",
  "0.01",
  "0.025",
  "0.05",
  "0.1",
  "0.25",
  "0.5",
  "1",
  "2.5",
  "5",
  "10",
];

Deno.test("Telemetry.prometheus() has every family of the daemon, with its type and its labels, and no other", () => {
  const parts = new Parts();
  parts.add({ name: "app" });
  const telemetry = observe(parts);
  telemetry.flushes.failed(
    "disk",
    new SinkError("Cannot write", { kind: "ENOSPC", retryable: false }),
    "app",
  );
  const families = parsePrometheus(telemetry.prometheus());
  const shape = [...families].map(([name, { type, samples }]) => {
    const labels = new Set(samples.flatMap((sample) => Object.keys(sample.labels)));
    return `${name} ${type} ${[...labels].filter((label) => label !== "le")}`.trim();
  });
  assertEquals(shape.sort(), [
    "penstock_block_duration_seconds histogram source",
    "penstock_buffer_bytes gauge source",
    "penstock_buffer_capacity_bytes gauge source",
    "penstock_buffer_capacity_records gauge source",
    "penstock_buffer_records gauge source",
    "penstock_bytes_delivered_total counter source,sink",
    "penstock_bytes_dropped_total counter source,reason",
    "penstock_bytes_received_total counter source",
    "penstock_bytes_rejected_total counter source,reason",
    "penstock_memory_bytes gauge",
    "penstock_memory_limit_bytes gauge",
    "penstock_pool_acquisitions_total counter outcome",
    "penstock_pool_permits gauge",
    "penstock_pool_permits_in_use gauge",
    "penstock_pool_wait_seconds histogram",
    "penstock_producers_blocked gauge source",
    "penstock_records_delivered_total counter source,sink",
    "penstock_records_dropped_total counter source,reason",
    "penstock_records_received_total counter source",
    "penstock_records_rejected_total counter source,reason",
    "penstock_requests_overlooked_total counter source,reason",
    "penstock_requests_refused_total counter source,reason",
    "penstock_sink_errors_total counter sink,kind",
    "penstock_sink_flush_seconds histogram sink",
    "penstock_sink_open_files gauge sink",
    "penstock_sink_recovery_cut_bytes_total counter sink",
    "penstock_sink_requests_total counter sink",
    "penstock_sink_retries_total counter sink",
    "penstock_sink_segments_damaged_total counter sink,cause",
    "penstock_sink_segments_finished_total counter sink",
    "penstock_sink_segments_recovered_total counter sink",
    "penstock_sink_sent_bytes_total counter sink",
    "penstock_sink_sync_errors_total counter sink",
    "penstock_sink_syncs_total counter sink",
    "penstock_sink_upstream_lost_records_total counter sink,reason",
    "penstock_websocket_closed_total counter code",
    "penstock_websocket_connections gauge",
    "penstock_websocket_connections_paused gauge",
  ]);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() has a series at 0 for everything that can happen to a source just named", () => {
  const parts = new Parts();
  parts.add({ name: "new", sinks: ["disk"] });
  const telemetry = observe(parts);
  const text = telemetry.prometheus();
  assertEquals(linesOf(text, "penstock_records_received_total"), [
    'penstock_records_received_total{source="new"} 0',
  ]);
  assertEquals(linesOf(text, "penstock_bytes_rejected_total"), [
    'penstock_bytes_rejected_total{source="new",reason="overloaded"} 0',
    'penstock_bytes_rejected_total{source="new",reason="too_large"} 0',
    'penstock_bytes_rejected_total{source="new",reason="shutting_down"} 0',
    'penstock_bytes_rejected_total{source="new",reason="aborted"} 0',
  ]);
  assertEquals(linesOf(text, "penstock_records_dropped_total"), [
    'penstock_records_dropped_total{source="new",reason="buffer_full"} 0',
    'penstock_records_dropped_total{source="new",reason="evicted"} 0',
    'penstock_records_dropped_total{source="new",reason="sink_failed"} 0',
  ]);
  assertEquals(linesOf(text, "penstock_bytes_delivered_total"), [
    'penstock_bytes_delivered_total{source="new",sink="disk"} 0',
  ]);
  assertEquals(
    linesOf(text, "penstock_requests_refused_total"),
    [
      "invalid_record",
      "too_large",
      "unsupported_media_type",
      "overloaded",
      "shutting_down",
      "timeout",
      "aborted",
      "protocol_error",
    ]
      .map((reason) => `penstock_requests_refused_total{source="new",reason="${reason}"} 0`),
  );
  assertEquals(linesOf(text, "penstock_requests_overlooked_total"), [
    'penstock_requests_overlooked_total{source="new",reason="empty"} 0',
    'penstock_requests_overlooked_total{source="new",reason="misnamed"} 0',
  ]);
  assertEquals(linesOf(text, "penstock_sink_retries_total"), [
    'penstock_sink_retries_total{sink="disk"} 0',
    'penstock_sink_retries_total{sink="console"} 0',
  ]);
  assertEquals(linesOf(text, "penstock_block_duration_seconds_bucket"), [
    ...BOUNDS.map((le) => `penstock_block_duration_seconds_bucket{source="new",le="${le}"} 0`),
    'penstock_block_duration_seconds_bucket{source="new",le="+Inf"} 0',
  ]);
  assertEquals(linesOf(text, "penstock_pool_wait_seconds_count"), ["penstock_pool_wait_seconds_count 0"]);
  assertEquals(linesOf(text, "penstock_sink_flush_seconds_count"), [
    'penstock_sink_flush_seconds_count{sink="disk"} 0',
    'penstock_sink_flush_seconds_count{sink="console"} 0',
  ]);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() leaves no source out, however many there are", () => {
  const parts = new Parts();
  for (let i = 0; i < 600; i++) parts.add({ name: `s${i}` }); // 4 reasons each are more than the SDK's own 2000
  const telemetry = observe(parts);
  const text = telemetry.prometheus();
  assertEquals(linesOf(text, "penstock_records_rejected_total").length, 4 * 600);
  assert(!text.includes("overflow"));
  telemetry.shutdown();
});
