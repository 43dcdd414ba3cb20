// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { encodeRequest } from "../collector/otlp_decoder.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { assertBalanced } from "./numbered_records.ts";

const MIB = 2 ** 20;
const LIMIT = 96 * MIB;
const AGENTS = 16;
const SECONDS = 10;

/** About so many bytes of spans. */
function spans(bytes: number): { body: Uint8Array<ArrayBuffer>; count: number } {
  const attributes = [{ key: "text", value: { stringValue: "x".repeat(100) } }, {
    key: "n",
    value: { intValue: "5" },
  }];
  const span = { name: "GET /", startTimeUnixNano: "1544712660000000000", attributes };
  const count = Math.floor(bytes / 150);
  const list = new Array(count).fill(span);
  return { body: encodeRequest("traces", { resourceSpans: [{ scopeSpans: [{ spans: list }] }] }), count };
}

Deno.test("memory stays bounded while 16 agents push 7 MB of Protobuf each into a source with encoding json", async () => {
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: {
      limits: { memory: LIMIT },
      sources: { "*": { policy: "reject", encoding: "json", buffer: { records: 1_000_000, bytes: LIMIT } } },
      sinks: { disk: { type: "file", directory: "./data" } },
      shutdown: { deadline: "60s" },
    },
  });
  const { body, count } = spans(7e6);
  const base = daemon.rss();
  let peak = base, budget = 0, running = true;
  const answers: Record<number, number> = {};
  const end = performance.now() + SECONDS * 1000;
  const push = async () => {
    while (performance.now() < end) {
      const response = await fetch(`${daemon.url}/v1/traces`, {
        method: "POST",
        headers: { "Content-Type": "application/x-protobuf" },
        body,
      }).catch(() => undefined); // a refused agent is hung up on, before it has sent all
      const status = response?.status ?? 0;
      await response?.body?.cancel();
      answers[status] = (answers[status] ?? 0) + 1;
    }
  };
  const pushing = Promise.all(Array.from({ length: AGENTS }, push)).finally(() => running = false);
  for (let samples = 0; running; samples++) {
    peak = Math.max(peak, daemon.rss());
    if (samples % 10 === 0) budget = Math.max(budget, (await daemon.statusJson()).memory.used);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await pushing;
  const { code, ledger } = await daemon.stop(90_000);
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `${JSON.stringify(answers)}: resident memory ${(base / MIB).toFixed(0)} MiB, at most +${
        ((peak - base) / MIB).toFixed(1)
      } MiB; budget at most ${(budget / MIB).toFixed(1)} of ${LIMIT / MIB} MiB\n`,
    ),
  );
  assertEquals(code, 0);
  const { sources } = ledger as unknown as { sources: Record<string, Parameters<typeof assertBalanced>[0]> };
  assertBalanced(sources["otlp-traces"]!, "otlp-traces");
  assertEquals(sources["otlp-traces"]!.delivered.records, (answers[200] ?? 0) * count);
  assertGreater(answers[200] ?? 0, AGENTS); // it was put to the test
  assertLessOrEqual(budget, LIMIT);
  assertLess(peak - base, 1.25 * LIMIT); // it was more when what converting takes was not booked
});
