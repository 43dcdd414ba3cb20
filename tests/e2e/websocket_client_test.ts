// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { connectToPenstock } from "../../docs/examples/websocket_browser.js";
import { PenstockClient } from "../../docs/examples/websocket_client.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { freePort } from "./free_port.ts";
import { assertNumbers, numbersIn } from "./numbered_records.ts";
import { recordConnections } from "./recorded_websocket.ts";
import { waitFor } from "../wait_for.ts";

const RECORDS = 250;

/** A source that refuses what does not fit in a small buffer, and that is slow to empty it. */
const startTight = () =>
  DaemonProcess.start({
    config: {
      limits: { record: 1000 },
      // As many messages may be on their way as the buffer has room for, and room there is only at a flush.
      sources: {
        app: { policy: "reject", buffer: { records: 60 }, batch: { records: 60, linger: "300ms" } },
      },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });

/** What is sent beside the numbers, and never kept. */
const BAD = { notJson: "nil", tooLarge: JSON.stringify("x".repeat(1000)) };

/** How many messages of a kind were received over all connections. */
function countNacks(connections: ReturnType<typeof recordConnections>["connections"], code: string): number {
  return connections.flatMap(({ received }) => received).filter((message) => message.code === code).length;
}

async function assertOnDiskOnce(daemon: DaemonProcess): Promise<void> {
  let numbers: number[] = [];
  await waitFor(async () => {
    numbers = numbersIn(await daemon.recordsOf("app"));
    return numbers.length >= RECORDS;
  }, { what: "the records on disk" });
  assertNumbers(numbers.sort((a, b) => a - b), [0, RECORDS]);
}

Deno.test("PenstockClient sends again what was refused for want of room, and tells of what was refused for what it is", async () => {
  await using daemon = await startTight();
  using recorded = recordConnections();
  const refused: unknown[][] = [];
  const client = new PenstockClient(`${daemon.websocketUrl}/v1/ingest/app`, {
    queue: 100,
    onRefused: (data, code) => refused.push([data, code]),
  });
  let mostPending = 0;
  for (let n = 0; n < RECORDS; n++) {
    if (n === 10) await client.send(BAD.notJson);
    if (n === 20) await client.send(BAD.tooLarge);
    await client.send(`{"n":${n}}`);
    mostPending = Math.max(mostPending, client.pending);
  }
  await client.close();
  assertEquals([mostPending, client.pending], [100, 0]); // the caller had to wait
  assertEquals(refused, [[BAD.notJson, "invalid_record"], [BAD.tooLarge, "too_large"]]);
  await assertOnDiskOnce(daemon);
  // One connection only: it stayed within its credit. Each refused message was sent again once for each refusal.
  assertEquals(recorded.connections.length, 1);
  const overloaded = countNacks(recorded.connections, "overloaded");
  assertLessOrEqual(1, overloaded);
  assertEquals(recorded.connections[0]!.sent.length, RECORDS + 2 + overloaded);
  await assertRejects(() => client.send("{}"));
});

Deno.test("connectToPenstock() sends again what was refused for want of room, and tells of what was refused for what it is", async () => {
  await using daemon = await startTight();
  using recorded = recordConnections();
  const refused: unknown[][] = [];
  const penstock = connectToPenstock(`${daemon.websocketUrl}/v1/ingest/app`, {
    queue: 100,
    onRefused: (...args: unknown[]) => refused.push(args.slice(0, 2)),
  });
  const messages = Array.from({ length: RECORDS }, (_, n) => `{"n":${n}}`);
  messages.splice(10, 0, BAD.notJson, BAD.tooLarge);
  let taken = 0;
  while (penstock.send(messages[taken])) taken++;
  assertEquals(taken, 100);
  await waitFor(() => {
    while (taken < messages.length && penstock.send(messages[taken])) taken++;
    return penstock.pending() === 0;
  }, { what: "every acknowledgement", interval: 5 });
  penstock.close();
  assertEquals(refused, [[BAD.notJson, "invalid_record"], [BAD.tooLarge, "too_large"]]);
  await assertOnDiskOnce(daemon);
  assertEquals(recorded.connections.length, 1);
  const overloaded = countNacks(recorded.connections, "overloaded");
  assertLessOrEqual(1, overloaded);
  assertEquals(recorded.connections[0]!.sent.length, messages.length + overloaded);
  await waitFor(() => recorded.connections[0]!.closeCode !== undefined, { what: "the end" });
});

Deno.test("connectToPenstock() connects again after a kill, and sends again what was not acknowledged", async () => {
  const websocket = `127.0.0.1:${freePort()}`;
  const start = (linger: string) =>
    DaemonProcess.start({
      config: {
        listen: { websocket },
        sources: { app: { ack: "written", batch: { records: 200, linger } } },
        sinks: { disk: { type: "file", directory: "./data" } },
      },
    });
  using recorded = recordConnections();
  await using first = await start("60s"); // it writes, and acknowledges, 200 at once and nothing less
  const penstock = connectToPenstock(`ws://${websocket}/v1/ingest/app`);
  for (let n = 0; n < 200; n++) penstock.send(`{"n":${n}}`);
  await waitFor(() => recorded.connections[0]?.acked === 200, { what: "the first acknowledgement" });
  for (let n = 200; n < RECORDS; n++) penstock.send(`{"n":${n}}`);
  assertEquals(recorded.connections[0]!.sent.length, RECORDS);
  first.kill("SIGKILL");
  await first.status;
  assertEquals(penstock.pending(), 50);
  assertNumbers(numbersIn(await first.recordsOf("app")), [0, 200]);

  await using second = await start("10ms");
  await waitFor(() => penstock.pending() === 0, { what: "the other acknowledgements" });
  assertNumbers(numbersIn(await second.recordsOf("app")), [200, 250]);
  assertEquals(recorded.connections.map(({ acked }) => acked), [200, 50]);
  penstock.close();
  await waitFor(() => recorded.connections[1]!.closeCode !== undefined, { what: "the end" });
});

Deno.test("PenstockClient.close() gives up at its deadline, and says how many messages are left", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { app: { ack: "written", batch: { linger: "60s" } } },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  using recorded = recordConnections();
  const client = new PenstockClient(`${daemon.websocketUrl}/v1/ingest/app`, { queue: 3 });
  for (let n = 0; n < 3; n++) await client.send("{}");
  const fourth = assertRejects(() => client.send("{}"));
  await waitFor(() => recorded.connections[0]?.sent.length === 3, { what: "the messages" });
  await assertRejects(() => client.close(200), Error, "4 messages were not acknowledged within 200 ms");
  await fourth; // it never got into the queue
});

Deno.test("PenstockClient gives up when the collector closes for what would end every connection", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      limits: { body: 1000, record: 1000 },
      sources: { app: {} },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  using recorded = recordConnections();
  const client = new PenstockClient(`${daemon.websocketUrl}/v1/ingest/app`, { queue: 1 });
  await client.send(BAD.tooLarge); // larger than any message may be
  await assertRejects(() => client.send("{}"), Error, "The collector closed the connection: 1009");
  await assertRejects(() => client.close(), Error, "The collector closed the connection: 1009");
  assertEquals(recorded.connections.map(({ closeCode }) => closeCode), [1009]);
});
