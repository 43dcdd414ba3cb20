// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { untilSource } from "./numbered_records.ts";
import { closeFrame, concatenate, frame, OPCODE, RawWebSocket } from "./raw_websocket.ts";
import { waitFor } from "../wait_for.ts";

const BODY = 16 * 1024;
const SINKS = { disk: { type: "file", directory: "./data" } };

/** Ends the part of a stream that counts: the code that the connection is closed with, and what the ledger says. */
const ENDS: Record<string, readonly [bytes: Uint8Array, code: number, refused: Record<string, number>]> = {
  close: [closeFrame(1000, "bye"), 1000, {}],
  closeWithoutCode: [frame("", { opcode: OPCODE.CLOSE }), 1005, {}],
  badCloseCode: [closeFrame(1004), 1002, { protocol_error: 1 }],
  badOpcode: [frame("", { opcode: 3 }), 1002, { protocol_error: 1 }],
  badControlOpcode: [frame("", { opcode: 11 }), 1002, { protocol_error: 1 }],
  fragmentedPing: [frame("", { opcode: OPCODE.PING, fin: false }), 1002, { protocol_error: 1 }],
  largePing: [frame("x".repeat(126), { opcode: OPCODE.PING }), 1002, { protocol_error: 1 }],
  unmaskedPing: [frame("", { opcode: OPCODE.PING, mask: false }), 1002, { protocol_error: 1 }],
  unmasked: [frame("2", { mask: false }), 1002, { protocol_error: 1 }],
  reservedBit: [frame("2", { rsv: 4 }), 1002, { protocol_error: 1 }],
  continuation: [frame("2", { opcode: OPCODE.CONTINUATION }), 1002, { protocol_error: 1 }],
  tooLarge: [frame("x".repeat(BODY + 1)), 1009, { too_large: 1 }],
  tooLargeTogether: [
    concatenate([
      frame("x".repeat(BODY), { fin: false }),
      frame("", { opcode: OPCODE.PING }),
      frame("x", { opcode: OPCODE.CONTINUATION }),
    ]),
    1009,
    { too_large: 1 },
  ],
};

Deno.test("WebSocketIngest takes and acknowledges nothing of what stands behind a close frame or a mistake in the same read", async () => {
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: { limits: { body: BODY, record: BODY }, sources: { "*": { policy: "block" } }, sinks: SINKS },
  });
  // Small ones are offered together a little later, and a large frame at once.
  const behind = concatenate([frame("3"), frame(new Uint8Array(8000)), frame("4")]);
  for (const [name, [bytes, code, refused]] of Object.entries(ENDS)) {
    for (const protocol of ["", "penstock.v1"]) {
      const source = `${name}-${protocol || "plain"}`;
      using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/${source}`, {
        protocol,
      });
      if (protocol !== "") assertEquals((await websocket.readJson()).type, "hello");
      await websocket.sendRaw(concatenate([frame("1"), bytes, behind]));
      const acked: number[] = [];
      for (;;) {
        const next = await websocket.readFrame();
        const { opcode, payload } = next!;
        if (opcode === OPCODE.TEXT) acked.push(JSON.parse(new TextDecoder().decode(payload)).seq);
        if (opcode !== OPCODE.CLOSE) continue;
        const given = payload.length === 0 ? 1005 : new DataView(payload.buffer).getUint16(0);
        assertEquals(given, code, source);
        break;
      }
      assertEquals(acked.filter((seq) => seq > 1), [], source);
      const { ledger } = await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records > 0);
      assertEquals([ledger.received.records, ledger.refusals], [1, refused], source);
    }
  }
  // In each it would have been taken by now.
  const { sources } = await daemon.statusJson();
  // deno-lint-ignore no-explicit-any -- an answer of the daemon's
  const received = Object.values(sources as Record<string, any>).map(({ ledger }) => ledger.received.records);
  assertEquals(received, received.map(() => 1));
});

Deno.test("WebSocketIngest lets nobody wait for the memory of a plain client that is gone, and counts no refusal for it", async () => {
  await using daemon = await DaemonProcess.start({
    coverage: false,
    config: {
      limits: { memory: 8 * 2 ** 20, body: 3_900_000 },
      websocket: { keepAlive: "200ms" },
      sources: { "*": { policy: "block", blockTimeout: "60s", buffer: { bytes: 2 ** 20 } } },
      sinks: SINKS,
    },
  });
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  const websockets = async () => (await daemon.statusJson()).websocket;
  // An account that holds nothing may have all there is; and this one answers pings.
  const beside = new WebSocket(url);
  await new Promise((resolve) => beside.onopen = resolve);
  {
    // Message and pieces together are nearly all the memory that there is, so it waits for as long as it may.
    using gone = await RawWebSocket.connect(url);
    await gone.sendRaw(frame(new Uint8Array(1000), { length: 3_900_000 }));
    await waitFor(async () => (await websockets()).paused === 1, { what: "the client to wait for memory" });
  }
  await waitFor(async () => (await websockets()).connections === 1, {
    what: "the client's end to be noticed",
  });
  using next = await RawWebSocket.connect(url);
  await next.send(new Uint8Array(200_000));
  const { ledger } = await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 1);
  assertEquals(ledger.refusals, {});
  const closed = new Promise((resolve) => beside.onclose = resolve);
  beside.close();
  await closed;
});

Deno.test("WebSocketIngest holds little more than their bytes of thousands of tiny messages that wait", async () => {
  const clients = 96;
  await using daemon = await DaemonProcess.start({
    coverage: false,
    stdout: "stalled",
    config: {
      limits: { memory: 64 * 2 ** 20 },
      sources: {
        "*": {
          policy: "block",
          blockTimeout: "60s",
          buffer: { records: 100 },
          batch: { records: 50, linger: 20 },
          sinks: ["out"],
        },
      },
      sinks: { out: { type: "stdout" } },
    },
  });
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  // The first one fills the pipe and the buffer, and what comes behind it waits.
  using filler = await RawWebSocket.connect(url);
  const large = frame(JSON.stringify({ pad: "x".repeat(4000) }));
  const filling = filler.sendRaw(concatenate(Array.from({ length: 200 }, () => large)));
  const paused = async (count: number) => (await daemon.statusJson()).websocket.paused === count;
  await waitFor(() => paused(1), { what: "the first client to wait" });
  await filling;
  const base = daemon.rss();
  // Two kinds, so that one half is brought together before it has to wait, and the other half behind it.
  const tiny = concatenate(
    Array.from(
      { length: 9000 },
      (_, i) => i < 4500 ? frame("1") : frame(i % 2 === 0 ? "2" : Uint8Array.of(3)),
    ),
  );
  const waiting = await Promise.all(Array.from({ length: clients }, async () => {
    const websocket = await RawWebSocket.connect(url);
    await websocket.sendRaw(tiny);
    return websocket;
  }));
  try {
    await waitFor(() => paused(clients + 1), { what: "all clients to wait" });
    const each = (daemon.rss() - base) / clients;
    // 128 KiB are reserved for each, and there is garbage; an object for each message took 1.6 MiB.
    if (each > 512 * 1024) throw new Error(`${(each / 1024).toFixed()} KiB a connection`);
  } finally {
    for (const websocket of waiting) websocket.close();
  }
});
