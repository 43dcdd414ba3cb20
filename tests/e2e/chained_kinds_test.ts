// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater } from "@std/assert";
import type { Signal } from "../../collector/otlp_signal.ts";
import { encodeRequest, messagesOf } from "../collector/otlp_decoder.ts";
import { FULL, toJson } from "../collector/otlp_requests.ts";
import { Chain, stopAndBalance } from "./chain.ts";
import type { DaemonProcess } from "./daemon_process.ts";
import { post, untilSource } from "./numbered_records.ts";

const BINARY = { headers: { "Content-Type": "application/octet-stream" } };
const SIGNALS: readonly Signal[] = ["logs", "metrics", "traces"];

function frame(number: number, bytes: number): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(bytes).fill(number % 251);
  new DataView(frame.buffer).setUint32(0, number);
  return frame;
}

async function sendFrame(daemon: DaemonProcess, frame: Uint8Array<ArrayBuffer>) {
  const { status, body } = await post(daemon, "cam", frame, BINARY);
  assertEquals(status, 202);
  return body;
}

Deno.test("chain: frames of any size arrive as they were, once and in order", async () => {
  const rule = { policy: "block", buffer: { records: 50, bytes: "8MiB" } };
  await using chain = await Chain.start({ edge: { cam: rule }, core: { cam: rule } });
  const { edge, core } = chain;
  const frames = Array.from({ length: 150 }, (_, i) => frame(i, 4 + (i * 7919) % 60_000));
  for (const bytes of frames) await sendFrame(edge, bytes);
  await untilSource(edge, "cam", ({ buffer }) => buffer.records === 0);
  const edgeBooks = await stopAndBalance(edge, "cam");
  const coreBooks = await stopAndBalance(core, "cam");
  const total = frames.reduce((sum, { length }) => sum + length, 0);
  assertEquals(edgeBooks.delivered, { records: 150, bytes: total });
  assertEquals(coreBooks.delivered, edgeBooks.delivered);
  assertEquals(messagesOf(await core.recordsOf("cam")), frames);
});

Deno.test("chain: the first daemon evicts the oldest frames while the second holds it up, and counts them to the last", async () => {
  await using chain = await Chain.start({
    edge: {
      cam: { kind: "frames", buffer: { records: 10, bytes: "1MiB" }, batch: { records: 2, linger: "1ms" } },
    },
    core: { cam: { policy: "block", blockTimeout: "2m", buffer: { records: 5, bytes: "1MiB" } } },
    sink: { timeout: "5m" },
    stalled: true,
  });
  const { edge, core } = chain;
  let evicted = 0;
  let sent = 0;
  const send = async () => evicted += (await sendFrame(edge, frame(sent++, 100))).evicted;
  while ((await core.statusJson()).sources["cam"]?.producersBlocked !== 1) await send();
  for (let i = 0; i < 40; i++) await send();
  const near = await untilSource(edge, "cam", ({ buffer }) => buffer.records === 10);
  const far = await untilSource(core, "cam", ({ producersBlocked }) => producersBlocked === 1);
  assertEquals(far.buffer.records, 5);
  assertGreater(evicted, 20);
  assertEquals(near.ledger.droppedBy, { evicted: { records: evicted, bytes: evicted * 100 } });
  // Of the batch under way some may be on the other side already: they leave this one's books with the last of it.
  const { inFlight } = near.buffer;
  const ahead = far.ledger.received.records - near.ledger.delivered.records;
  assertEquals(ahead >= 0 && ahead < inFlight.records, true, `${ahead} of ${inFlight.records}`);

  const output = core.resumeStdout();
  await untilSource(edge, "cam", ({ buffer }) => buffer.records === 0);
  const edgeBooks = await stopAndBalance(edge, "cam");
  const coreBooks = await stopAndBalance(core, "cam");
  assertEquals(edgeBooks.received.records, sent);
  assertEquals(edgeBooks.delivered.records, sent - evicted);
  assertEquals(coreBooks.delivered, edgeBooks.delivered);
  const numbers = (await output).split("\n").filter((line) => line.startsWith('{"source":"cam"')).map(
    (line) => {
      const bytes = Uint8Array.fromBase64(JSON.parse(line).record);
      return new DataView(bytes.buffer).getUint32(0);
    },
  );
  assertEquals(numbers.length, sent - evicted);
  assertEquals(numbers, [...new Set(numbers)].sort((a, b) => a - b));
  // The newest are kept, as many as the buffer holds beside those under way.
  assertEquals(numbers.slice(-8), Array.from({ length: 8 }, (_, i) => sent - 8 + i));
});

Deno.test("chain: OTLP arrives as it came, in Protobuf and in JSON, and weighs the same on both sides", async () => {
  const sources = { "*": { policy: "block" } };
  await using chain = await Chain.start({ edge: sources, core: sources, sink: { compression: "gzip" } });
  const { edge, core } = chain;
  const json = (signal: Signal) => new TextEncoder().encode(JSON.stringify(toJson(FULL[signal].request)));
  const small = (n: number) =>
    new TextEncoder().encode(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"${n}"}]}]}]}`);
  const send = async (path: string, type: string, body: Uint8Array<ArrayBuffer>) => {
    const response = await fetch(`${edge.url}${path}`, {
      method: "POST",
      headers: { "Content-Type": type },
      body,
    });
    assertEquals([response.status, await response.bytes()], [
      200,
      type.endsWith("json") ? new TextEncoder().encode("{}") : new Uint8Array(0),
    ]);
  };
  for (const signal of SIGNALS) {
    const { request } = FULL[signal];
    await send(`/v1/${signal}`, "application/x-protobuf", encodeRequest(signal, request));
    await send(`/v1/${signal}`, "application/json", json(signal));
    await send(`/sources/mixed/v1/${signal}`, "application/json", json(signal));
    await send(`/sources/mixed/v1/traces`, "application/json", small(1));
    assertEquals((await post(edge, "mixed", '{"resourceLogs":"mine"}\n{"n":1}\n')).status, 202);
    await send(`/sources/mixed/v1/${signal}`, "application/x-protobuf", encodeRequest(signal, request));
  }
  for (const source of ["otlp-logs", "otlp-metrics", "otlp-traces", "mixed"]) {
    await untilSource(edge, source, ({ buffer }) => buffer.records === 0);
    const near = await untilSource(edge, source, () => true);
    const far = await untilSource(core, source, ({ buffer }) => buffer.records === 0);
    assertEquals(far.ledger.delivered, near.ledger.received);
    assertEquals(far.ledger.refusals, {});
  }
  await stopAndBalance(edge, "mixed");
  await stopAndBalance(core, "mixed");
  const inFiles = async (source: string, end: string) => {
    const paths = core.files(source).filter((path) => path.replace(/\.open$/, "").endsWith(end));
    return await new Blob(paths.map((path) => Deno.readFileSync(path))).bytes();
  };
  const lines = async (source: string) =>
    new TextDecoder().decode(await inFiles(source, ".ndjson")).trimEnd().split("\n");
  const text = (signal: Signal) => new TextDecoder().decode(json(signal));
  for (const signal of SIGNALS) {
    const sent = encodeRequest(signal, FULL[signal].request);
    for (const source of [`otlp-${signal}`, "mixed"]) {
      assertEquals(messagesOf(await inFiles(source, `.${signal}.otlp`)), [sent], `${source} ${signal}`);
    }
    assertEquals(await lines(`otlp-${signal}`), [text(signal)]);
  }
  const own = [new TextDecoder().decode(small(1)), '{"resourceLogs":"mine"}', '{"n":1}'];
  assertEquals(await lines("mixed"), SIGNALS.flatMap((signal) => [text(signal), ...own]));
});
