// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { DaemonProcess } from "./daemon_process.ts";
import { RawHttp } from "./raw_http.ts";
import { waitFor } from "../wait_for.ts";
import type { SourceStatus } from "../../collector/status.ts";

const CONFIG = {
  limits: { bodyTimeout: "500ms" },
  sources: { slow: { policy: "reject" }, json: { policy: "block" }, stream: { policy: "block" } },
  sinks: { disk: { type: "file", directory: "./data" } },
};
const NONE = { records: 0, bytes: 0 };

async function waitUntilUnused(daemon: DaemonProcess): Promise<void> {
  const isUnused = async () => (await daemon.statusJson()).memory.used === 0;
  await waitFor(isUnused, { what: "the memory budget to be unused" });
}

async function sourceOf(daemon: DaemonProcess, name: string): Promise<SourceStatus> {
  return (await daemon.statusJson()).sources[name];
}

Deno.test("HttpIngest answers 408 to an agent that stops half-way, and ends the connection", async (t) => {
  await using daemon = await DaemonProcess.start({ config: CONFIG });
  const half: [
    name: string,
    source: string,
    headers: Record<string, string>,
    body: string,
    whole: boolean,
  ][] = [
    ["nothing of a small body", "slow", { "Content-Length": "100" }, "", false],
    ["half of a small body", "slow", { "Content-Length": "100" }, "{}\n", false],
    ["half of a large body", "slow", { "Content-Length": "1000000" }, "{}\n".repeat(1000), true],
    [
      "half of a chunked array",
      "json",
      {
        "Transfer-Encoding": "chunked",
        "Content-Type": "application/json",
      },
      "3\r\n[1,\r\n",
      true,
    ],
  ];
  for (const [name, source, headers, body, whole] of half) {
    await t.step(name, async () => {
      using http = await RawHttp.connect(daemon.url);
      await http.sendHead("POST", `/v1/ingest/${source}`, headers);
      await http.send(body);
      const response = await http.readResponse();
      assertEquals(response.status, 408);
      const { message, ...error } = response.json().error;
      assertEquals([error, message], [{ code: "timeout" }, "body did not arrive within 500 ms"]);
      // The rest of a body that is read in one go cannot be held: the answer has to break off to end the connection.
      assertEquals(response.complete, whole);
      await http.readToEnd();
    });
  }
  await waitUntilUnused(daemon);
  for (const [name, timeout] of [["slow", 3], ["json", 1]] as const) {
    const { ledger } = await sourceOf(daemon, name);
    assertEquals([ledger.received, ledger.refusals], [NONE, { timeout }]);
    assertEquals(daemon.files(name), []);
  }
});

Deno.test("HttpIngest answers 408 to a stream that is idle, and tells what it had got admitted", async () => {
  await using daemon = await DaemonProcess.start({ config: CONFIG });
  const gzip = gzipSync("{}\n".repeat(200_000));
  for (const [coding, piece] of [["identity", "{}\n{}\n{}"], ["gzip", gzip.subarray(0, -8)]] as const) {
    using http = await RawHttp.connect(daemon.url);
    await http.sendHead("POST", "/v1/ingest/stream", {
      "Transfer-Encoding": "chunked",
      "Content-Encoding": coding,
    });
    await http.sendChunk(piece);
    const response = await http.readResponse();
    assertEquals([response.status, response.complete], [408, true]);
    const { code, accepted, dropped, evicted } = response.json().error;
    assertEquals([code, dropped, evicted], ["timeout", 0, 0]);
    // The last line of what came is not whole; of gzip, some may still be in the decoder.
    if (coding === "identity") assertEquals(accepted, 2);
    await http.readToEnd();
    const told = accepted;
    await waitUntilUnused(daemon);
    const { ledger } = await sourceOf(daemon, "stream");
    assertEquals(ledger.delivered.records, coding === "identity" ? 2 : 2 + told);
  }
  const { ledger } = await sourceOf(daemon, "stream");
  assertEquals([ledger.received, ledger.refusals], [ledger.delivered, { timeout: 2 }]);
});

/** Begins a request with a body, and returns how the agent vanishes in the middle of it. */
async function begin(
  daemon: DaemonProcess,
  headers: Record<string, string>,
  reset: boolean,
): Promise<RawHttp> {
  const http = await RawHttp.connect(daemon.url);
  // With an answer unread in its receive buffer, the kernel sends RST at `close()`.
  if (reset) await http.sendHead("GET", "/nowhere");
  await http.sendHead("POST", "/v1/ingest/gone", headers);
  return http;
}

Deno.test("HttpIngest keeps nothing of an agent that vanishes in the middle of a body", async (t) => {
  const config = { ...CONFIG, limits: { bodyTimeout: "60s" }, sources: { gone: { policy: "block" } } };
  await using daemon = await DaemonProcess.start({ config });
  const bodies: Record<string, [headers: Record<string, string>, body: string, length: number]> = {
    "small": [{ "Content-Length": "100" }, "{}\n", 100],
    "large": [{ "Content-Length": "1000000" }, "{}\n".repeat(1000), 1_000_000],
    "chunked": [{ "Transfer-Encoding": "chunked", "Content-Type": "application/json" }, "3\r\n[1,\r\n", 1],
    "stream": [{ "Transfer-Encoding": "chunked" }, '3\r\n{"a\r\n', 1],
    "gzip": [{ "Transfer-Encoding": "chunked", "Content-Encoding": "gzip" }, "2\r\n\x1f\r\n", 0],
  };
  let aborted = 0;
  for (const [name, [headers, body, least]] of Object.entries(bodies)) {
    for (const reset of [false, true]) {
      await t.step(`${name}, ${reset ? "RST" : "FIN"}`, async () => {
        using http = await begin(daemon, headers, reset);
        await http.send(body);
        const isReading = async () => (await daemon.statusJson()).memory.used >= least;
        await waitFor(isReading, { what: "memory to be reserved" });
        http.close();
        aborted++;
        const isNoticed = async () =>
          (await sourceOf(daemon, "gone"))?.ledger.refusals["aborted"] === aborted;
        await waitFor(isNoticed, { what: "the agent's end to be noticed" });
        await waitUntilUnused(daemon);
      });
    }
  }
  const { ledger } = await sourceOf(daemon, "gone");
  assertEquals([ledger.received, ledger.refusals], [NONE, { aborted: 10 }]);
  assertEquals(daemon.files("gone"), []);
});

Deno.test("HttpIngest forgets a blocked agent that vanishes at once, and books its records as aborted", async (t) => {
  const config = {
    sources: {
      full: {
        policy: "block",
        blockTimeout: "60s",
        buffer: { records: 10, bytes: "128KiB" },
        batch: { records: 1, bytes: 1, linger: 0 },
      },
    },
    sinks: { console: { type: "stdout", envelope: false } },
    shutdown: { deadline: "10s" },
  };
  await using daemon = await DaemonProcess.start({ config, stdout: "stalled" });
  // Fill until one is blocked: that one is the first to vanish.
  const record = `"${"x".repeat(20_000)}"\n`;
  const agents: RawHttp[] = [];
  const isBlocked = async (count: number) => (await sourceOf(daemon, "full"))?.producersBlocked === count;
  let quiet = 0;
  while (!await isBlocked(1) || quiet++ < 3) {
    assert(agents.length < 100);
    if (!await isBlocked(1)) {
      const http = await RawHttp.connect(daemon.url);
      await http.sendHead("POST", "/v1/ingest/full", { "Content-Length": `${record.length}` });
      await http.send(record);
      agents.push(http);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const { buffer } = await sourceOf(daemon, "full");
  for (const http of agents.slice(0, -1)) http.close();
  agents.at(-1)!.close();
  await waitFor(() => isBlocked(0), { what: "the blocked producer to be gone", timeout: 5000 });
  let aborted = { records: 1, bytes: record.length };
  const check = async () => {
    const { ledger, buffer: { records, bytes } } = await sourceOf(daemon, "full");
    assertEquals(ledger.rejectedBy, { aborted });
    assertEquals([records, bytes], [buffer.records, buffer.bytes]);
    const isUnused = async () => (await daemon.statusJson()).memory.used === buffer.bytes;
    await waitFor(isUnused, { what: "the memory of who vanished to be given back" });
  };
  await check();

  const body = record.repeat(5);
  const ways: [name: string, headers: Record<string, string>, chunk: boolean, reset: boolean][] = [
    ["a body, RST", { "Content-Length": `${body.length}` }, false, true],
    ["a body, FIN", { "Content-Length": `${body.length}` }, false, false],
    ["a stream, FIN", { "Transfer-Encoding": "chunked" }, true, false],
    ["a stream, RST", { "Transfer-Encoding": "chunked" }, true, true],
  ];
  for (const [name, headers, chunk, reset] of ways) {
    await t.step(name, async () => {
      using http = await RawHttp.connect(daemon.url);
      if (reset) await http.sendHead("GET", "/nowhere");
      await http.sendHead("POST", "/v1/ingest/full", headers);
      await (chunk ? http.sendChunk(body) : http.send(body));
      await waitFor(() => isBlocked(1), { what: "a producer to be blocked" });
      const before = await sourceOf(daemon, "full");
      http.close();
      await waitFor(() => isBlocked(0), { what: "the blocked producer to be gone", timeout: 5000 });
      const { ledger } = await sourceOf(daemon, "full");
      const { records, bytes } = ledger.rejectedBy["aborted"]!;
      assert(records > before.ledger.rejectedBy["aborted"]!.records);
      if (!chunk) assertEquals(records, aborted.records + 5);
      aborted = { records, bytes };
      await check();
    });
  }
  const delivered = await daemon.statusJson();
  assertEquals(
    delivered.sources.full.ledger.received.records,
    buffer.records + aborted.records +
      delivered.sources.full.ledger.delivered.records,
  );
});
