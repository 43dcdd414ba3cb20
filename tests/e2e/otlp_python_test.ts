// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { itemsInLines, itemsInMessages, sorted } from "./otlp_items.ts";

/** A Python that has the SDK, where the one on the path has not. */
const PROGRAM = Deno.env.get("PENSTOCK_TEST_PYTHON") ?? "python3";
const AGENT = new URL("./otlp_python_agent.py", import.meta.url).pathname;

/** How many spans, log records and series of each of four metrics are exported. */
const COUNT: Readonly<Record<Signal, number>> = { logs: 3_000, metrics: 1_000, traces: 3_000 };

async function python(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ success: boolean; output: string }> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(PROGRAM, { args, env }).output();
    return { success, output: new TextDecoder().decode(success ? stdout : stderr) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { success: false, output: `there is no ${PROGRAM}` };
    throw error;
  }
}

const found = await python(["-c", "import opentelemetry.exporter.otlp.proto.http, opentelemetry.sdk"]);
const missing = found.success ? "" : ` (ignored: ${found.output.trim().split("\n").at(-1)})`;

for (const signal of SIGNALS) {
  Deno.test({
    name: `SDK for Python, default settings, ${signal}: all that is exported arrives as it was${missing}`,
    ignore: !found.success,
    async fn() {
      for (const [encoding, compression] of [["received", "none"], ["json", "gzip"]] as const) {
        await using daemon = await DaemonProcess.start({
          config: {
            sources: { "*": { kind: "traces", encoding } },
            sinks: { disk: { type: "file", directory: "./data" } },
          },
        });
        const { success, output } = await python([AGENT, signal, `${COUNT[signal]}`], {
          OTEL_EXPORTER_OTLP_ENDPOINT: daemon.url,
          OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        });
        assertEquals([success, success ? "" : output], [true, ""]);
        assertEquals((await daemon.stop()).code, 0);
        const bytes = await daemon.recordsOf(`otlp-${signal}`);
        const items = encoding === "json" ? itemsInLines(signal, bytes) : itemsInMessages(signal, bytes);
        const [sent, arrived] = [sorted(JSON.parse(output)), sorted(items)];
        assertEquals(sent.length, COUNT[signal] * (signal === "metrics" ? 4 : 1));
        assertEquals(arrived.length, sent.length);
        for (const [index, item] of sent.entries()) assertEquals(arrived[index], item);
      }
    },
  });
}
