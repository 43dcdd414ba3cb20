// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbersIn, post, untilSource } from "./numbered_records.ts";
import { RawHttp } from "./raw_http.ts";
import { frame, HANDSHAKE, OPCODE, RawWebSocket } from "./raw_websocket.ts";
import { countConnections } from "./tcp_connections.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;
const SINKS = { disk: { type: "file", directory: "./data" } };

function portOf(daemon: DaemonProcess): number {
  return Number(new URL(daemon.websocketUrl!).port);
}

function httpUrl(daemon: DaemonProcess): string {
  return daemon.websocketUrl!.replace("ws:", "http:");
}

Deno.test("unfinished messages: 256 clients that announce the largest message and stop half-way stay within limits.memory, are closed, and hold up nobody else", async () => {
  const MEMORY = 64 * MIB;
  const BODY = 512 * 1024;
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: {
      limits: { memory: MEMORY, body: BODY, record: BODY, bodyTimeout: "2s" },
      sources: { "*": { policy: "block", blockTimeout: "3s" } },
      sinks: SINKS,
    },
  });
  const base = daemon.rss();
  let peak = base;
  let used = 0;
  let running = true;
  const watch = (async () => {
    while (running) {
      const { memory } = await daemon.statusJson();
      assertLessOrEqual(memory.used, MEMORY);
      used = Math.max(used, memory.used);
      peak = Math.max(peak, daemon.rss());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  using stack = new DisposableStack();
  const clients: RawWebSocket[] = [];
  for (let i = 0; i < 256; i++) {
    clients.push(stack.use(await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`)));
  }
  // One frame whose head announces all of it, or a first fragment and the head of a second one with the rest.
  const half = new Uint8Array(BODY / 2);
  const inOne = frame(half, { length: BODY });
  const inTwo = frame(half, { fin: false });
  const rest = frame("", { opcode: OPCODE.CONTINUATION, length: BODY / 2 });
  const codes = Promise.all(clients.map(async (client, i) => {
    const sending = i % 2 === 0
      ? client.sendRaw(inOne)
      : client.sendRaw(inTwo).then(() => client.sendRaw(rest));
    const { code } = await client.readClose(60_000);
    await sending;
    client.close();
    return code;
  }));
  let isDone = false;
  codes.finally(() => isDone = true).catch(() => {}); // awaited below
  let live = 0;
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/live-ws`);
  while (!isDone) {
    assertEquals((await post(daemon, "live-http", `{"n":${live}}\n`)).status, 202);
    await websocket.send(`{"n":${live++}}`);
    await untilSource(daemon, "live-ws", ({ ledger }) => ledger.received.records === live);
  }
  const counts: Record<number, number> = {};
  for (const code of await codes) counts[code] = (counts[code] ?? 0) + 1;
  const { 1008: late = 0, 1013: overloaded = 0, ...others } = counts;
  assertEquals(others, {});
  assertGreater(late, 0);
  const { ledger } = await untilSource(daemon, "s", () => true);
  assertEquals(ledger.received.records, 0);
  assertEquals(ledger.refusals, { timeout: late, ...(overloaded > 0 && { overloaded }) });
  websocket.close();
  await waitFor(async () => (await daemon.statusJson()).memory.used === 0, {
    what: "all memory to be given back",
  });
  running = false;
  await watch;
  for (const source of ["live-ws", "live-http"]) {
    await untilSource(daemon, source, ({ buffer }) => buffer.records === 0);
    assertNumbers(numbersIn(await daemon.recordsOf(source)), [0, live]);
  }
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `closed: ${JSON.stringify(counts)}; budget at most ${mib(used)} of ${mib(MEMORY)} MiB, memory +` +
        `${mib(peak - base)} MiB over ${mib(base)} MiB; ${live} records beside them\n`,
    ),
  );
  assertGreater(used, MEMORY / 2); // it was put to the test
  assertLess(peak - base, 1.5 * MEMORY);
});

Deno.test("unfinished messages: what clients still send of a message after they were refused takes no memory", async () => {
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: {
      limits: { memory: 64 * MIB, body: 4 * MIB, bodyTimeout: "2s" },
      sources: { "*": { policy: "reject" } },
      sinks: SINKS,
    },
  });
  using stack = new DisposableStack();
  const clients: RawWebSocket[] = [];
  for (let i = 0; i < 128; i++) {
    clients.push(stack.use(await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`)));
  }
  const base = daemon.rss();
  let peak = base;
  const sampling = setInterval(() => peak = Math.max(peak, daemon.rss()), 10);
  const half = frame(new Uint8Array(2 * MIB), { length: 4 * MIB });
  try {
    await Promise.all(clients.map(async (client) => {
      const sending = client.sendRaw(half).catch(() => {}); // it may be cut off
      const { code } = await client.readClose(60_000);
      assert([1006, 1008, 1013].includes(code), `${code}`); // the close frame may be lost where it is cut off
      client.close();
      await sending;
    }));
    await waitFor(async () => (await daemon.statusJson()).memory.used === 0, {
      what: "all memory to be given back",
    });
  } finally {
    clearInterval(sampling);
  }
  const grown = ((peak - base) / MIB).toFixed(1);
  Deno.stdout.writeSync(new TextEncoder().encode(`128 x 2 MiB for the bin: memory +${grown} MiB\n`));
  assertLess(peak - base, 1.5 * 64 * MIB);
});

Deno.test("limits.connections: one more is answered 503 before the upgrade, and there is room again once one leaves", async () => {
  await using daemon = await DaemonProcess.start({
    config: { limits: { connections: 4 }, sources: { "*": {} }, sinks: SINKS },
  });
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  using stack = new DisposableStack();
  const clients: RawWebSocket[] = [];
  for (let i = 0; i < 4; i++) clients.push(stack.use(await RawWebSocket.connect(url)));
  for (const [method, headers] of [["GET", HANDSHAKE], ["POST", { "Content-Length": "2" }]] as const) {
    using http = await RawHttp.connect(httpUrl(daemon));
    await http.sendHead(method, "/v1/ingest/s", headers);
    if (method === "POST") await http.send("{}");
    const { status, headers: told, json } = await http.readResponse();
    assertEquals([status, told.get("content-type")], [503, "application/json"]);
    assertEquals(told.get("retry-after"), "1");
    assertEquals(json().error.code, "too_many_connections");
    assertEquals(json().error.limit, 4);
    await http.readToEnd();
  }
  await waitFor(() => countConnections(portOf(daemon)) === 4, { what: "the refused ones to be gone" });
  // The other listener has its own connections.
  assertEquals((await post(daemon, "s", "{}\n")).status, 202);
  clients[0]!.close();
  await waitFor(() => countConnections(portOf(daemon)) === 3, { what: "one to leave" });
  using next = await RawWebSocket.connect(url);
  await next.send("{}");
  await clients[3]!.send("{}");
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 3);
});

Deno.test("websocket.upgradeTimeout: clients that do not finish their request are ended, and those that did stay", async () => {
  await using daemon = await DaemonProcess.start({
    config: { websocket: { upgradeTimeout: "1s" }, sources: { "*": {} }, sinks: SINKS },
  });
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`);
  const parts = ["", "GET /v1/ing", "GET /v1/ingest/s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnec"];
  using stack = new DisposableStack();
  const clients = await Promise.all(parts.map(async (part) => {
    const http = stack.use(await RawHttp.connect(httpUrl(daemon)));
    if (part !== "") await http.send(part);
    return http;
  }));
  await waitFor(() => countConnections(portOf(daemon)) === 4, { what: "four connections" });
  await Promise.all(clients.map(async (http, i) => {
    const ended = await http.readToEnd(30_000);
    assert(ended === "eof" || ended === "reset", parts[i]);
  }));
  await waitFor(() => countConnections(portOf(daemon)) === 1, { what: "one connection to be left" });
  await websocket.send("{}");
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 1);
});
