// @ts-types="../types/deno_std_assert.d.ts"
import {
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLess,
  assertLessOrEqual,
  assertMatch,
} from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { MessageFlood } from "./message_flood.ts";
import {
  assertBalanced,
  assertNumbers,
  numbered,
  numbersIn,
  PLUG,
  plugStdout,
  untilSource,
} from "./numbered_records.ts";
import { RawWebSocket } from "./raw_websocket.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;

/** The buffer of the source: no more than this is admitted while its sink is stalled. */
const BUFFER = 1 * MIB;

/** What the kernel's buffers of one connection may take, the receiver's and the sender's together. It is 4 to 7 MiB. */
const KERNEL = 10 * MIB;

/** How much resident memory may grow while every client is blocked. */
const GROWTH = 4 * MIB;

/** Beyond all that is waited here. */
const BLOCK_TIMEOUT = "600s";

function startStalled(config: Record<string, unknown> = {}): Promise<DaemonProcess> {
  return DaemonProcess.start({
    stdout: "stalled",
    coverage: false,
    config: {
      sources: {
        plug: PLUG,
        s: { policy: "block", blockTimeout: BLOCK_TIMEOUT, buffer: { records: 100_000, bytes: BUFFER } },
      },
      sinks: { out: { type: "stdout" } },
      ...config,
    },
  });
}

/** Watches blocked clients for a while: that not one byte is taken from any of them, and what the daemon's memory does. */
async function watchBlocked(
  daemon: DaemonProcess,
  floods: readonly MessageFlood[],
  seconds: number,
): Promise<void> {
  const written = floods.map(({ bytes }) => bytes);
  const books = (await daemon.statusJson()).sources.s;
  const first = daemon.rss();
  let most = first;
  let samples = 0;
  const end = performance.now() + seconds * 1000;
  // What is measured is memory over time, so time has to pass.
  await waitFor(() => {
    most = Math.max(most, daemon.rss());
    samples++;
    // A write resolves as soon as the system has taken one byte.
    assertEquals(floods.map(({ bytes }) => bytes), written);
    return performance.now() >= end;
  }, { what: "time to pass", timeout: seconds * 1000 + 60_000, interval: 50 });
  assertEquals((await daemon.statusJson()).sources.s, books);
  assertLessOrEqual(most - first, GROWTH);
  const mib = (bytes: number) => (bytes / MIB).toFixed(2);
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `${floods.length} clients blocked after ${written.map(mib).join(", ")} MiB; memory grew by ` +
        `${mib(most - first)} MiB in ${seconds} s (${samples} samples, ${mib(first)} MiB at first)\n`,
    ),
  );
}

/** Lets the sink go on, and asserts that every message of every client arrives, in order, and none twice. */
async function assertAllArrive(
  daemon: DaemonProcess,
  floods: readonly MessageFlood[],
  starts: readonly number[],
): Promise<void> {
  const stopped = Promise.all(floods.map((flood) => flood.stop()));
  const output = daemon.resumeStdout();
  await stopped;
  const sent = floods.reduce((sum, { messages }) => sum + messages, 0);
  const { ledger } = await untilSource(
    daemon,
    "s",
    ({ ledger, buffer }) => ledger.received.records === sent && buffer.records === 0,
    60_000,
  );
  assertEquals(ledger.delivered, { records: sent, bytes: sent * 200 });
  assertEquals([ledger.rejected.records, ledger.dropped.records, ledger.refusals], [0, 0, {}]);
  for (const flood of floods) if (flood.credit < Infinity) await flood.untilAcknowledged();
  for (const flood of floods) flood[Symbol.dispose]();
  // Nothing is kept for clients that are gone.
  await waitFor(async () => (await daemon.statusJson()).memory.used === 0, {
    what: "all memory to be given back",
  });
  const { code, ledger: last } = await daemon.stop();
  assertEquals([code, last?.["undelivered"]], [0, 0]);
  // deno-lint-ignore no-explicit-any -- as the daemon logs it
  assertBalanced((last!["sources"] as any).s, "s");
  const numbers = numbersIn(await output, "s");
  assertEquals(numbers.length, sent);
  for (const [i, { messages }] of floods.entries()) {
    const from = starts[i]!;
    assertNumbers(numbers.filter((n) => n >= from && n < from + messages), [from, from + messages]);
  }
}

Deno.test("WebSocket, block: a raw client that writes 200-byte messages is blocked within a few MiB, memory is flat for 30 s, and every message arrives once, in order", async () => {
  await using daemon = await startStalled();
  await plugStdout(daemon);
  using flood = await MessageFlood.start(`${daemon.websocketUrl}/v1/ingest/s`);
  await flood.untilBlocked();
  assertLess(flood.bytes, KERNEL + BUFFER);
  const { buffer, producersBlocked } = await untilSource(daemon, "s", () => true);
  assertEquals(producersBlocked, 1);
  assertLessOrEqual(buffer.bytes, BUFFER);
  assertGreater(buffer.bytes, BUFFER - 200); // as many as fit
  await watchBlocked(daemon, [flood], 30);
  await assertAllArrive(daemon, [flood], [0]);
});

Deno.test("WebSocket, block: eight clients of one source are all blocked, and every message of each arrives once, in order", async () => {
  await using daemon = await startStalled();
  await plugStdout(daemon);
  await using stack = new AsyncDisposableStack();
  const starts = Array.from({ length: 8 }, (_, i) => i * 10_000_000);
  const floods: MessageFlood[] = [];
  for (const from of starts) {
    floods.push(stack.use(await MessageFlood.start(`${daemon.websocketUrl}/v1/ingest/s`, { from })));
  }
  await Promise.all(floods.map((flood) => flood.untilBlocked()));
  for (const flood of floods) assertLess(flood.bytes, KERNEL + BUFFER);
  const { buffer } = await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 8);
  assertLessOrEqual(buffer.bytes, BUFFER);
  await watchBlocked(daemon, floods, 10);
  await assertAllArrive(daemon, floods, starts);
});

Deno.test("WebSocket, block: a penstock.v1 client with credit to spare is blocked by TCP, and all of it is acknowledged", async () => {
  await using daemon = await startStalled({ websocket: { credit: 100_000 } });
  await plugStdout(daemon);
  using flood = await MessageFlood.start(`${daemon.websocketUrl}/v1/ingest/s`, { acknowledged: true });
  await flood.untilBlocked();
  assertEquals(flood.credit, 100_000);
  assertLess(flood.messages - flood.acknowledged, flood.credit);
  const { ledger, producersBlocked } = await untilSource(daemon, "s", () => true);
  assertEquals(producersBlocked, 1);
  // Everything in the buffer is acknowledged, at level `buffered`, and nothing else is.
  assertEquals([flood.acknowledged, flood.accepted], [ledger.received.records, ledger.received.records]);
  await watchBlocked(daemon, [flood], 10);
  await assertAllArrive(daemon, [flood], [0]);
  assertEquals([flood.acknowledged, flood.accepted], [flood.messages, flood.messages]);
});

Deno.test("WebSocket, block: a penstock.v1 client without credit to spare stops at exactly its credit, and goes on with the acks", async () => {
  await using daemon = await startStalled({ websocket: { credit: 1000 } });
  await plugStdout(daemon);
  using flood = await MessageFlood.start(`${daemon.websocketUrl}/v1/ingest/s`, { acknowledged: true });
  await flood.untilBlocked();
  assertEquals(flood.messages - flood.acknowledged, 1000);
  await watchBlocked(daemon, [flood], 5);
  await assertAllArrive(daemon, [flood], [0]);
  assertEquals([flood.acknowledged, flood.accepted], [flood.messages, flood.messages]);
});

/** Sends numbered messages as a `penstock.v1` client that stays within its credit, and waits for all acknowledgements. */
async function sendAcknowledged(url: string, from: number, to: number): Promise<void> {
  using websocket = await RawWebSocket.connect(url, { protocol: "penstock.v1" });
  assertGreaterOrEqual((await websocket.readJson()).credit, to - from);
  for (let n = from; n < to; n++) await websocket.send(`{"n":${n}}`);
  let accepted = 0;
  for (let seq = 0; seq < to - from;) {
    const reply = await websocket.readJson(60_000);
    assertEquals([reply.type, reply.dropped, reply.evicted], ["ack", 0, 0]);
    seq = reply.seq;
    accepted += reply.accepted;
  }
  assertEquals(accepted, to - from);
}

/** Posts 2000 numbered records in 200 requests. */
async function postRepeatedly(url: string, from: number): Promise<void> {
  for (let n = from; n < from + 2000; n += 10) {
    const response = await fetch(`${url}/v1/ingest/live-http`, { method: "POST", body: numbered(n, n + 10) });
    assertEquals([response.status, await response.json()], [202, { accepted: 10, dropped: 0, evicted: 0 }]);
  }
}

Deno.test("WebSocket, block: clients that a stalled sink blocks hold up no other source, over WebSocket or HTTP", async () => {
  const block = { policy: "block", blockTimeout: BLOCK_TIMEOUT };
  await using daemon = await startStalled({
    sources: {
      plug: { ...PLUG, sinks: ["out"] },
      s: { ...block, sinks: ["out"], buffer: { records: 100_000, bytes: BUFFER } },
      "live-*": { ...block, sinks: ["disk"] },
    },
    sinks: { out: { type: "stdout" }, disk: { type: "file", directory: "./data" } },
  });
  await plugStdout(daemon);
  await using stack = new AsyncDisposableStack();
  const starts = Array.from({ length: 6 }, (_, i) => i * 10_000_000);
  const floods: MessageFlood[] = [];
  for (const [i, from] of starts.entries()) {
    const url = `${daemon.websocketUrl}/v1/ingest/s`;
    floods.push(stack.use(await MessageFlood.start(url, { from, acknowledged: i % 2 === 1 })));
  }
  await Promise.all(floods.map((flood) => flood.untilBlocked()));
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked > 0);
  const written = floods.map(({ bytes }) => bytes);

  const agents = [0, 1, 2, 3];
  await Promise.all(agents.flatMap((agent) => [
    sendAcknowledged(`${daemon.websocketUrl}/v1/ingest/live-ws`, agent * 2000, (agent + 1) * 2000),
    postRepeatedly(agent < 2 ? daemon.url : daemon.websocketUrl!.replace("ws:", "http:"), agent * 2000),
  ]));
  for (const source of ["live-ws", "live-http"]) {
    const { ledger } = await untilSource(daemon, source, ({ buffer }) => buffer.records === 0);
    assertEquals(ledger.delivered.records, 8000);
    const numbers = numbersIn(await daemon.recordsOf(source));
    assertEquals(numbers.length, 8000);
    for (const agent of agents) {
      const range = [agent * 2000, (agent + 1) * 2000] as const;
      assertNumbers(numbers.filter((n) => n >= range[0] && n < range[1]), range);
    }
    assertMatch(
      await daemon.metrics(),
      new RegExp(`^penstock_block_duration_seconds_count\\{source="${source}"\\} 0$`, "m"),
    );
  }
  assertEquals(floods.map(({ bytes }) => bytes), written);
  await assertAllArrive(daemon, floods, starts);
});
