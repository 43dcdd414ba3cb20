// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import {
  assertBalanced,
  assertNumbers,
  numbered,
  numbersIn,
  PLUG,
  plugStdout,
  post,
  untilSource,
} from "./numbered_records.ts";

const CAPACITY = 1000;
const BYTES = 100;

/** A daemon whose standard output is stalled, with a source `s` of which a first batch of 100 records is in flight. */
async function startStalled(
  source: Record<string, unknown>,
): Promise<{ daemon: DaemonProcess; flying: number }> {
  const buffer = { records: CAPACITY, bytes: "1MiB" };
  const daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      sources: { plug: PLUG, s: { buffer, batch: { records: 100, linger: "1ms" }, ...source } },
      sinks: { out: { type: "stdout" } },
    },
  });
  try {
    await plugStdout(daemon);
    assertEquals((await post(daemon, "s", numbered(0, 100, BYTES))).body.accepted, 100);
    const { buffer } = await untilSource(daemon, "s", ({ buffer }) => buffer.inFlight.records > 0);
    assertEquals(buffer.records, 100);
    return { daemon, flying: buffer.inFlight.records };
  } catch (error) {
    await daemon[Symbol.asyncDispose]();
    throw error;
  }
}

/** Reads the pipe again, waits until everything is out, and ends the daemon. */
async function finish(daemon: DaemonProcess): Promise<{ numbers: number[]; ledger: Record<string, number> }> {
  const output = daemon.resumeStdout();
  await untilSource(daemon, "s", ({ buffer, producersBlocked }) => buffer.records + producersBlocked === 0);
  const { code, ledger } = await daemon.stop();
  assertEquals(code, 0);
  assertEquals(ledger?.["undelivered"], 0);
  // deno-lint-ignore no-explicit-any -- as the daemon logs it
  const books = (ledger!["sources"] as any).s;
  assertBalanced(books, "s");
  const records = Object.entries(books).map((
    [key, amount],
  ) => [key, (amount as { records: number }).records]);
  return { numbers: numbersIn(await output, "s"), ledger: Object.fromEntries(records) };
}

Deno.test("stalled stdout: drop_newest keeps the first records and counts the rest", async () => {
  const { daemon } = await startStalled({ policy: "drop_newest" });
  await using _ = daemon;
  let held = 100;
  let sent = 100;
  for (let i = 0; i < 30; i++, sent += 97) {
    const { status, body } = await post(daemon, "s", numbered(sent, sent + 97, BYTES));
    const accepted = Math.min(97, CAPACITY - held);
    assertEquals(status, 202);
    assertEquals(body, { accepted, dropped: 97 - accepted, evicted: 0 });
    held += accepted;
  }
  const { ledger } = await untilSource(daemon, "s", ({ buffer }) => buffer.records === CAPACITY);
  assertEquals(ledger.droppedBy, { buffer_full: { records: 2010, bytes: 201_000 } });
  const finished = await finish(daemon);
  assertNumbers(finished.numbers, [0, CAPACITY]);
  assertEquals(finished.ledger, {
    received: 3010,
    rejected: 0,
    dropped: 2010,
    delivered: CAPACITY,
    buffered: 0,
  });
});

Deno.test("stalled stdout: drop_newest goes by bytes where they are the tighter limit", async () => {
  const buffer = { records: 100_000, bytes: 70_000 };
  const { daemon } = await startStalled({ policy: "drop_newest", buffer });
  await using _ = daemon;
  const { body } = await post(daemon, "s", numbered(100, 800, BYTES - 1));
  // 60 000 bytes are left for records of 99 bytes.
  assertEquals(body, { accepted: 606, dropped: 94, evicted: 0 });
  // 6 bytes are left, and the smallest records have 2.
  assertEquals((await post(daemon, "s", "1\n2\n3\n4\n5\n")).body, { accepted: 3, dropped: 2, evicted: 0 });
  const { ledger } = await untilSource(daemon, "s", ({ buffer }) => buffer.bytes === 70_000);
  assertEquals(ledger.buffered, { records: 709, bytes: 70_000 });
  const output = daemon.resumeStdout();
  assertEquals((await daemon.stop()).code, 0);
  const lines = (await output).split("\n").filter((line) => line.startsWith('{"source":"s"'));
  assertEquals(lines.length, 709);
  assertNumbers(numbersIn(lines.slice(0, 706).join("\n"), "s"), [0, 706]);
  assertEquals(lines.slice(706).map((line) => JSON.parse(line).record), [1, 2, 3]);
});

Deno.test("stalled stdout: drop_oldest keeps the last records beside those in flight", async () => {
  const { daemon, flying } = await startStalled({ policy: "drop_oldest" });
  await using _ = daemon;
  assertLess(flying, CAPACITY);
  let held = 100;
  let sent = 100;
  let evictions = 0;
  for (let i = 0; i < 30; i++, sent += 97) {
    const { status, body } = await post(daemon, "s", numbered(sent, sent + 97, BYTES));
    const evicted = Math.max(0, held + 97 - CAPACITY);
    assertEquals(status, 202);
    assertEquals(body, { accepted: 97, dropped: 0, evicted });
    held += 97 - evicted;
    evictions += evicted;
  }
  assertEquals(evictions, 2010);
  // A batch as large as the buffer takes every place but those in flight: its own oldest records have none.
  assertEquals((await post(daemon, "s", numbered(sent, sent + CAPACITY, BYTES))).body, {
    accepted: CAPACITY - flying,
    dropped: flying,
    evicted: CAPACITY - flying,
  });
  const { buffer } = await untilSource(daemon, "s", ({ buffer }) => buffer.records === CAPACITY);
  assertEquals(buffer.inFlight.records, flying);
  const { numbers, ledger } = await finish(daemon);
  assertNumbers(numbers, [0, flying], [sent + flying, sent + CAPACITY]);
  assertEquals(ledger, {
    received: sent + CAPACITY,
    rejected: 0,
    dropped: sent,
    delivered: CAPACITY,
    buffered: 0,
  });
});

Deno.test("stalled stdout: reject refuses whole requests with 503 and Retry-After", async () => {
  const { daemon } = await startStalled({ policy: "reject" });
  await using _ = daemon;
  assertEquals((await post(daemon, "s", numbered(100, 950, BYTES))).status, 202);
  for (let i = 0; i < 20; i++) {
    const { status, headers, body } = await post(daemon, "s", numbered(5000, 5051, BYTES));
    assertEquals(status, 503);
    assertEquals(headers.get("retry-after"), "1");
    assertEquals(body.error.code, "overloaded");
  }
  // 51 records had no room, 50 do; then not even one has.
  assertEquals((await post(daemon, "s", numbered(950, 1000, BYTES))).body.accepted, 50);
  assertEquals((await post(daemon, "s", numbered(5000, 5001, BYTES))).status, 503);
  const tooLarge = await post(daemon, "s", numbered(5000, 5000 + CAPACITY + 1, BYTES));
  assertEquals([tooLarge.status, tooLarge.body.error.code], [413, "too_large"]);
  const { ledger } = await untilSource(daemon, "s", ({ buffer }) => buffer.records === CAPACITY);
  assertEquals(ledger.rejectedBy.overloaded.records, 20 * 51 + 1);
  // With more records than the buffer holds it is refused at the first one too many, and not counted to its end.
  assertEquals(ledger.refusals.too_large, 1);
  const { numbers, ledger: books } = await finish(daemon);
  assertNumbers(numbers, [0, CAPACITY]);
  assertEquals(books, {
    received: CAPACITY + 20 * 51 + 1,
    rejected: 20 * 51 + 1,
    dropped: 0,
    delivered: CAPACITY,
    buffered: 0,
  });
});

Deno.test("stalled stdout: block holds the agent until there is room, and every record comes out", async () => {
  const { daemon } = await startStalled({ policy: "block", blockTimeout: "60s" });
  await using _ = daemon;
  assertEquals((await post(daemon, "s", numbered(100, CAPACITY, BYTES))).status, 202);
  let answered = 0;
  const held: Promise<{ status: number }>[] = [];
  for (let i = 0; i < 5; i++) {
    const from = CAPACITY + i * 200;
    const answer = post(daemon, "s", numbered(from, from + 200, BYTES));
    held.push(answer.finally(() => answered++));
    await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === i + 1);
  }
  const { buffer } = await untilSource(daemon, "s", () => true);
  assertEquals([answered, buffer.records], [0, CAPACITY]);
  const { numbers, ledger } = await finish(daemon);
  assertEquals((await Promise.all(held)).map(({ status }) => status), [202, 202, 202, 202, 202]);
  assertNumbers(numbers, [0, CAPACITY + 1000]);
  assertEquals(ledger, { received: 2000, rejected: 0, dropped: 0, delivered: 2000, buffered: 0 });
});

Deno.test("stalled stdout: block answers 503 after its timeout and keeps nothing", async () => {
  const { daemon } = await startStalled({ policy: "block", blockTimeout: "1s" });
  await using _ = daemon;
  assertEquals((await post(daemon, "s", numbered(100, 999, BYTES))).status, 202);
  const start = performance.now();
  const [two, one] = await Promise.all([
    post(daemon, "s", numbered(7000, 7002, BYTES)),
    untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 1)
      .then(() => post(daemon, "s", numbered(999, 1000, BYTES))),
  ]);
  assertGreaterOrEqual(performance.now() - start, 995);
  assertEquals([two.status, two.body.error.code], [503, "overloaded"]);
  assertEquals(two.headers.get("retry-after"), "1");
  // It would have fitted, but waited behind the one that did not: first come first served.
  assertEquals(one.status, 202);
  const metrics = await daemon.metrics();
  const blocked = /^penstock_block_duration_seconds_sum\{source="s"\} (\S+)$/m.exec(metrics);
  assert(blocked !== null, metrics);
  assertGreater(Number(blocked[1]), 0.99);
  const { numbers, ledger } = await finish(daemon);
  assertNumbers(numbers, [0, CAPACITY]);
  assertEquals(ledger, { received: 1002, rejected: 2, dropped: 0, delivered: 1000, buffered: 0 });
});
