// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { runSdkAgent } from "./otlp_agents.ts";
import { type Item, itemsInLines, itemsInMessages, sorted } from "./otlp_items.ts";

/** How many the agent is told to export: metrics have four points for each. */
const COUNT: Readonly<Record<Signal, number>> = { logs: 3_000, metrics: 900, traces: 3_000 };

function startDaemon(source: Record<string, unknown> = {}): Promise<DaemonProcess> {
  return DaemonProcess.start({
    config: {
      sources: { "*": { kind: "logs", buffer: { records: 20_000, bytes: "16MiB" }, ...source } },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
}

/** What the files of a source hold, all of which are of one kind. */
async function itemsOf(daemon: DaemonProcess, signal: Signal, kind: string): Promise<Item[]> {
  const source = `otlp-${signal}`;
  for (const path of daemon.files(source)) assert(path.endsWith(`-0000.${kind}`), path);
  const bytes = await daemon.recordsOf(source);
  return kind === "ndjson" ? itemsInLines(signal, bytes) : itemsInMessages(signal, bytes);
}

for (const signal of SIGNALS) {
  const cases = [
    { encoding: "http", kind: "ndjson", compression: "gzip", source: {} },
    { encoding: "proto", kind: `${signal}.otlp`, compression: undefined, source: {} },
    { encoding: "proto", kind: "ndjson", compression: "gzip", source: { encoding: "json" } },
  ] as const;
  for (const { encoding, kind, compression, source } of cases) {
    const name = `otlp-${encoding}${compression ? "+gzip" : ""}`;
    Deno.test(`SDK, ${signal} by ${name}: all arrive and are what was sent, as .${kind}`, async () => {
      await using daemon = await startDaemon(source);
      const { items, exports, logged } = await runSdkAgent({
        url: `${daemon.url}/v1/${signal}`,
        signal,
        encoding,
        count: COUNT[signal],
        batch: 512,
        ...(compression && { compression }),
      });
      assertGreater(items.length, 2_999);
      assertEquals(new Set(exports.map(({ code }) => code)), new Set([0]), logged.join("\n"));
      assertEquals(logged.filter((line) => !line.startsWith("info")), []);
      const { code } = await daemon.stop();
      assertEquals(code, 0);
      const arrived = await itemsOf(daemon, signal, kind);
      assertEquals(arrived.length, items.length);
      assertEquals(sorted(arrived), sorted(items));
    });
  }
}
