// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { BOUNDARIES } from "../../collector/histograms.ts";
import type { Signal } from "../../collector/otlp_signal.ts";
import { waitFor } from "../wait_for.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { type Item, itemsInLines } from "./otlp_items.ts";

const CONFIG = {
  sources: { "*": { kind: "traces", batch: { linger: 50 } } },
  sinks: { disk: { type: "file", directory: "./data" } },
};

async function received(endpoint: DaemonProcess, signal: Signal): Promise<Item[]> {
  // Files are whole at every moment, but one being read may have grown meanwhile: only whole lines are looked at.
  const bytes = await endpoint.recordsOf(`otlp-${signal}`).catch(() => new Uint8Array(0));
  return itemsInLines(signal, bytes.subarray(0, bytes.lastIndexOf(10) + 1));
}

Deno.test("OTEL_DENO: a daemon exports its ledger and its flushes to another one, and they agree with its own books", async () => {
  await using endpoint = await DaemonProcess.start({ config: CONFIG });
  await using daemon = await DaemonProcess.start({
    config: CONFIG,
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url,
      OTEL_METRIC_EXPORT_INTERVAL: "300",
      OTEL_BSP_SCHEDULE_DELAY: "300",
    },
  });
  for (let n = 0; n < 5; n++) {
    const body = Array.from({ length: 100 }, (_, i) => `{"n":${i}}\n`).join("");
    const refused = await fetch(`${daemon.url}/v1/ingest/app`, {
      method: "POST",
      headers: { "Content-Type": "application/x-www-form-urlencoded" },
      body,
    });
    assertEquals(refused.status, 415);
    await refused.body?.cancel();
    const headers = { "Content-Type": "application/x-ndjson" };
    assertEquals(
      (await (await fetch(`${daemon.url}/v1/ingest/app`, { method: "POST", headers, body })).json()).accepted,
      100,
    );
  }
  const newest = async () => {
    const points = await received(endpoint, "metrics");
    const values = new Map<string, unknown>();
    for (const { name, attributes, value } of points) {
      const { source, sink, reason } = attributes as Record<string, string>;
      if (source === "app") values.set([name, sink ?? reason].filter(Boolean).join(" "), value);
    }
    return values;
  };
  await waitFor(async () => (await newest()).get("penstock_records_delivered_total disk") === 500, {
    what: "the metrics of everything delivered",
  });
  const values = await newest();
  assertEquals(values.get("penstock_records_received_total"), 500);
  assertEquals(values.get("penstock_buffer_records"), 0);
  assertEquals(values.get("penstock_buffer_capacity_records"), 10_000);
  assertEquals(values.get("penstock_requests_refused_total unsupported_media_type"), 5);

  const flushes = async () => (await received(endpoint, "traces")).filter(({ name }) => name === "flush");
  const flushed = (spans: Item[]) =>
    spans.reduce(
      (sum, { attributes }) => sum + ((attributes as Record<string, number>)["penstock.records"] ?? 0),
      0,
    );
  await waitFor(async () => flushed(await flushes()) === 500, { what: "spans of every flush" });
  for (const { attributes, parentSpanId, start, end } of await flushes()) {
    const { "penstock.source": source, "penstock.sink": sink } = attributes as Record<string, string>;
    assertEquals([source, sink, parentSpanId], ["app", "disk", ""]);
    assert(BigInt(end as string) >= BigInt(start as string));
  }
  const histogram = async () =>
    (await received(endpoint, "metrics")).findLast(({ name }) => name === "penstock_sink_flush_seconds");
  const { length } = await flushes();
  await waitFor(async () => (await histogram())?.["count"] === length, {
    what: "the duration of every flush",
  });
  const { attributes, bounds, buckets } = (await histogram())!;
  assertEquals([attributes, bounds], [{ sink: "disk" }, BOUNDARIES]);
  assertEquals((buckets as number[]).reduce((sum, count) => sum + count, 0), length);
  assertStringIncludes(
    await daemon.metrics(),
    `\npenstock_sink_flush_seconds_count{sink="disk"} ${length}\n`,
  );
  // Not until its end: with so short an interval the runtime may wait for ever, see docs/otlp.md and otlp_exit_test.ts.
  daemon.kill("SIGTERM");
  assertEquals((await daemon.waitForLog(({ message }) => message === "ledger"))["undelivered"], 0);
  assertEquals((await endpoint.stop()).code, 0);
});
