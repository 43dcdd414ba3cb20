// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertBalanced, assertNumbers, numbered, numbersIn } from "./numbered_records.ts";
import { PLUG, plugStdout, untilSource } from "./numbered_records.ts";
import { frame, OPCODE, RawWebSocket } from "./raw_websocket.ts";

const BODY = 2 ** 20;
const RECORD = 600 * 1024;
const V1 = { protocol: "penstock.v1" };

/** A daemon with sources that keep what they have, because standard output is stalled, and others with a sink that works. */
async function start(): Promise<DaemonProcess> {
  const full = { buffer: { records: 10, bytes: "1MiB" }, sinks: ["out"] };
  const daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      limits: { body: BODY, record: RECORD },
      websocket: { credit: 5 },
      sources: {
        plug: { ...PLUG, sinks: ["out"] },
        "reject-*": { ...full, policy: "reject" },
        "block-*": { ...full, policy: "block", blockTimeout: "1s" },
        newest: { ...full, policy: "drop_newest" },
        // No flush before it is full, so that nothing is in flight, which could not be evicted.
        oldest: { ...full, policy: "drop_oldest", batch: { records: 10, linger: "600s" } },
        written: { policy: "block", blockTimeout: "600s", ack: "written", sinks: ["out"] },
        "*": { policy: "block", sinks: ["disk"] },
      },
      sinks: { out: { type: "stdout" }, disk: { type: "file", directory: "./data" } },
      shutdown: { deadline: 0 },
    },
  });
  try {
    await plugStdout(daemon);
    return daemon;
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

const text = (from: number, to: number) => new TextDecoder().decode(numbered(from, to));
const over = new TextDecoder().decode(numbered(0, 1, RECORD + 1000));
const bytes = (values: number[]) => frame(new Uint8Array(values), { opcode: OPCODE.TEXT });

/** A message that is refused, whatever the state of the buffer. */
interface Case {
  readonly name: string;
  readonly message: Uint8Array;
  readonly close: number;
  /** What a client of `penstock.v1` is told; nothing if it is closed as a plain one is. */
  readonly nack?: string;
  readonly refusals: Record<string, number>;
}

const CASES: Case[] = [
  {
    name: "a text over limits.body",
    message: frame("", { opcode: OPCODE.TEXT, length: BODY + 1 }),
    close: 1009,
    refusals: { too_large: 1 },
  },
  {
    name: "a frame over limits.body",
    message: frame("", { opcode: OPCODE.BINARY, length: BODY + 1 }),
    close: 1009,
    refusals: { too_large: 1 },
  },
  {
    name: "a record over limits.record, behind a good one",
    message: frame(`{"n":1}\n${over}`),
    close: 1009,
    nack: "too_large",
    refusals: { too_large: 1 },
  },
  {
    name: "a frame over limits.record",
    message: frame(new Uint8Array(RECORD + 1)),
    close: 1009,
    nack: "too_large",
    refusals: { too_large: 1 },
  },
  {
    name: "what is not JSON, behind good records",
    message: frame(text(1, 3) + '{"n":'),
    close: 1007,
    nack: "invalid_record",
    refusals: { invalid_record: 1 },
  },
];

Deno.test("refused messages: a plain client is closed with the code for it, and nothing of the message is kept", async () => {
  await using daemon = await start();
  for (const [i, { name, message, close, refusals }] of CASES.entries()) {
    const source = `plain-${i}`;
    using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/${source}`);
    await websocket.send('{"n":0}');
    await untilSource(daemon, source, ({ ledger }) => ledger.received.records === 1);
    await websocket.sendRaw(message);
    assertEquals((await websocket.readClose()).code, close, name);
    const { ledger } = await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records === 1);
    assertEquals([ledger.received.records, ledger.refusals], [1, refusals], name);
    assertNumbers(numbersIn(await daemon.recordsOf(source)), [0, 1]);
  }
});

Deno.test("refused messages: a penstock.v1 client is told which one, and those before and behind it are kept", async () => {
  await using daemon = await start();
  for (const [i, { name, message, close, nack, refusals }] of CASES.entries()) {
    const source = `v1-${i}`;
    using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/${source}`, V1);
    assertEquals(await websocket.readJson(), { type: "hello", credit: 5 });
    await websocket.send('{"n":0}');
    const ack = { type: "ack", accepted: 1, dropped: 0, evicted: 0, credit: 5 };
    assertEquals(await websocket.readJson(), { ...ack, seq: 1 });
    await websocket.sendRaw(message);
    if (nack === undefined) {
      assertEquals((await websocket.readClose()).code, close, name);
    } else {
      const { message: why, ...reply } = await websocket.readJson();
      assertEquals([reply, typeof why], [{ type: "nack", seq: 2, code: nack }, "string"], name);
      assertEquals(await websocket.readJson(), { ...ack, seq: 2, accepted: 0 }, name);
      await websocket.send('{"n":1}');
      assertEquals(await websocket.readJson(), { ...ack, seq: 3 }, name);
    }
    const kept = nack === undefined ? 1 : 2;
    const { ledger } = await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records === kept);
    assertEquals([ledger.received.records, ledger.refusals], [kept, refusals], name);
    assertNumbers(numbersIn(await daemon.recordsOf(source)), [0, kept]);
  }
});

Deno.test("refused messages: text that is not UTF-8 closes a plain client with 1007, and nothing of it is kept", async () => {
  await using daemon = await start();
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/utf8`);
  await websocket.sendRaw(bytes([0x22, 0xc3, 0x28, 0x22]));
  assertEquals((await websocket.readClose()).code, 1007);
  const { ledger } = await untilSource(daemon, "utf8", () => true);
  assertEquals([ledger.received.records, ledger.refusals], [0, { invalid_record: 1 }]);
});

Deno.test("a full buffer: `reject`, and `block` after its timeout, close 1013 or nack `overloaded`, all or nothing", async () => {
  await using daemon = await start();
  for (const policy of ["reject", "block"]) {
    using plain = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/${policy}-plain`);
    await plain.send(text(0, 9));
    await untilSource(daemon, `${policy}-plain`, ({ buffer }) => buffer.records === 9);
    await plain.send(text(9, 11)); // one of them would have room
    assertEquals((await plain.readClose()).code, 1013);

    using v1 = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/${policy}-v1`, V1);
    assertEquals((await v1.readJson()).type, "hello");
    await v1.send(text(0, 9));
    assertEquals((await v1.readJson()).accepted, 9);
    await v1.send(text(9, 11));
    const { message, ...nack } = await v1.readJson();
    assertEquals(nack, { type: "nack", seq: 2, code: "overloaded", retryAfterMs: 1000 }, message);
    assertEquals((await v1.readJson()).accepted, 0);
    await v1.send(text(9, 10));
    assertEquals((await v1.readJson()).accepted, 1);

    for (const [client, records] of [["plain", 9], ["v1", 10]] as const) {
      const { buffer, ledger } = await untilSource(daemon, `${policy}-${client}`, () => true);
      assertBalanced(ledger, client);
      assertEquals([buffer.records, ledger.received.records], [records, records + 2]);
      assertEquals(ledger.rejectedBy, { overloaded: { records: 2, bytes: 200 } });
    }
  }
});

Deno.test("a full buffer: drop_newest and drop_oldest tell exactly what they dropped in the ack", async () => {
  await using daemon = await start();
  for (const [source, accepted, dropped, evicted] of [["newest", 2, 3, 0], ["oldest", 5, 0, 3]] as const) {
    using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/${source}`, V1);
    assertEquals((await websocket.readJson()).type, "hello");
    await websocket.send(text(0, 8));
    assertEquals((await websocket.readJson()).accepted, 8);
    await websocket.send(text(8, 13));
    const ack = await websocket.readJson();
    assertEquals(ack, { type: "ack", seq: 2, accepted, dropped, evicted, credit: 5 });
    const { buffer, ledger } = await untilSource(daemon, source, () => true);
    assertEquals([buffer.records, ledger.received.records, ledger.dropped.records], [10, 13, 3]);
  }
});

Deno.test("credit: as many messages as it allows may be unacknowledged, and one more closes 1008", async () => {
  await using daemon = await start();
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/written`, V1);
  assertEquals((await websocket.readJson()).credit, 5);
  for (let n = 0; n < 5; n++) await websocket.send(text(n, n + 1));
  await untilSource(daemon, "written", ({ ledger }) => ledger.received.records === 5);
  await websocket.send("", { opcode: OPCODE.PING });
  assertEquals((await websocket.readFrame())?.opcode, OPCODE.PONG); // it is still open, and nothing is acknowledged
  await websocket.send(text(5, 6));
  assertEquals((await websocket.readClose()).code, 1008);
  const { buffer, ledger } = await untilSource(daemon, "written", () => true);
  assertEquals([buffer.records, ledger.received.records], [5, 5]);
});
