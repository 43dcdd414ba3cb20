// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DurationHistogram } from "../../collector/duration_histogram.ts";
import { BOUNDARIES, type HistogramKey, HISTOGRAMS } from "../../collector/histograms.ts";
import { prometheusText } from "../../collector/prometheus_text.ts";
import { SinkLedger } from "../../collector/sink_ledger.ts";
import { SinkError } from "../../sinks/sink.ts";
import { flush, Parts } from "./observed_parts.ts";
import { parsePrometheus } from "./prometheus_text.ts";
import { SdkMetrics } from "./sdk_metrics.ts";
import { offer } from "./sources.ts";

const KEYS = Object.keys(HISTOGRAMS) as HistogramKey[];

/** Text with what means something in the format, or to JavaScript. */
const hostile = fc.oneof(
  fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "\r", "{", "}", ",", "=", " ", "é", "\u{1F525}") }),
  fc.constantFrom("__proto__", "constructor", "toString", ""),
);
const duration = fc.oneof(
  fc.constantFrom(...BOUNDARIES),
  fc.constantFrom(...BOUNDARIES).map((bound) => bound * (1 + Number.EPSILON)),
  fc.double({ min: 0, max: 20 }),
  fc.constantFrom(0, -0, Number.MIN_VALUE, 1e21, Number.MAX_VALUE, Infinity, NaN, -1, -Infinity),
);
const scenario = fc.record({
  sources: fc.uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,9}$/),
      policy: fc.constantFrom(
        "block" as const,
        "drop_newest" as const,
        "drop_oldest" as const,
        "reject" as const,
      ),
      records: fc.array(fc.nat(40), { maxLength: 3 }),
      flushed: fc.boolean(),
      refused: fc.nat(3),
    }),
    { selector: ({ name }) => name, maxLength: 5 },
  ),
  failures: fc.array(
    fc.record({ sink: fc.constantFrom("disk", "console"), kind: hostile, retried: fc.boolean() }),
  ),
  durations: fc.array(fc.tuple(fc.constantFrom(...KEYS), duration, hostile)),
});

Deno.test("prometheusText() writes to the letter what OpenTelemetry's SDK and its serialiser write", async () => {
  const seen = { lines: 0, durations: 0 };
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const parts = new Parts();
      const failures = new SinkLedger();
      const sdk = new SdkMetrics(parts, failures);
      const durations = {
        blockDuration: new DurationHistogram(BOUNDARIES),
        poolWait: new DurationHistogram(BOUNDARIES),
        sinkFlush: new DurationHistogram(BOUNDARIES),
      };
      const record = (key: HistogramKey, seconds: number, value: string) => {
        const { label } = HISTOGRAMS[key];
        durations[key].record(seconds, label === undefined ? "" : value);
        sdk.histograms[key].record(seconds, label === undefined ? {} : { [label]: value });
        seen.durations++;
      };
      // The SDK knows of no series in which nothing was recorded.
      record("poolWait", 0, "");
      for (const { name } of parts.sinks) record("sinkFlush", 0, name);
      for (const { records, flushed, refused, name, policy } of given.sources) {
        const source = parts.add({ name, policy });
        if (policy === "block") record("blockDuration", 0, name);
        if (records.length > 0) await offer(source, records.map((length) => `"${"x".repeat(length)}"`));
        if (flushed && source.buffer.records > 0) flush(source);
        for (let i = 0; i < refused; i++) source.ledger.refuse("invalid_record");
      }
      for (const { sink, kind, retried } of given.failures) {
        failures.failed(sink, new SinkError("Cannot write", { kind, retryable: retried }));
        if (retried) failures.retrying(sink);
      }
      for (const [key, seconds, value] of given.durations) {
        if (Number.isNaN(seconds)) record(key, 0, value); // otherwise the SDK makes an empty series of it
        record(key, seconds, value);
      }
      const text = prometheusText({ observed: parts, failures, durations });
      assertEquals(text, await sdk.text());
      parsePrometheus(text);
      seen.lines += text.split("\n").length;
      await sdk.shutdown();
    }),
    { numRuns: 200 },
  );
  assert(seen.lines > 10_000 && seen.durations > 1_000, JSON.stringify(seen));
});
