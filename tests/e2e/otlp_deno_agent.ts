// deno-lint-ignore-file no-console -- the lines that it logs are what is exported
/**
 * A program that exports by OTLP with what Deno itself has for that. Run with `OTEL_DENO=true`; prints the spans that it
 * made and how many points and lines it exported.
 */
import { metrics, SpanKind, trace } from "@opentelemetry/api";

/** How many spans, series and lines it makes. */
export const COUNT = 1_500;

/** What it prints. */
export interface DenoAgentReport {
  readonly spans: readonly { readonly traceId: string; readonly spanId: string; readonly name: string }[];
}

if (import.meta.main) {
  const tracer = trace.getTracer("deno-agent");
  const counter = metrics.getMeter("deno-agent").createCounter("requests");
  const spans: DenoAgentReport["spans"][number][] = [];
  for (let n = 0; n < COUNT; n++) {
    const span = tracer.startSpan(`work ${n}`, {
      kind: SpanKind.CLIENT,
      attributes: { n, text: "grüße 🚀" },
    });
    span.addEvent("event", { n });
    const { traceId, spanId } = span.spanContext();
    spans.push({ traceId, spanId, name: `work ${n}` });
    span.end();
    counter.add(n + 1, { n });
    console.info(`line ${n} ✓`);
  }
  Deno.writeTextFileSync(Deno.args[0]!, JSON.stringify({ spans }));
}
