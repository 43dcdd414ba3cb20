// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { waitFor } from "../wait_for.ts";
import { Chain, stopAndBalance } from "./chain.ts";
import { assertNumbers, numbered, numbersIn, post, untilSource } from "./numbered_records.ts";
import { frameChunk, RawHttp, writeUntilBlocked } from "./raw_http.ts";

const MIB = 2 ** 20;
const CHUNKED = { "Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked" };
const RECORDS_PER_CHUNK = 64;
const RECORD_BYTES = 1024;

/** Holds 1 MiB, and waits for longer than any test takes. */
const BLOCK = { policy: "block", blockTimeout: "2m", buffer: { records: 10_000, bytes: "1MiB" } };
/** So that nobody gives up a request that waits on the other side. */
const PATIENT = { timeout: "5m" };

function chunk(index: number): Uint8Array {
  const from = index * RECORDS_PER_CHUNK;
  return frameChunk(numbered(from, from + RECORDS_PER_CHUNK, RECORD_BYTES));
}

Deno.test("chain: a sink that stalls behind two daemons blocks the agent, and every record arrives once and in order", async () => {
  await using chain = await Chain.start({
    edge: { s: BLOCK },
    core: { s: BLOCK },
    sink: PATIENT,
    stalled: true,
  });
  const { edge, core } = chain;
  using http = await RawHttp.connect(edge.url);
  await http.sendHead("POST", "/v1/ingest/s", CHUNKED);
  const written = await writeUntilBlocked(http.conn, chunk, { maxBytes: 64 * MIB });
  assert(written.blocked);
  // What the kernel takes, as of one daemon alone (see slow_agent_test.ts), and the two buffers.
  assertLessOrEqual(written.bytes, 8 * MIB + MIB + 2 * MIB);

  const [near, far] = await Promise.all([
    untilSource(
      edge,
      "s",
      ({ producersBlocked, buffer }) => producersBlocked === 1 && buffer.inFlight.records > 0,
    ),
    untilSource(core, "s", ({ producersBlocked }) => producersBlocked === 1),
  ]);
  // Full to the last record: whoever waits on either side has more than there is room for.
  for (const { buffer } of [near, far]) {
    assertLessOrEqual(buffer.bytes, MIB);
    assertGreater(buffer.bytes, MIB / 2);
  }
  // What the one has got rid of is what the other one has; what is between them is still the first one's.
  assertEquals(near.ledger.delivered, far.ledger.received);
  assertEquals(near.ledger.delivered.bytes, far.buffer.bytes);
  assertEquals(far.ledger.delivered, { records: 0, bytes: 0 });
  assertEquals(near.ledger.received.records, near.ledger.delivered.records + near.buffer.records);
  assertEquals([near.ledger.dropped.records, far.ledger.dropped.records], [0, 0]);
  const figures = await edge.metrics();
  assert(figures.includes('penstock_sink_upstream_lost_records_total{sink="upstream",reason="dropped"} 0\n'));
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `the agent's write blocked after ${written.bytes} bytes: ${near.buffer.bytes} held by the first daemon, ` +
        `${far.buffer.bytes} by the second, the rest by requests and the kernel\n`,
    ),
  );

  const output = core.resumeStdout();
  await written.pending;
  await http.endChunks();
  const sent = (written.chunks + 1) * RECORDS_PER_CHUNK;
  const answer = await http.readResponse();
  assertEquals([answer.status, answer.json()], [202, { accepted: sent, dropped: 0, evicted: 0 }]);
  const edgeBooks = await stopAndBalance(edge, "s");
  const coreBooks = await stopAndBalance(core, "s");
  assertEquals(edgeBooks.delivered, { records: sent, bytes: sent * RECORD_BYTES });
  assertEquals(coreBooks.received, edgeBooks.delivered);
  assertEquals(coreBooks.delivered, edgeBooks.delivered);
  assertNumbers(numbersIn(await output, "s"), [0, sent]);
});

Deno.test("chain: a 503 of the other side is retried, and nothing is lost or doubled", async () => {
  const reject = { policy: "reject", buffer: { records: 500, bytes: "1MiB" } };
  await using chain = await Chain.start({
    edge: { s: { ...BLOCK, batch: { records: 400 } } },
    core: { s: reject },
    stalled: true,
  });
  const { edge, core } = chain;
  for (let from = 0; from < 2000; from += 100) {
    assertEquals((await post(edge, "s", numbered(from, from + 100))).status, 202);
  }
  const refused = async () => (await edge.statusJson()).sinks.upstream;
  await waitFor(async () => (await refused()).errors >= 6, { what: "six answers 503" });
  const { lastError, breaker } = await refused();
  assertEquals(breaker, { state: "closed", opened: 0 }); // other sources may have room there
  assertEquals(lastError.kind, "http_503");
  assertEquals(
    lastError.message,
    `Cannot send to ${core.url}/v1/ingest/s: answered 503: buffer of source 's' was full, try again`,
  );
  const { ledger } = await untilSource(core, "s", () => true);
  assertEquals(ledger.received.records, ledger.rejected.records + ledger.buffered.records);
  const output = core.resumeStdout();
  await untilSource(edge, "s", ({ buffer }) => buffer.records === 0);
  const edgeBooks = await stopAndBalance(edge, "s");
  const coreBooks = await stopAndBalance(core, "s");
  assertEquals([edgeBooks.delivered.records, coreBooks.delivered.records], [2000, 2000]);
  assertNumbers(numbersIn(await output, "s"), [0, 2000]);
});

Deno.test("chain: what the other side drops is counted on both sides", async () => {
  const newest = { policy: "drop_newest", buffer: { records: 100, bytes: "1MiB" } };
  await using chain = await Chain.start({ edge: { s: BLOCK }, core: { s: newest }, stalled: true });
  const { edge, core } = chain;
  assertEquals((await post(edge, "s", numbered(0, 350))).status, 202);
  const { ledger } = await untilSource(edge, "s", ({ buffer }) => buffer.records === 0);
  assertEquals([ledger.delivered.records, ledger.dropped.records], [350, 0]);
  const far = await untilSource(core, "s", ({ buffer }) => buffer.records === 100);
  assertEquals(far.ledger.droppedBy, { buffer_full: { records: 250, bytes: 25_000 } });
  const metrics = await edge.metrics();
  assert(
    metrics.includes('penstock_sink_upstream_lost_records_total{sink="upstream",reason="dropped"} 250\n'),
    metrics,
  );
  const told = await edge.waitForLog(({ message }) => message === "upstream loses records");
  // Once, at the first of the requests that it took.
  assertEquals([told["sink"], told["source"], told["evicted"], told["rejected"]], ["upstream", "s", 0, 0]);
  assertGreater(Number(told["dropped"]), 0);
  assertEquals(edge.logEntries().filter(({ message }) => message === "upstream loses records").length, 1);
  const output = core.resumeStdout();
  await stopAndBalance(edge, "s");
  await stopAndBalance(core, "s");
  assertNumbers(numbersIn(await output, "s"), [0, 100]);
});

Deno.test("chain: what is too large for the other side is halved, and the one record that is too large itself is booked alone", async () => {
  await using chain = await Chain.start({
    edge: { s: { ...BLOCK, ack: "written", batch: { linger: "1s" } } },
    core: { s: BLOCK },
    limits: { body: "32KiB", record: "1KiB" },
  });
  const { edge, core } = chain;
  const large = numbered(700, 701, 2000);
  const [before, alone, behind] = await Promise.all([
    post(edge, "s", numbered(0, 700)),
    post(edge, "s", large),
    post(edge, "s", numbered(701, 1500)),
  ]);
  // Who sent the one record is told so, and nobody else.
  assertEquals([before.status, alone.status, behind.status], [200, 503, 200]);
  assertEquals(alone.body.error.code, "not_written");
  const { ledger } = await untilSource(edge, "s", ({ buffer }) => buffer.records === 0);
  assertEquals(ledger.delivered, { records: 1499, bytes: 149_900 });
  assertEquals(ledger.droppedBy, { sink_failed: { records: 1, bytes: 2000 } });
  const told = await edge.waitForLog(({ message }) => message === "batches are given up and lost");
  assert(String(told["error"]).includes("answered 413"), JSON.stringify(told));
  assertEquals((await edge.stop()).code, 1); // one record was not delivered
  const books = await stopAndBalance(core, "s");
  assertEquals(books.delivered, ledger.delivered);
  const numbers = numbersIn(await core.recordsOf("s"));
  assertEquals(numbers.length, 1499);
  // Of three requests at once nobody knows which one came first; each is in order.
  assertNumbers(numbers.filter((n) => n < 700), [0, 700]);
  assertNumbers(numbers.filter((n) => n > 700), [701, 1500]);
});
