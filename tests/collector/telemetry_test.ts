// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { metrics } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import { Telemetry } from "../../collector/telemetry.ts";
import { SinkError } from "../../sinks/sink.ts";
import { flush, observe, Parts } from "./observed_parts.ts";
import { linesOf, parsePrometheus, promtool } from "./prometheus_text.ts";
import { offer } from "./sources.ts";

Deno.test("Telemetry.prometheus() tells what the ledger and the buffer say", async () => {
  const parts = new Parts();
  const telemetry = observe(parts);
  const newest = parts.add({ name: "newest", policy: "drop_newest" });
  await offer(newest, ["1", "22"]);
  await offer(newest, ["333", "4444"]); // the last one does not fit
  flush(newest);
  const oldest = parts.add({ name: "oldest", policy: "drop_oldest" });
  await offer(oldest, ["1", "2", "3"]);
  await offer(oldest, ["4"]);
  oldest.take({ records: 1, bytes: 100 });
  oldest.discard();
  const rejecting = parts.add({ name: "rejecting", policy: "reject" });
  await offer(rejecting, ["1", "2"]);
  await offer(rejecting, ["3", "4"]);
  await offer(rejecting, ["x".repeat(200)]);
  rejecting.ledger.refuse("invalid_record");
  rejecting.ledger.refuse("invalid_record");

  const text = telemetry.prometheus();
  parsePrometheus(text);
  for (
    const line of [
      'penstock_records_received_total{source="newest"} 4',
      'penstock_bytes_received_total{source="newest"} 14',
      'penstock_records_dropped_total{source="newest",reason="buffer_full"} 1',
      'penstock_bytes_dropped_total{source="newest",reason="buffer_full"} 5',
      'penstock_records_delivered_total{source="newest",sink="disk"} 2',
      'penstock_bytes_delivered_total{source="newest",sink="console"} 5',
      'penstock_buffer_records{source="newest"} 1',
      'penstock_buffer_bytes{source="newest"} 4',
      'penstock_buffer_capacity_records{source="newest"} 3',
      'penstock_buffer_capacity_bytes{source="newest"} 100',
      'penstock_records_dropped_total{source="oldest",reason="evicted"} 1',
      'penstock_records_dropped_total{source="oldest",reason="sink_failed"} 1',
      'penstock_records_rejected_total{source="rejecting",reason="overloaded"} 2',
      'penstock_bytes_rejected_total{source="rejecting",reason="overloaded"} 4',
      'penstock_records_rejected_total{source="rejecting",reason="too_large"} 1',
      'penstock_bytes_rejected_total{source="rejecting",reason="too_large"} 201',
      'penstock_requests_refused_total{source="rejecting",reason="invalid_record"} 2',
      `penstock_memory_bytes ${parts.budget.used}`,
      "penstock_memory_limit_bytes 1000000",
      "penstock_websocket_connections 2",
      "penstock_websocket_connections_paused 1",
      'penstock_websocket_closed_total{code="1000"} 3',
      'penstock_websocket_closed_total{code="other"} 0',
    ]
  ) assertStringIncludes(text, `\n${line}\n`);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() tells at every collection what is, not what has come since the last one", async () => {
  const parts = new Parts();
  const source = parts.add({ name: "app" });
  const telemetry = observe(parts);
  await offer(source, ["1", "2"]);
  const first = telemetry.prometheus();
  assertEquals(telemetry.prometheus(), first);
  flush(source);
  await offer(source, ["3"]);
  const text = telemetry.prometheus();
  assertEquals(linesOf(text, "penstock_records_received_total"), [
    'penstock_records_received_total{source="app"} 3',
  ]);
  assertEquals(linesOf(text, "penstock_buffer_records"), ['penstock_buffer_records{source="app"} 1']);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() escapes what would end a label's value", () => {
  const telemetry = observe(new Parts());
  const kind = 'a "quoted" \\ back\nslash';
  telemetry.flushes.failed(
    "disk",
    new SinkError("Cannot write", { kind, retryable: false }),
    "app",
  );
  const text = telemetry.prometheus();
  assertStringIncludes(text, String.raw`{sink="disk",kind="a \"quoted\" \\ back\nslash"} 1`);
  const [sample] = parsePrometheus(text).get("penstock_sink_errors_total")!.samples;
  assertEquals(sample!.labels.kind, kind);
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() works before there is anything to observe", () => {
  const telemetry = new Telemetry();
  assertEquals(telemetry.prometheus(), "");
  telemetry.shutdown();
});

Deno.test("Telemetry.prometheus() throws rather than leave out what cannot be read", () => {
  const parts = new Parts();
  const telemetry = new Telemetry();
  telemetry.observe({
    ...parts,
    get budget(): never {
      throw new Error("no budget");
    },
  });
  assertThrows(() => telemetry.prometheus(), Error, "no budget");
  telemetry.shutdown();
});

Deno.test("Telemetry.shutdown() ends collecting", () => {
  const telemetry = observe(new Parts());
  telemetry.shutdown();
  telemetry.blocked("app", 1);
  assertThrows(() => telemetry.prometheus(), Error, "shutdown");
});

Deno.test("Telemetry tells the same on the global meter, which Deno's OTLP exporter reads", async () => {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const provider = new MeterProvider({ readers: [reader] });
  metrics.setGlobalMeterProvider(provider);
  try {
    const parts = new Parts();
    const telemetry = observe(parts);
    await offer(parts.add({ name: "app" }), ["1", "2"]);
    telemetry.flushes.flushed("disk", 0.002, "app", { records: 1, bytes: 2 });
    await provider.forceFlush();
    const told = exporter.getMetrics().flatMap(({ scopeMetrics }) =>
      scopeMetrics.flatMap(({ metrics }) => metrics)
    );
    const pointsOf = (name: string) => told.find(({ descriptor }) => descriptor.name === name)?.dataPoints;
    assertEquals(pointsOf("penstock_records_received_total")?.[0]?.value, 2);
    assertEquals(pointsOf("penstock_sink_flush_seconds")?.[0]?.attributes, { sink: "disk" });
    telemetry.shutdown();
  } finally {
    metrics.disable();
    await provider.shutdown();
  }
});

Deno.test("Telemetry.prometheus() is what promtool takes without a complaint", async () => {
  const parts = new Parts();
  await offer(parts.add({ name: "app" }), ["1", "2"]);
  const telemetry = observe(parts);
  telemetry.flushes.failed(
    "disk",
    new SinkError("Cannot write", { kind: 'a "kind"', retryable: false }),
    "app",
  );
  telemetry.blocked("app", 0.3);
  const text = telemetry.prometheus();
  telemetry.shutdown();
  const complaints = await promtool(text);
  if (complaints === undefined) {
    // deno-lint-ignore no-console -- whoever runs the tests has to know what was not checked
    console.log("promtool is not installed: only the test's own parser was asked");
  }
  assertEquals(complaints ?? "", "");
});
