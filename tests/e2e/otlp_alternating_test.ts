// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { SIGNALS } from "../../collector/otlp_signal.ts";
import { encodeRequest } from "../collector/otlp_decoder.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { assertBalanced, PLUG, plugStdout, untilSource } from "./numbered_records.ts";

const MIB = 2 ** 20;
const LIMIT = 8 * MIB;
const CONNECTIONS = 16;

/** A small request of each signal and encoding: no two that follow each other have the same format. */
const BODIES = SIGNALS.flatMap((signal) => {
  const item = { name: "n", attributes: [{ key: "k", value: { stringValue: "x".repeat(40) } }] };
  const { name: _, ...log } = item;
  const request = {
    logs: { resourceLogs: [{ scopeLogs: [{ logRecords: [log] }] }] },
    metrics: {
      resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "n", gauge: { dataPoints: [log] } }] }] }],
    },
    traces: { resourceSpans: [{ scopeSpans: [{ spans: [item] }] }] },
  }[signal];
  return [
    { signal, type: "application/x-protobuf", body: encodeRequest(signal, request) },
    { signal, type: "application/json", body: JSON.stringify(request) },
  ];
});

Deno.test("one source that gets every signal in every encoding in turn holds them within limits.memory, and delivers them", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    coverage: false,
    config: {
      limits: { memory: LIMIT, body: MIB },
      sources: {
        plug: { ...PLUG, buffer: { bytes: MIB } },
        "*": { policy: "reject", buffer: { records: 1_000_000, bytes: LIMIT } },
      },
      sinks: { out: { type: "stdout" } },
      shutdown: { deadline: "60s" },
    },
  });
  await plugStdout(daemon);
  const base = daemon.rss();
  let peak = base, budget = 0, accepted = 0, refused = 0, next = 0;
  const send = async () => {
    while (refused === 0) {
      const { signal, type, body } = BODIES[next++ % BODIES.length]!;
      const response = await fetch(`${daemon.url}/sources/mixed/v1/${signal}`, {
        method: "POST",
        headers: { "Content-Type": type },
        body,
      });
      await response.body?.cancel();
      if (response.status === 200) accepted++;
      else refused++;
      if (next % 500 === 0) {
        peak = Math.max(peak, daemon.rss());
        budget = Math.max(budget, (await daemon.statusJson()).memory.used);
      }
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, send));
  const { sources, memory } = await daemon.statusJson();
  const { records, bytes } = sources.mixed.buffer;
  peak = Math.max(peak, daemon.rss());
  budget = Math.max(budget, memory.used);
  assertBalanced(sources.mixed.ledger, "mixed");
  assertEquals(records, accepted);
  assertLessOrEqual(budget, LIMIT);
  assertGreater(budget, LIMIT / 2); // it was put to the test: memory is what refused them
  assertLess(peak - base, LIMIT + 16 * MIB); // with a chunk for each it was ten times the limit
  // A change of format costs no chunk: all of them are in the memory of about as many bytes.
  assertLess(memory.used, 3 * (bytes + 17 * records));

  // Each of them is a flush of its own now.
  const start = performance.now();
  const cpu = daemon.cpu();
  const output = daemon.resumeStdout();
  await untilSource(daemon, "mixed", ({ ledger }) => ledger.delivered.records === accepted, 120_000);
  const seconds = (performance.now() - start) / 1000;
  const cpuSeconds = daemon.cpu() - cpu;
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `${records} requests of ${bytes} bytes: ${
        (memory.used / records).toFixed(0)
      } bytes of the budget for each, ` +
        `resident memory +${((peak - base) / MIB).toFixed(1)} MiB at limits.memory of ${LIMIT / MIB} MiB; ` +
        `delivered in ${seconds.toFixed(1)} s, ${
          (cpuSeconds / records * 1e6).toFixed(0)
        } us of CPU for each\n`,
    ),
  );
  assertEquals((await daemon.stop(60_000)).code, 0);
  const lines = (await output).trimEnd().split("\n");
  assertEquals(lines.length, accepted + 1);
});
