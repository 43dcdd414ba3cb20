// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { despiteCrashes, runDenoAgent } from "./otlp_agents.ts";
import { COUNT } from "./otlp_deno_agent.ts";
import { type Item, itemsInLines, itemsInMessages } from "./otlp_items.ts";

for (const protocol of ["http/json", "http/protobuf"] as const) {
  Deno.test(`Deno's own exporter by ${protocol}: all spans, points and lines arrive`, () =>
    despiteCrashes(async () => {
      await using daemon = await DaemonProcess.start({
        config: {
          sources: { "*": { kind: "traces" } },
          sinks: { disk: { type: "file", directory: "./data" } },
        },
      });
      const { spans } = await runDenoAgent({
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_ENDPOINT: daemon.url,
      });
      assertEquals((await daemon.stop()).code, 0);
      const arrived = {} as Record<Signal, Item[]>;
      for (const signal of SIGNALS) {
        const bytes = await daemon.recordsOf(`otlp-${signal}`);
        const extension = protocol === "http/json" ? ".ndjson" : `.${signal}.otlp`;
        for (const path of daemon.files(`otlp-${signal}`)) assert(path.endsWith(extension), path);
        const decode = protocol === "http/json" ? itemsInLines : itemsInMessages;
        arrived[signal] = decode(signal, bytes);
      }
      const identity = ({ traceId, spanId, name }: Item) => `${traceId} ${spanId} ${name}`;
      assertEquals(arrived.traces.map(identity).sort(), spans.map((span) => identity(span)).sort());
      for (const { attributes, events, kind, start, end } of arrived.traces) {
        const { n, text } = attributes as Record<string, unknown>;
        assertEquals([text, kind, (events as Item[])[0]!["attributes"]], ["grüße 🚀", 3, { n }]);
        assert(BigInt(end as string) >= BigInt(start as string) && (start as string).length === 19);
      }
      const points = arrived.metrics.filter(({ name }) => name === "requests");
      const last = new Map(points.map(({ attributes, value }) => [JSON.stringify(attributes), value]));
      const expected = Array.from({ length: COUNT }, (_, n) => [`{"n":${n}}`, n + 1] as const);
      assertEquals(last, new Map(expected));
      const lines = new Set(arrived.logs.map(({ body }) => String(body).trimEnd()));
      assertEquals(lines, new Set(Array.from({ length: COUNT }, (_, n) => `line ${n} ✓`)));
    }));
}
