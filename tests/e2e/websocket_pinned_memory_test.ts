// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { RawHttp } from "./raw_http.ts";
import { concatenate, frame, OPCODE, RawWebSocket } from "./raw_websocket.ts";
import { untilSource } from "./numbered_records.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;
const SINKS = { disk: { type: "file", directory: "./data" } };

Deno.test("unfinished messages: fragments of one byte, each with a whole read of pongs behind it, stay within limits.memory", async () => {
  const memory = 32 * MIB;
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: { limits: { memory, body: 4 * MIB }, sources: { "*": { policy: "block" } }, sinks: SINKS },
  });
  const base = daemon.rss();
  const pong = frame(new Uint8Array(125), { opcode: OPCODE.PONG });
  const fragment = frame(new Uint8Array(1), { opcode: OPCODE.CONTINUATION, fin: false });
  // The library keeps each fragment as a view of what it was read with.
  const piece = concatenate([
    fragment,
    ...Array.from({ length: Math.ceil(MIB / 16 / pong.length) }, () => pong),
  ]);
  let peak = 0, sent = 0;
  const clients = await Promise.all(Array.from({ length: 4 }, async () => {
    const client = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`);
    await client.send(new Uint8Array(1), { fin: false });
    return client;
  }));
  await Promise.all(clients.map(async (client) => {
    try {
      for (let bytes = 0; bytes < 100 * MIB; bytes += piece.length) {
        await client.sendRaw(piece);
        sent += piece.length;
        peak = Math.max(peak, daemon.rss());
      }
    } catch {
      // It was cut off, as it should be: what counts is what was sent until then.
    }
  }));
  for (const client of clients) client.close();
  await waitFor(async () => (await daemon.statusJson()).websocket.connections === 0, {
    what: "the end of the connections",
  });
  assertEquals((await daemon.statusJson()).memory.used, 0);
  assertGreater(sent, memory); // it was put to the test
  assertLess(peak - base, 4 * memory);
});

Deno.test("HTTP on the WebSocket port: a client that offers to upgrade to h2c is served as if it had not", async () => {
  await using daemon = await DaemonProcess.start({ config: { sources: { "*": {} }, sinks: SINKS } });
  using http = await RawHttp.connect(daemon.websocketUrl!.replace("ws:", "http:"));
  const body = new TextEncoder().encode('{"n":0}\n');
  await http.sendHead("POST", "/v1/ingest/s", {
    Connection: "Upgrade, HTTP2-Settings",
    Upgrade: "h2c",
    "HTTP2-Settings": "AAMAAABkAARAAAAAAAIAAAAA",
    "Content-Length": `${body.length}`,
  });
  await http.send(body);
  const { status } = await http.readResponse();
  assertEquals(status, 202);
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 1);
});
