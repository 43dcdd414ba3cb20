// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertLess, assertStringIncludes } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { numbered, PLUG, plugStdout, untilSource } from "./numbered_records.ts";
import { RawHttp, type RawResponse } from "./raw_http.ts";
import { HANDSHAKE, RawWebSocket } from "./raw_websocket.ts";
import { waitFor } from "../wait_for.ts";

const SINKS = { disk: { type: "file", directory: "./data" } };

function httpUrl(daemon: DaemonProcess): string {
  return daemon.websocketUrl!.replace("ws:", "http:");
}

/** Asks for an upgrade that is refused, and waits for the end of the connection. */
async function upgrade(
  url: string,
  path: string,
  { method = "GET", headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<RawResponse> {
  using http = await RawHttp.connect(url);
  await http.sendHead(method, path, { ...HANDSHAKE, ...headers });
  const response = await http.readResponse();
  await http.readToEnd();
  return response;
}

function assertRefused(response: RawResponse, status: number, code: string, what: string): void {
  assert(response.complete, what);
  assertEquals([response.status, response.headers.get("content-type")], [status, "application/json"], what);
  const { error } = response.json();
  assertEquals([error.code, typeof error.message], [code, "string"], what);
}

Deno.test("upgrades that no source is for are refused before the upgrade, with the status and body of HTTP", async () => {
  await using daemon = await DaemonProcess.start({
    config: { limits: { sources: 2 }, sources: { app: {}, "cam-*": {} }, sinks: SINKS },
  });
  const cases: [path: string, status: number, code: string][] = [
    ["/", 404, "not_found"],
    ["/v1/ingest", 404, "not_found"],
    ["/v2/ingest/app", 404, "not_found"],
    ["/v1/ingest/unknown", 404, "unknown_source"],
    ["/v1/ingest/unknown?x=/v1/ingest/app", 404, "unknown_source"],
    ["/v1/ingest/", 400, "invalid_source_name"],
    ["/v1/ingest/../app", 400, "invalid_source_name"],
    ["/v1/ingest/cam-1/../../../etc/passwd", 400, "invalid_source_name"],
    ["/v1/ingest/..%2Fapp", 400, "invalid_source_name"],
    ["/v1/ingest/.app", 400, "invalid_source_name"],
    ["/v1/ingest/cam-%00", 400, "invalid_source_name"],
    ["/v1/ingest/cam-1/", 400, "invalid_source_name"],
    [`/v1/ingest/cam-${"x".repeat(125)}`, 400, "invalid_source_name"],
  ];
  for (const [path, status, code] of cases) {
    assertRefused(await upgrade(httpUrl(daemon), path), status, code, path);
  }
  assertEquals((await daemon.statusJson()).sources, {});
  using app = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/app?any=thing`);
  using cam1 = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/cam-1`);
  const third = await upgrade(httpUrl(daemon), "/v1/ingest/cam-2");
  assertRefused(third, 429, "too_many_sources", "a third source");
  assertEquals(third.json().error.limit, 2);
  for (const websocket of [app, cam1]) await websocket.send("{}");
  for (const source of ["app", "cam-1"]) {
    await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records === 1);
  }
});

Deno.test("requests that are no handshake of RFC 6455 are answered 4xx, and no connection's memory stays reserved", async () => {
  await using daemon = await DaemonProcess.start({ config: { sources: { "*": {} }, sinks: SINKS } });
  const cases: [what: string, init: Parameters<typeof upgrade>[2]][] = [
    ["an old version", { headers: { "Sec-WebSocket-Version": "7" } }],
    ["a version that is none", { headers: { "Sec-WebSocket-Version": "thirteen" } }],
    ["a key that is too short", { headers: { "Sec-WebSocket-Key": "AAECAw==" } }],
    ["a key that is not base64", { headers: { "Sec-WebSocket-Key": "************************" } }],
    ["an empty subprotocol", { headers: { "Sec-WebSocket-Protocol": "penstock.v1,,x" } }],
    ["another protocol", { headers: { Upgrade: "h2c" } }],
    ["POST", { method: "POST" }],
    ["PUT", { method: "PUT" }],
  ];
  for (const [what, init] of cases) {
    const { status } = await upgrade(httpUrl(daemon), "/v1/ingest/s", init);
    assertGreaterOrEqual(status, 400, what);
    assertLess(status, 500, what);
  }
  await waitFor(async () => (await daemon.statusJson()).memory.used === 0, {
    what: "all memory to be given back",
  });
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`);
  await websocket.send("{}");
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 1);
});

Deno.test("an upgrade on the HTTP listener is answered 426 with the WebSocket URL", async () => {
  await using daemon = await DaemonProcess.start({ config: { sources: { "*": {} }, sinks: SINKS } });
  using http = await RawHttp.connect(daemon.url);
  await http.sendHead("GET", "/v1/ingest/s", HANDSHAKE);
  const response = await http.readResponse();
  assertRefused(response, 426, "upgrade_required", "HTTP listener");
  assertEquals(response.headers.get("upgrade"), "websocket");
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  assertStringIncludes(response.json().error.message, url);
  using websocket = await RawWebSocket.connect(url);
  await websocket.send("{}");
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 1);
});

Deno.test("while draining, an upgrade is answered 503 shutting_down, and those who are connected are closed 1001", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      sources: { plug: PLUG, s: { policy: "block", blockTimeout: "60s" } },
      sinks: { out: { type: "stdout" } },
      shutdown: { deadline: "60s" },
    },
  });
  await plugStdout(daemon);
  using plain = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`);
  await plain.send(numbered(0, 10), { opcode: 1 });
  await untilSource(daemon, "s", ({ buffer }) => buffer.records === 10);
  using acknowledged = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`, {
    protocol: "penstock.v1",
  });
  assertEquals((await acknowledged.readJson()).type, "hello");
  daemon.kill("SIGTERM");
  await waitFor(async () => (await daemon.statusJson()).state === "draining", {
    what: "the daemon to drain",
  });
  for (const path of ["/v1/ingest/s", "/v1/ingest/other", "/v1/ingest/.bad"]) {
    const response = await upgrade(httpUrl(daemon), path);
    assertRefused(response, 503, "shutting_down", path);
    assertEquals(response.headers.get("retry-after"), "1");
  }
  assertEquals((await plain.readClose()).code, 1001);
  const last = await acknowledged.readJson();
  assertEquals([last.type, last.seq, last.accepted, last.credit], ["ack", 0, 0, 0]);
  assertEquals((await acknowledged.readClose()).code, 1001);
  const output = daemon.resumeStdout();
  assertEquals((await daemon.stop()).code, 0);
  assertEquals((await output).split("\n").filter((line) => line.startsWith('{"source":"s"')).length, 10);
});
