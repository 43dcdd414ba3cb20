/**
 * Sends the OTLP requests of files to a collector, in their order, and again where it answers 429, 502, 503 or 504.
 *
 * Usage: `deno run --allow-read --allow-net docs/replay_otlp.ts http://127.0.0.1:4318 FILE...`
 *
 * Lines of `.ndjson` files go out as JSON to the signal that they name, messages of `.logs.otlp`, `.metrics.otlp` and
 * `.traces.otlp` files as Protobuf.
 */
const RETRYABLE: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const SIGNAL_OF: Readonly<Record<string, string>> = {
  resourceLogs: "logs",
  resourceMetrics: "metrics",
  resourceSpans: "traces",
};

async function send(url: string, contentType: string, body: BodyInit): Promise<void> {
  for (;;) {
    const response = await fetch(url, { method: "POST", headers: { "Content-Type": contentType }, body });
    await response.body?.cancel();
    if (response.ok) return;
    if (!RETRYABLE.has(response.status)) throw new Error(`${url} answered ${response.status}`);
    const seconds = Number(response.headers.get("retry-after") ?? 1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

/** The requests of a file: where each goes, and what it is. */
function* requestsOf(
  path: string,
  file: Uint8Array<ArrayBuffer>,
): Generator<[signal: string, type: string, body: BodyInit]> {
  const signal = /\.(logs|metrics|traces)\.otlp$/.exec(path)?.[1];
  if (signal === undefined) {
    for (const line of new TextDecoder().decode(file).split("\n")) {
      if (line === "") continue;
      const name = Object.keys(JSON.parse(line)).find((key) => key in SIGNAL_OF);
      if (name !== undefined) yield [SIGNAL_OF[name]!, "application/json", line];
    }
    return;
  }
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  for (let at = 0; at < file.length;) {
    const end = at + 4 + view.getUint32(at);
    yield [signal, "application/x-protobuf", file.subarray(at + 4, end)];
    at = end;
  }
}

const [base, ...paths] = Deno.args;
if (base === undefined || paths.length === 0) throw new TypeError("Usage: replay_otlp.ts URL FILE...");
for (const path of paths) {
  for (const [signal, type, body] of requestsOf(path, await Deno.readFile(path))) {
    await send(`${base}/v1/${signal}`, type, body);
  }
}
