// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertMatch } from "@std/assert";
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

Deno.test("HttpIngest answers 408 to an agent that stops half-way, and ends the connection when it goes on", async (t) => {
  await using daemon = await DaemonProcess.start({ config: CONFIG });
  const array = { "Transfer-Encoding": "chunked", "Content-Type": "application/json" };
  const half: [name: string, source: string, headers: Record<string, string>, body: string, rest: string][] =
    [
      ["nothing of a small body", "slow", { "Content-Length": "100" }, "", "x".repeat(100)],
      ["half of a small body", "slow", { "Content-Length": "100" }, "{}\n", "x".repeat(97)],
      ["half of a large body", "slow", { "Content-Length": "1000000" }, "{}\n".repeat(1000), "x"],
      ["half of a chunked array", "json", array, "3\r\n[1,\r\n", "1\r\n2\r\n"],
    ];
  for (const [name, source, headers, body, rest] of half) {
    await t.step(name, async () => {
      using http = await RawHttp.connect(daemon.url);
      await http.sendHead("POST", `/v1/ingest/${source}`, headers);
      await http.send(body);
      const response = await http.readResponse();
      assertEquals([response.status, response.complete], [408, true]);
      assertMatch(response.headers.get("connection") ?? "", /close/);
      const { message, ...error } = response.json().error;
      assertEquals([error, message], [{ code: "timeout" }, "body did not arrive within 500 ms"]);
      await waitUntilUnused(daemon);
      // The server notices no sooner that nobody listens.
      await http.send(rest);
      await http.readToEnd();
    });
  }
  for (const [name, timeout] of [["slow", 3], ["json", 1]] as const) {
    const { ledger } = await sourceOf(daemon, name);
    assertEquals([ledger.received, ledger.refusals], [NONE, { timeout }]);
    assertEquals(daemon.files(name), []);
  }
});

Deno.test("HttpIngest answers 408 to a stream that is idle, and tells what it had got admitted", async () => {
  await using daemon = await DaemonProcess.start({ config: CONFIG });
  let admitted = 0;
  const coded = new Uint8Array(gzipSync("{}\n".repeat(200_000))).slice(0, -8);
  const pieces: [coding: string, piece: string | Uint8Array][] = [["identity", "{}\n{}\n{}"], [
    "gzip",
    coded,
  ]];
  for (const [coding, piece] of pieces) {
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
    else assertGreater(accepted, 100_000);
    admitted += accepted;
    await http.sendChunk("x");
    await http.readToEnd();
    await waitUntilUnused(daemon);
    const { ledger } = await sourceOf(daemon, "stream");
    assertEquals(ledger.delivered.records, admitted);
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
    "gzip": [{ "Transfer-Encoding": "chunked", "Content-Encoding": "gzip" }, "1\r\n\x1f\r\n", 0],
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

/** Fills a `block` source whose sink is a stalled standard output, until a producer is blocked, and its memory too. */
async function fill(daemon: DaemonProcess): Promise<RawHttp> {
  const record = `"${"x".repeat(20_000)}"\n`;
  const http = await RawHttp.connect(daemon.url);
  await http.sendHead("POST", "/v1/ingest/full", { "Transfer-Encoding": "chunked" });
  await http.sendChunk(record.repeat(30));
  await waitForBlocked(daemon, 1);
  return http;
}

function stalled(blockTimeout: string) {
  const source = {
    policy: "block",
    blockTimeout,
    buffer: { records: 10, bytes: "128KiB" },
    batch: { records: 1, bytes: 1, linger: 0 },
  };
  const sinks = { console: { type: "stdout", envelope: false } };
  return { config: { sources: { full: source }, sinks }, stdout: "stalled" } as const;
}

async function waitForBlocked(daemon: DaemonProcess, count: number): Promise<void> {
  const isSo = async () => (await sourceOf(daemon, "full"))?.producersBlocked === count;
  await waitFor(isSo, { what: `${count} blocked producers` });
}

Deno.test("HttpIngest forgets a blocked agent that vanishes at once, and books its records as aborted", async () => {
  await using daemon = await DaemonProcess.start(stalled("60s"));
  using _first = await fill(daemon);
  const before = await daemon.statusJson();
  for (const vanished of [1, 2, 3]) {
    using http = await RawHttp.connect(daemon.url);
    // In one piece: of a request that comes in several, the server notices the agent's end only when it answers.
    await http.send("POST /v1/ingest/full HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n1\n2\n3\n");
    await waitForBlocked(daemon, 2);
    http.close();
    await waitForBlocked(daemon, 1);
    const { sources: { full }, memory } = await daemon.statusJson();
    assertEquals(full.ledger.rejectedBy, { aborted: { records: 3 * vanished, bytes: 6 * vanished } });
    assertEquals([full.buffer, memory], [before.sources.full.buffer, before.memory]);
  }
});

Deno.test("HttpIngest keeps nothing of a blocked agent that vanishes unnoticed, and gives up at `blockTimeout`", async (t) => {
  await using daemon = await DaemonProcess.start(stalled("1s"));
  using _first = await fill(daemon);
  await waitForBlocked(daemon, 0);
  const before = await daemon.statusJson();
  const body = `"${"x".repeat(20_000)}"\n`.repeat(5);
  let records = before.sources.full.ledger.rejected.records;
  for (
    const [name, chunked, reset] of [
      ["a body, FIN", false, false],
      ["a body, RST", false, true],
      ["a stream, FIN", true, false],
      ["a stream, RST", true, true],
    ] as const
  ) {
    await t.step(name, async () => {
      using http = await RawHttp.connect(daemon.url);
      if (reset) await http.sendHead("GET", "/nowhere");
      const length: Record<string, string> = chunked
        ? { "Transfer-Encoding": "chunked" }
        : { "Content-Length": `${body.length}` };
      await http.sendHead("POST", "/v1/ingest/full", length);
      await (chunked ? http.sendChunk(body) : http.send(body));
      await waitForBlocked(daemon, 1);
      http.close();
      await waitForBlocked(daemon, 0);
      const { sources: { full }, memory } = await daemon.statusJson();
      const { rejected, received, buffered, delivered } = full.ledger;
      if (!chunked) assertEquals(rejected.records, records + 5);
      assert(rejected.records > records);
      records = rejected.records;
      assertEquals(received.records, rejected.records + buffered.records + delivered.records);
      assertEquals([full.buffer, memory], [before.sources.full.buffer, before.memory]);
    });
  }
});
