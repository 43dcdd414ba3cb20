/**
 * Measures OTLP ingest to a file: spans a second and CPU per span, for requests of 100 spans, in JSON, in Protobuf, and in
 * Protobuf that is kept as JSON; and how much of that is the check of the request alone.
 *
 * Usage: `deno task bench:otlp [--rounds N] [--seconds N]`
 */
// @ts-types="../collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { create, toBinary } from "@bufbuild/protobuf";
import { ExportTraceServiceRequestSchema } from "../collector/otlp/otlp_pb.ts";
import { otlpFramer } from "../collector/otlp_framing.ts";
import { encodeOtlpJson, otlpConversion } from "../collector/otlp_json_encoding.ts";
import { findGenerator, putLoad } from "./load.ts";
import { startDaemon } from "./server_process.ts";

const CONNECTIONS = 16;
const SPANS = 100;

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** Spans as those of an HTTP server: eight attributes, an event in every tenth. */
function request(): Uint8Array<ArrayBuffer> {
  const text = (key: string, value: string) => ({
    key,
    value: { value: { case: "stringValue" as const, value } },
  });
  const int = (key: string, value: number) => ({
    key,
    value: { value: { case: "intValue" as const, value: BigInt(value) } },
  });
  const start = 1_768_464_000_000_000_000n;
  const spans = Array.from({ length: SPANS }, (_, n) => ({
    traceId: crypto.getRandomValues(new Uint8Array(16)),
    spanId: crypto.getRandomValues(new Uint8Array(8)),
    parentSpanId: crypto.getRandomValues(new Uint8Array(8)),
    name: `GET /api/v1/items/{id}`,
    kind: 2,
    startTimeUnixNano: start + BigInt(n * 1_000),
    endTimeUnixNano: start + BigInt(n * 1_000 + 730),
    flags: 257,
    attributes: [
      text("http.request.method", "GET"),
      text("url.path", `/api/v1/items/${n}`),
      text("url.scheme", "https"),
      text("server.address", "shop.example.com"),
      text("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
      int("http.response.status_code", 200),
      int("server.port", 443),
      text("client.address", "203.0.113.7"),
    ],
    events: n % 10 === 0 ? [{ timeUnixNano: start, name: "cache.miss", attributes: [int("n", n)] }] : [],
  }));
  const resource = { attributes: [text("service.name", "shop"), text("host.name", "web01")] };
  const message = { resourceSpans: [{ resource, scopeSpans: [{ scope: { name: "http" }, spans }] }] };
  return toBinary(ExportTraceServiceRequestSchema, create(ExportTraceServiceRequestSchema, message));
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

/** How long it takes to check a request, alone, in microseconds. */
function microsecondsToFrame(encoding: "json" | "protobuf", toJson: boolean, body: Uint8Array): number {
  const framer = otlpFramer({ signal: "traces", encoding, onOversight: () => {} });
  const conversion = otlpConversion("traces");
  const times: number[] = [];
  for (let round = 0; round < 30; round++) {
    const start = performance.now();
    for (let n = 0; n < 50; n++) {
      const framing = framer(body, { record: Infinity });
      if (toJson && framing.ok) conversion.convert(framing.batch, { tryResize: () => true });
    }
    times.push((performance.now() - start) / 50 * 1_000);
  }
  return median(times);
}

const { rounds, seconds } = parseArgs(Deno.args, {
  string: ["rounds", "seconds"],
  default: { rounds: "5", seconds: "2" },
});
const protobuf = request();
const json = encodeOtlpJson("traces", protobuf);
if (!(json instanceof Uint8Array)) throw new TypeError(`The request cannot be converted: ${json}`);
const CASES = [
  { name: "Protobuf", source: "bench", type: "application/x-protobuf", body: protobuf },
  { name: "JSON", source: "bench", type: "application/json", body: json },
  { name: "Protobuf kept as JSON", source: "bench-json", type: "application/x-protobuf", body: protobuf },
] as const;

const directory = await Deno.makeTempDir({ prefix: "penstock-bench-" });
try {
  await using daemon = await startDaemon(directory);
  const generator = await findGenerator();
  print(
    `${CONNECTIONS} connections, ${SPANS} spans a request, file sink; load by ${generator}; median of ${rounds} rounds of ${seconds} s`,
  );
  print(`deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} cores`);
  print(
    "requests              | bytes/span |  spans/s | MB/s | us of CPU/span | us to check a request, alone",
  );
  for (const { name, source, type, body } of CASES) {
    const measured: { spans: number; cpu: number }[] = [];
    // The first round warms up and does not count.
    for (let round = 0; round <= Number(rounds); round++) {
      const before = await daemon.cpuSeconds();
      const url = `${daemon.url}/sources/${source}/v1/traces`;
      const options = { url, connections: CONNECTIONS, seconds: Number(seconds), body, contentType: type };
      const load = await putLoad(generator, options);
      if (load.failed > 0) throw new Error(`${load.failed} of ${load.requests} requests to ${url} failed`);
      const cpu = (await daemon.cpuSeconds() - before) / (load.requests * SPANS) * 1e6;
      if (round > 0) measured.push({ spans: load.requests * SPANS / load.seconds, cpu });
    }
    const spans = median(measured.map(({ spans }) => spans));
    const encoding = type === "application/json" ? "json" : "protobuf";
    print([
      name.padEnd(21),
      (body.length / SPANS).toFixed(0).padStart(10),
      spans.toFixed(0).padStart(8),
      (spans * body.length / SPANS / 1e6).toFixed(0).padStart(4),
      median(measured.map(({ cpu }) => cpu)).toFixed(2).padStart(14),
      microsecondsToFrame(encoding, source === "bench-json", body).toFixed(0).padStart(6),
    ].join(" | "));
  }
  print(`peak resident memory: ${Math.round(await daemon.peakResident() / 1e6)} MB`);
} finally {
  await Deno.remove(directory, { recursive: true });
}
