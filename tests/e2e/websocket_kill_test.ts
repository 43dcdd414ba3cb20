// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { PenstockClient } from "../../docs/examples/websocket_client.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { freePort } from "./free_port.ts";
import { assertNumbers, numbersIn } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";
import { recordConnections, type RecordedConnection } from "./recorded_websocket.ts";
import { waitFor } from "../wait_for.ts";

const RECORDS = 20_000;
const STOPS = 6;

/** How long a whole run may take, in milliseconds. It takes a small part of that. */
const LIMIT = 300_000;

/** What is on disk, in the order of the files. */
interface OnDisk {
  readonly numbers: number[];
  /** How many files end in a part of a line. */
  readonly torn: number;
}

/**
 * Reads whole lines only. A daemon that is killed may leave a part of a line behind at the end of a file, which no
 * acknowledgement was sent for.
 */
function readDisk(directory: string): OnDisk {
  const numbers: number[] = [];
  let torn = 0;
  for (const path of filesUnder(directory)) {
    const text = Deno.readTextFileSync(path);
    const end = text.lastIndexOf("\n") + 1;
    if (end < text.length) torn++;
    for (const n of numbersIn(text.slice(0, end))) numbers.push(n);
  }
  return { numbers, torn };
}

function bytesUnder(directory: string): number {
  return filesUnder(directory).reduce((sum, path) => sum + Deno.statSync(path).size, 0);
}

/** What a run of all daemons, one after the other on the same directory and port, came to. */
interface Run {
  /** For each daemon its exit code, and what was on disk once it had ended. */
  readonly ends: readonly (OnDisk & { readonly code: number })[];
  readonly connections: readonly RecordedConnection[];
}

/**
 * Sends numbered records with the client of docs/examples as it is, while the daemon is stopped and started again several
 * times: whenever one more seventh of the messages has been acknowledged, at once or in the middle of the next write.
 */
async function sendThroughStops(signal: "SIGKILL" | "SIGTERM"): Promise<Run> {
  await using cleanup = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "penstock-kill-" });
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));
  const websocket = `127.0.0.1:${freePort()}`;
  const start = () =>
    DaemonProcess.start({
      config: {
        listen: { websocket },
        sources: {
          app: { policy: "block", blockTimeout: "60s", ack: "synced", batch: { records: 10, linger: "5ms" } },
        },
        sinks: { disk: { type: "file", directory } },
      },
    });

  let daemon = await start();
  cleanup.defer(() => daemon[Symbol.asyncDispose]());
  const ends: (OnDisk & { code: number })[] = [];
  const end = async () => {
    let ended = false;
    daemon.status.then(() => ended = true);
    await waitFor(() => ended, { what: "the daemon to end", timeout: 60_000 });
    const { code } = await daemon.stop(); // of its log too
    ends.push({ code, ...readDisk(directory) });
  };
  const failed = Promise.withResolvers<never>();
  const timer = setTimeout(() => failed.reject(new Error(`Not done within ${LIMIT} ms`)), LIMIT);
  cleanup.defer(() => clearTimeout(timer));

  let stops = 0;
  let restarting: Promise<void> = Promise.resolve();
  let bytesAtAck: number | undefined;
  const stop = () => {
    stops++;
    bytesAtAck = undefined;
    daemon.kill(signal);
    restarting = end().then(() => daemon[Symbol.asyncDispose]()).then(async () => {
      daemon = await start();
    });
    restarting.catch(failed.reject);
  };
  using recorded = recordConnections((acked) => {
    if (stops === STOPS || acked < Math.ceil(RECORDS * (stops + 1) / (STOPS + 1))) return;
    if (stops > ends.length) return; // it has its signal already
    if (stops % 2 === 0) stop(); // just after an acknowledgement
    else bytesAtAck = bytesUnder(directory);
  });
  // Or while it writes what it has not acknowledged. The client's queue is some 12 kB, a flush 120 bytes.
  const watching = setInterval(() => {
    if (bytesAtAck !== undefined && bytesUnder(directory) > bytesAtAck + 3000) stop();
  }, 1);
  cleanup.defer(() => clearInterval(watching));

  const client = new PenstockClient(`ws://${websocket}/v1/ingest/app`, {
    backoff: { initial: 50, max: 200 },
  });
  cleanup.defer(() => client.close(0).catch(() => {})); // it is closed already, unless something failed
  const send = async () => {
    for (let n = 0; n < RECORDS; n++) await client.send(`{"n":${n}}`);
    await client.close(LIMIT);
  };
  await Promise.race([send(), failed.promise]);
  await restarting;
  daemon.kill("SIGTERM");
  await end();
  return { ends, connections: recorded.connections };
}

/** The numbers that were acknowledged over a connection: recorded when the client was told so. */
function ackedNumbers({ sent, acked }: RecordedConnection): number[] {
  return numbersIn(sent.slice(0, acked).join("\n"));
}

/** Asserts what holds however a daemon ends. */
function assertEveryAckIsTrue({ ends, connections }: Run): void {
  // One for each daemon: a refused one, or one that breaks the protocol, would make it more.
  assertEquals([ends.length, connections.length], [STOPS + 1, STOPS + 1]);
  for (const [k, connection] of connections.entries()) {
    const acks = connection.received.filter(({ type }) => type === "ack");
    assertEquals(connection.received.length, acks.length + 1); // the greeting, and not one refusal
    assertEquals(acks.reduce((sum, { accepted }) => sum + accepted, 0), connection.acked);
    assertGreater(connection.acked, 0);
    // What a daemon acknowledged was there before the next one was started, which so cannot have written it.
    const onDisk = new Set(ends[k]!.numbers);
    assertNumbers(ackedNumbers(connection).filter((n) => !onDisk.has(n)));
  }
  const last = connections.at(-1)!;
  assertEquals(last.acked, last.sent.length);
  assertGreater(unackedMessages({ connections }), 0); // there was something to lose
}

/** How many messages were under way when their connections ended. */
function unackedMessages({ connections }: Pick<Run, "connections">): number {
  return connections.reduce((sum, { sent, acked }) => sum + sent.length - acked, 0);
}

Deno.test("penstock.v1, ack: synced: 20 000 records through six kills are all on disk, and every ack was true", async () => {
  const run = await sendThroughStops("SIGKILL");
  assertEquals(run.ends.map(({ code }) => code), [...Array(STOPS).fill(137), 0]);
  assertEveryAckIsTrue(run);
  const { numbers } = run.ends.at(-1)!;
  // At least once, and in the order in which they were sent, if those are left out that are there already.
  assertNumbers([...new Set(numbers)], [0, RECORDS]);
  // Of what was on its way when a daemon was killed, some was on disk already, and nothing else is there twice.
  const duplicates = numbers.length - RECORDS;
  assertGreater(duplicates, 0);
  assertLessOrEqual(duplicates, unackedMessages(run));
});

Deno.test("penstock.v1, ack: synced: 20 000 records through six SIGTERMs are all on disk, each once, and every ack was true", async () => {
  const run = await sendThroughStops("SIGTERM");
  assertEquals(run.ends.map(({ code, torn }) => [code, torn]), Array(STOPS + 1).fill([0, 0]));
  assertEveryAckIsTrue(run);
  let acked = 0;
  for (const [k, connection] of run.connections.entries()) {
    acked += connection.acked;
    // Exactly what was acknowledged so far: a daemon that ends in peace leaves nobody in doubt.
    assertNumbers(run.ends[k]!.numbers, [0, acked]);
    if (k === STOPS) break;
    assertEquals([connection.received.at(-1).credit, connection.closeCode], [0, 1001]);
  }
  assertEquals(acked, RECORDS);
});

/** Sends a few messages at each acknowledgement, and SIGTERM with the last of them. */
async function stopAtAnAck(ack: "written" | "synced") {
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { app: { policy: "block", ack, batch: { records: 10, linger: "5ms" } } },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  const socket = new WebSocket(`${daemon.websocketUrl}/v1/ingest/app`, "penstock.v1");
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  let sent = 0, acked = 0, credit = 0;
  socket.onmessage = ({ data }) => {
    const reply = JSON.parse(data);
    if (acked < 20 && reply.seq >= 20) daemon.kill("SIGTERM");
    acked = reply.seq ?? 0;
    credit = reply.credit;
    for (let i = 0; i < 3 && credit > 0; i++) socket.send(`{"n":${sent++}}`);
  };
  const { code: closeCode } = await closed;
  const { code } = await daemon.stop();
  return { code, closeCode, credit, acked, numbers: numbersIn(await daemon.recordsOf("app")) };
}

Deno.test("penstock.v1: SIGTERM while a write is about to end: what it wrote is acknowledged before the connection is closed", async () => {
  // Which comes first is decided within a millisecond, so it takes some; several at once, as nothing else puts it off.
  for (let round = 0; round < 3; round++) {
    const ends = Array.from({ length: 6 }, (_, i) => stopAtAnAck(i % 2 === 0 ? "written" : "synced"));
    for (const { code, closeCode, credit, acked, numbers } of await Promise.all(ends)) {
      assertEquals([code, closeCode, credit], [0, 1001, 0]);
      assertNumbers(numbers, [0, acked]);
    }
  }
});
