// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import {
  type Answer,
  assertNumbers,
  numbered,
  numbersIn,
  PLUG,
  plugStdout,
  post,
  untilSource,
} from "./numbered_records.ts";
import { RawHttp } from "./raw_http.ts";
import { waitFor } from "../wait_for.ts";

const AGENTS = 8;
const PER_AGENT = 10_000_000;
const CHUNKED = { "Content-Type": "application/x-ndjson", "Transfer-Encoding": "chunked" };

/** What one agent saw. Numbers of records, each range from its first to the one behind its last. */
interface Agent {
  readonly acked: [number, number][];
  /** Those of a request that was never answered: they may have been admitted or not. */
  unanswered: [number, number] | undefined;
  status: number;
}

/** Posts numbered records, one request after the other, until one is refused. */
async function pushUntilRefused(
  daemon: DaemonProcess,
  source: string,
  index: number,
  batch: number,
): Promise<Agent> {
  const agent: Agent = { acked: [], unanswered: undefined, status: 0 };
  for (let n = index * PER_AGENT;; n += batch) {
    let answer: Answer;
    try {
      answer = await post(daemon, source, numbered(n, n + batch));
    } catch {
      agent.unanswered = [n, n + batch];
      return agent;
    }
    agent.status = answer.status;
    if (answer.status !== 202) {
      assertEquals([answer.status, answer.body.error.code], [503, "shutting_down"]);
      return agent;
    }
    agent.acked.push([n, n + batch]);
  }
}

function ofAgent(numbers: number[], index: number): number[] {
  return numbers.filter((n) => Math.floor(n / PER_AGENT) === index);
}

const sum = (ranges: readonly [number, number][]) =>
  ranges.reduce((total, [from, to]) => total + to - from, 0);

Deno.test("SIGTERM under load: every record answered 202 is in the files, in order and once, and the exit code is 0", async () => {
  await using daemon = await DaemonProcess.start({
    config: { sources: { "*": { policy: "block" } }, sinks: { disk: { type: "file", directory: "./data" } } },
  });
  const agents = Array.from({ length: AGENTS }, (_, i) => pushUntilRefused(daemon, `s${i % 3}`, i, 7));
  for (let i = 0; i < 3; i++) {
    await untilSource(daemon, `s${i}`, ({ ledger }) => ledger.delivered.records > 2000);
  }
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger?.["undelivered"]], [0, 0]);
  for (const [i, agent] of (await Promise.all(agents)).entries()) {
    const numbers = ofAgent(numbersIn(await daemon.recordsOf(`s${i % 3}`)), i);
    const unanswered = agent.unanswered;
    // A request whose answer was lost counts as neither: all of it is there, or nothing.
    const admitted = unanswered !== undefined && numbers.at(-1) === unanswered[1] - 1 ? [unanswered] : [];
    assertNumbers(numbers, ...agent.acked, ...admitted);
    assertGreater(sum(agent.acked), 0);
  }
});

Deno.test("SIGTERM under load: what a slow standard output did not take by the deadline is counted, and the exit code is 1", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "piped",
    config: {
      sources: {
        s: { policy: "block", blockTimeout: "60s", buffer: { records: 5000 }, batch: { records: 1000 } },
      },
      sinks: { out: { type: "stdout", envelope: false } },
      shutdown: { deadline: "500ms" },
    },
  });
  const agents = Array.from({ length: AGENTS }, (_, i) => pushUntilRefused(daemon, "s", i, 50));
  // A reader that takes some, and then no more until the daemon has ended.
  const reader = daemon.readStdout().getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  while (bytes < 2 ** 20) {
    const { value } = await reader.read();
    bytes += value!.length;
    pieces.push(value as Uint8Array<ArrayBuffer>);
  }
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked > 0);
  const start = performance.now();
  const { code, ledger } = await daemon.stop();
  const took = performance.now() - start;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    pieces.push(read.value as Uint8Array<ArrayBuffer>);
  }
  const text = await new Blob(pieces).text();
  const whole = numbersIn(text.slice(0, text.lastIndexOf("\n") + 1));
  const results = await Promise.all(agents);
  const acked = results.reduce((total, { acked }) => total + sum(acked), 0);
  const unanswered = results.reduce((total, { unanswered }) => total + (unanswered ? 50 : 0), 0);
  assertEquals(unanswered, 0); // each was told
  assertEquals(code, 1);
  assertGreaterOrEqual(took, 500);
  assertLess(took, 5000);
  const undelivered = ledger!["undelivered"] as number;
  // deno-lint-ignore no-explicit-any -- as the daemon logs it
  const books = (ledger!["sources"] as any).s;
  assertEquals(undelivered, acked - books.delivered.records);
  assertEquals(undelivered, books.buffered.records);
  // What is out and not counted as delivered are the first records of the batch in flight.
  assertGreaterOrEqual(whole.length, books.delivered.records);
  assertLess(whole.length - books.delivered.records, 1000);
  for (let i = 0; i < AGENTS; i++) {
    const numbers = ofAgent(whole, i);
    assertNumbers(numbers, [i * PER_AGENT, i * PER_AGENT + numbers.length]);
  }
});

/** A daemon with a full `block` buffer, one blocked producer, one blocked stream and one that is idle. */
async function startBlocked(deadline: string) {
  const daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      sources: { plug: PLUG, s: { policy: "block", blockTimeout: "60s", buffer: { records: 100 } }, t: {} },
      sinks: { out: { type: "stdout" } },
      shutdown: { deadline },
    },
  });
  await plugStdout(daemon);
  assertEquals((await post(daemon, "s", numbered(0, 100))).status, 202);
  const blocked = post(daemon, "s", numbered(500, 510));
  blocked.catch(() => {}); // where the daemon is made to exit at once
  const stream = await RawHttp.connect(daemon.url);
  await stream.sendHead("POST", "/v1/ingest/s", CHUNKED);
  await stream.sendChunk(numbered(600, 610));
  const idle = await RawHttp.connect(daemon.url);
  await idle.sendHead("POST", "/v1/ingest/t", CHUNKED);
  await idle.sendChunk(numbered(0, 10));
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 2);
  await untilSource(daemon, "t", ({ buffer }) => buffer.records === 10);
  return { daemon, blocked, stream, idle };
}

Deno.test("SIGTERM: who waits is answered at once, who is new is refused, and what was admitted comes out", async () => {
  const { daemon, blocked, stream, idle } = await startBlocked("60s");
  await using _daemon = daemon;
  using _stream = stream;
  using _idle = idle;
  assertEquals(
    (await fetch(`${daemon.adminUrl}/readyz`).then((r) => r.body?.cancel().then(() => r)))?.status,
    200,
  );
  daemon.kill("SIGTERM");
  await daemon.waitForLog(({ message }) => message === "draining");

  const { status, body, headers } = await blocked;
  assertEquals([status, body.error.code, headers.get("retry-after")], [503, "shutting_down", "1"]);
  const refusedStream = await stream.readResponse();
  assertEquals([refusedStream.status, refusedStream.json().error.code], [503, "shutting_down"]);
  assertEquals([refusedStream.json().error.accepted, refusedStream.headers.get("retry-after")], [0, "1"]);
  const endedStream = await idle.readResponse();
  assertEquals([endedStream.status, endedStream.json().error.code], [503, "shutting_down"]);
  assertEquals(endedStream.json().error.accepted, 10);
  const late = await post(daemon, "s", numbered(700, 701));
  assertEquals([late.status, late.body.error.code, late.headers.get("retry-after")], [
    503,
    "shutting_down",
    "1",
  ]);
  for (const [path, expected] of [["/readyz", 503], ["/healthz", 200], ["/metrics", 200]] as const) {
    const response = await fetch(`${daemon.adminUrl}${path}`);
    await response.body?.cancel();
    assertEquals([path, response.status], [path, expected]);
  }
  assertEquals((await daemon.statusJson()).state, "draining");

  const output = daemon.resumeStdout();
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger?.["undelivered"]], [0, 0]);
  const text = await output;
  assertNumbers(numbersIn(text, "s"), [0, 100]);
  assertNumbers(numbersIn(text, "t"), [0, 10]);
});

Deno.test("SIGTERM: the deadline holds with a standard output that nobody reads, and what is left is counted", async () => {
  const { daemon, blocked, stream, idle } = await startBlocked("500ms");
  await using _daemon = daemon;
  using _stream = stream;
  using _idle = idle;
  const start = performance.now();
  const { code, ledger } = await daemon.stop();
  const took = performance.now() - start;
  assertEquals([code, ledger?.["undelivered"]], [1, 1 + 100 + 10]);
  assertGreaterOrEqual(took, 500);
  assertLess(took, 5000);
  assertEquals((await blocked).status, 503);
});

for (const [signal, expected] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
  Deno.test(`${signal}: those within 500 ms of the first are the same one, a later one exits at once with ${expected}`, async () => {
    const { daemon, stream, idle } = await startBlocked("60s");
    await using _daemon = daemon;
    using _stream = stream;
    using _idle = idle;
    let running = true;
    daemon.status.then(() => running = false);
    const start = performance.now();
    let sent = 0;
    await waitFor(() => {
      try {
        if (running) daemon.kill(signal);
      } catch (error) {
        // It has ended, and this process does not know yet.
        if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      }
      sent++;
      return !running;
    }, { what: "the daemon to exit", interval: 50 });
    const took = performance.now() - start;
    assertEquals((await daemon.status).code, expected);
    assertGreaterOrEqual(took, 490);
    assertLess(took, 5000);
    assertGreater(sent, 2);
    assert(!daemon.logEntries().some(({ message }) => message === "ledger"));
  });
}

Deno.test("SIGINT alone drains as SIGTERM does", async () => {
  await using daemon = await DaemonProcess.start({
    config: { sources: { "*": {} }, sinks: { disk: { type: "file", directory: "./data" } } },
  });
  assertEquals((await post(daemon, "s", numbered(0, 500))).status, 202);
  daemon.kill("SIGINT");
  assertEquals((await daemon.status).code, 0);
  assertNumbers(numbersIn(await daemon.recordsOf("s")), [0, 500]);
});
