// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { decodeRequest, itemsOf, messagesOf } from "../collector/otlp_decoder.ts";
import { DaemonProcess } from "./daemon_process.ts";

async function python(args: string[], env: Record<string, string> = {}): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("python3", { args, env, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

const present =
  await python(["-c", "import opentelemetry.exporter.otlp.proto.http, opentelemetry.sdk"]) !== undefined;

Deno.test({
  name: `SDK for Python, default settings: all spans arrive${
    present ? "" : " (ignored: it is not installed here)"
  }`,
  ignore: !present,
  async fn() {
    await using daemon = await DaemonProcess.start({
      config: {
        sources: { "*": { kind: "traces" } },
        sinks: { disk: { type: "file", directory: "./data" } },
      },
    });
    const agent = new URL("./otlp_python_agent.py", import.meta.url).pathname;
    const output = await python([agent], { OTEL_EXPORTER_OTLP_ENDPOINT: daemon.url });
    assertEquals((await daemon.stop()).code, 0);
    const messages = messagesOf(await daemon.recordsOf("otlp-traces"));
    const spans = messages.flatMap((message) => itemsOf("traces", decodeRequest("traces", message)));
    const arrived = spans.map(({ traceId, spanId, name, attributes }) => [
      new Uint8Array(traceId).toHex(),
      new Uint8Array(spanId).toHex(),
      name,
      attributes[0].value.intValue,
    ]);
    assertEquals(arrived, JSON.parse(output!));
    assertEquals(arrived.length, 2_000);
  },
});
