// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
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
import { frameChunk, RawHttp, writeUntilBlocked } from "./raw_http.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;
const CHUNKED = { "Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked" };
const RECORDS_PER_CHUNK = 64;
const RECORD_BYTES = 1024;
const GOES_AWAY = 32;

function chunk(index: number): Uint8Array {
  const from = index * RECORDS_PER_CHUNK;
  return frameChunk(numbered(from, from + RECORDS_PER_CHUNK, RECORD_BYTES));
}

Deno.test("block: the write of an agent that streams blocks, memory stays flat, and nothing is lost", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    coverage: false,
    config: {
      sources: {
        plug: PLUG,
        s: { policy: "block", blockTimeout: "60s", buffer: { records: 10_000, bytes: "1MiB" } },
      },
      sinks: { out: { type: "stdout" } },
    },
  });
  await plugStdout(daemon);
  using http = await RawHttp.connect(daemon.url);
  await http.sendHead("POST", "/v1/ingest/s", CHUNKED);
  const written = await writeUntilBlocked(http.conn, chunk, { maxBytes: 64 * MIB });
  assert(written.blocked);
  assertLessOrEqual(written.bytes, 8 * MIB + MIB);
  // What is measured is memory over time, so time has to pass.
  const first = daemon.rss();
  let most = first;
  let samples = 0;
  const end = performance.now() + 3000;
  await waitFor(() => {
    most = Math.max(most, daemon.rss());
    samples++;
    return performance.now() >= end;
  }, { what: "3 s to pass", interval: 50 });
  assertLessOrEqual(most - first, 8 * MIB);
  const { producersBlocked, buffer } = await untilSource(daemon, "s", () => true);
  assertEquals(producersBlocked, 1);
  assertLessOrEqual(buffer.bytes, MIB);
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `the agent's write blocked after ${written.bytes} bytes; memory grew by ${most - first} bytes ` +
        `in 3 s (${samples} samples, ${first} at first)\n`,
    ),
  );

  const output = daemon.resumeStdout();
  await written.pending;
  await http.endChunks();
  const sent = (written.chunks + 1) * RECORDS_PER_CHUNK;
  const answer = await http.readResponse();
  assertEquals(answer.status, 202);
  assertEquals(answer.json(), { accepted: sent, dropped: 0, evicted: 0 });
  const { code } = await daemon.stop();
  assertEquals(code, 0);
  assertNumbers(numbersIn(await output, "s"), [0, sent]);
});

Deno.test("block: 64 blocked agents are counted and served first come first served", async () => {
  const capacity = 100;
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      sources: {
        plug: PLUG,
        s: { policy: "block", blockTimeout: "60s", buffer: { records: capacity, bytes: "1MiB" } },
      },
      sinks: { out: { type: "stdout" } },
    },
  });
  await plugStdout(daemon);
  assertEquals((await post(daemon, "s", numbered(0, capacity))).status, 202);

  // A small body, in one write with its head: of other requests Deno 2.9.6 does not notice that the agent went away.
  using goesAway = await RawHttp.connect(daemon.url);
  const answers: Promise<number>[] = [];
  for (let i = 0; i < 65; i++) {
    // Different sizes: nobody who wants less may overtake.
    const from = 1000 * (i + 1);
    const body = i === GOES_AWAY ? numbered(from, from + 1, 40) : numbered(from, from + 1 + i % 7);
    if (i === GOES_AWAY) {
      const head = `POST /v1/ingest/s HTTP/1.1\r\nHost: penstock\r\nContent-Length: ${body.length}\r\n\r\n`;
      await goesAway.send(head + new TextDecoder().decode(body));
    } else answers.push(post(daemon, "s", body).then(({ status }) => status, () => 0));
    await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === i + 1);
  }
  assertStringIncludes(await daemon.metrics(), 'penstock_producers_blocked{source="s"} 65\n');
  goesAway.close();
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 64);
  assertStringIncludes(await daemon.metrics(), 'penstock_producers_blocked{source="s"} 64\n');

  const output = daemon.resumeStdout();
  assertEquals(await Promise.all(answers), Array(64).fill(202));
  const { code, ledger } = await daemon.stop();
  assertEquals(code, 0);
  const expected = Array.from(
    { length: 65 },
    (_, i) => [1000 * (i + 1), 1000 * (i + 1) + 1 + i % 7] as const,
  );
  assertNumbers(numbersIn(await output, "s"), [0, capacity], ...expected.filter((_, i) => i !== GOES_AWAY));
  // deno-lint-ignore no-explicit-any -- as the daemon logs it
  const books = (ledger!["sources"] as any).s;
  assertBalanced(books, "s");
  assertEquals(books.rejected, { records: 1, bytes: 40 });
});
