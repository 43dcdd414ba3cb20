// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertLess, assertMatch } from "@std/assert";
// @ts-types="npm:@types/ws@8.18.2"
import { WebSocket } from "ws";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, untilSource } from "./numbered_records.ts";
import { frame, RawWebSocket } from "./raw_websocket.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;
const SINKS = { disk: { type: "file", directory: "./data" } };

function start(websocket: Record<string, unknown> = {}): Promise<DaemonProcess> {
  return DaemonProcess.start({
    coverage: false,
    config: {
      limits: { memory: 64 * MIB, body: MIB, record: MIB },
      websocket,
      sources: { "*": { policy: "block", blockTimeout: "60s" } },
      sinks: SINKS,
    },
  });
}

/** The library's own client, once it is connected. */
async function connect(url: string, compress: boolean): Promise<WebSocket> {
  const websocket = new WebSocket(url, { perMessageDeflate: compress });
  await new Promise<void>((resolve, reject) => websocket.once("open", resolve).once("error", reject));
  return websocket;
}

function closeOf(websocket: WebSocket): Promise<number> {
  return new Promise((resolve) => websocket.once("close", resolve));
}

Deno.test("payloads: texts, values over lines, arrays and frames become the records that they are, in order", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: { sources: { "*": { policy: "block" } }, sinks: { out: { type: "stdout" } } },
  });
  const output = daemon.resumeStdout();
  const large = Uint8Array.from({ length: 100_000 }, (_, i) => i * 31 >> 3);
  const messages: [message: string | Uint8Array, records: unknown[]][] = [
    ['{"n":0}', [{ n: 0 }]],
    ['{"n":1}\n\n{"n":2}\n', [{ n: 1 }, { n: 2 }]],
    ['{\n  "n": 3,\n  "m": [1,\n 2]\n}\n', [{ n: 3, m: [1, 2] }]],
    ['{"n":4}{"n":5} "six"', [{ n: 4 }, { n: 5 }, "six"]],
    ["[7,\n8]", [[7, 8]]],
    ["", []],
    [" \n ", []],
    [new Uint8Array([0, 255, 10, 13]), ["AP8KDQ=="]],
    [large, [large.toBase64()]],
    ['"ä€😀"', ["ä€😀"]],
  ];
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`, {
    protocol: "penstock.v1",
  });
  assertEquals((await websocket.readJson()).type, "hello");
  for (const [i, [message, records]] of messages.entries()) {
    await websocket.send(message);
    const ack = await websocket.readJson();
    assertEquals([ack.type, ack.seq, ack.accepted], ["ack", i + 1, records.length], `message ${i}`);
  }
  await untilSource(daemon, "s", ({ buffer }) => buffer.records === 0);
  assertEquals((await daemon.stop()).code, 0);
  const lines = (await output).trim().split("\n").map((line) => JSON.parse(line).record);
  assertEquals(lines, messages.flatMap(([, records]) => records));
});

Deno.test("compression: is not negotiated unless the config says so, and a compressed frame then breaks the protocol", async () => {
  await using daemon = await start();
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  const websocket = await connect(url, true);
  const closed = closeOf(websocket);
  assertEquals(websocket.extensions, "");
  websocket.send(numbered(0, 1));
  websocket.close();
  await closed;
  using raw = await RawWebSocket.connect(url, {
    headers: { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" },
  });
  assertEquals(raw.extensions, "");
  await raw.sendRaw(frame("{}", { rsv: 4 }));
  assertEquals((await raw.readClose()).code, 1002);
});

Deno.test("compression: where it is on, compressed messages arrive once, in order, beside uncompressed ones", async () => {
  await using daemon = await start({ compression: true });
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  const websocket = await connect(url, true);
  const closed = closeOf(websocket);
  assertMatch(websocket.extensions, /^permessage-deflate/);
  for (let n = 0; n < 2000; n += 20) {
    websocket.send(new TextDecoder().decode(numbered(n, n + 20, 500)), { compress: n % 40 === 0 });
  }
  websocket.close();
  await closed;
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 2000);
  assertNumbers(numbersIn(await daemon.recordsOf("s")), [0, 2000]);
});

Deno.test("compression: messages that become larger than limits.body close 1009, and memory stays bounded", async () => {
  await using daemon = await start({ compression: true });
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  const before = (await daemon.statusJson()).memory.used;
  const base = daemon.rss();
  let peak = base;
  const sampling = setInterval(() => peak = Math.max(peak, daemon.rss()), 20);
  const bomb = " ".repeat(32 * MIB); // 32 KiB as it is sent
  try {
    for (let round = 0; round < 3; round++) {
      const clients = await Promise.all(Array.from({ length: 4 }, () => connect(url, true)));
      const codes = Promise.all(clients.map(closeOf));
      for (const client of clients) {
        client.on("error", () => {}); // the end of the connection may come in the middle of a write
        client.send(bomb);
      }
      assertEquals(await codes, [1009, 1009, 1009, 1009]);
    }
  } finally {
    clearInterval(sampling);
  }
  const { ledger } = await untilSource(daemon, "s", () => true);
  assertEquals([ledger.received.records, ledger.refusals], [0, { too_large: 12 }]);
  await waitFor(async () => (await daemon.statusJson()).memory.used === before, {
    what: "memory to be given back",
  });
  Deno.stdout.writeSync(
    new TextEncoder().encode(`12 bombs of 32 MiB: memory +${((peak - base) / MIB).toFixed(1)} MiB\n`),
  );
  assertLess(peak - base, 64 * MIB); // any two of them would be as much
});
