// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, post } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";
import { waitFor } from "../wait_for.ts";

/** The fields of the log lines with a message, without the time. */
function logged(daemon: DaemonProcess, message: string): Record<string, unknown>[] {
  return daemon.logEntries().filter((entry) => entry.message === message);
}

async function textUnder(directory: string): Promise<Uint8Array<ArrayBuffer>> {
  return await new Blob(filesUnder(directory).map((path) => Deno.readFileSync(path))).bytes();
}

Deno.test("a batch that is given up is in the dead letter sink before it is acknowledged, and told once; then the sink is used again", async () => {
  let obstacle = "";
  await using daemon = await DaemonProcess.start({
    config: (directory) => {
      obstacle = `${directory}/data/s`;
      Deno.mkdirSync(`${directory}/data`);
      Deno.writeTextFileSync(obstacle, ""); // where the directory of the source has to be
      return {
        sources: { "*": { policy: "block", blockTimeout: "60s", ack: "synced" } },
        sinks: {
          disk: {
            type: "file",
            directory: "./data",
            retry: { initial: "10ms", max: "20ms", maxElapsed: "300ms" },
            breaker: { failures: 3, pause: "500ms" },
            deadLetter: "spill",
          },
          spill: { type: "file", directory: "./spill" },
        },
      };
    },
  });
  for (let i = 0; i < 5; i++) {
    const { status, body } = await post(daemon, "s", numbered(i * 100, (i + 1) * 100));
    assertEquals([status, body.accepted], [200, 100]);
    // What was acknowledged is there already.
    assertNumbers(numbersIn(await textUnder(`${daemon.directory}/spill/s`)), [0, (i + 1) * 100]);
  }
  const { sources, sinks } = await daemon.statusJson();
  const { ledger } = sources.s;
  assertEquals(
    [ledger.received, ledger.delivered, ledger.dropped, ledger.buffered].map(({ records }) => records),
    [500, 500, 0, 0],
  );
  assertEquals([ledger.deadLetteredBySink.disk.records, ledger.deliveredBySink.spill.records], [500, 500]);
  assertEquals([sinks.disk.deadLetter, ledger.deliveredBySink.disk], ["spill", undefined]);
  assertGreater(sinks.disk.breaker.opened, 0);
  const metrics = await daemon.metrics();
  for (
    const line of [
      'penstock_records_dead_lettered_total{source="s",sink="disk"} 500',
      'penstock_records_delivered_total{source="s",sink="disk"} 0',
      'penstock_records_delivered_total{source="s",sink="spill"} 500',
      'penstock_records_dropped_total{source="s",reason="sink_failed"} 0',
      'penstock_sink_flushes_in_progress{sink="disk"} 0',
    ]
  ) assertStringIncludes(metrics, `\n${line}\n`);
  assertEquals(
    metrics.match(/^penstock_sink_breaker_state\{.*$/gm)?.map((line) => line.at(-1)).sort(),
    ["0", "0", "1"],
    "one of three states, and for the one sink that has a breaker",
  );
  assertEquals(logged(daemon, "circuit breaker opened").length, 1);
  const given = logged(daemon, "batches are given up");
  assertEquals(given.map(({ sink, source, deadLetter }) => [sink, source, deadLetter])[0], [
    "disk",
    "s",
    "spill",
  ]);
  assertEquals(new Set(given.map(({ kind }) => kind)).size, given.length, "each reason once");

  await Deno.remove(obstacle);
  let next = 500;
  await waitFor(async () => {
    assertEquals((await post(daemon, "s", numbered(next, next + 10))).status, 200);
    next += 10;
    return logged(daemon, "circuit breaker closed").length > 0;
  }, { what: "the breaker to close" });
  await daemon.waitForLog(({ message }) => message === "batches are taken again");
  const { code, ledger: last } = await daemon.stop();
  assertEquals([code, last?.["undelivered"]], [0, 0]);
  // Each record is in one of the two, and in the right order.
  const spilled = numbersIn(await textUnder(`${daemon.directory}/spill/s`));
  assertNumbers(spilled, [0, spilled.length]);
  assertNumbers(numbersIn(await daemon.recordsOf("s")), [spilled.length, next]);
});

Deno.test("a standard output that stalls for longer than its timeout is told and counted, and nothing is written twice", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      sources: { "*": { policy: "block" } },
      sinks: {
        out: {
          type: "stdout",
          timeout: "100ms",
          retry: { initial: "10ms", max: "10ms" },
          breaker: { failures: 0 },
        },
      },
    },
  });
  assertEquals((await post(daemon, "big", numbered(0, 3_000))).status, 202); // 300 kB, of which the pipe takes 64 KiB
  const overdue = async () => (await daemon.statusJson()).sinks.out.flushes.overdue;
  await waitFor(async () => await overdue() === 1, { what: "a write over its time" });
  assertEquals((await post(daemon, "small", numbered(0, 10))).status, 202);
  // The one writes, and cannot be stopped; the other waits for its turn within the sink, can be, and is tried again.
  await waitFor(async () => (await daemon.statusJson()).sinks.out.retries >= 5, { what: "five retries" });
  const { sinks, sources } = await daemon.statusJson();
  assertEquals([sinks.out.lastError.kind, await overdue() >= 1], ["timeout", true]);
  assertGreater(sources.big.buffer.records, 0);
  assertEquals([sources.big.ledger.dropped.records, sources.small.buffer.records], [0, 10]);
  assertEquals(logged(daemon, "sink fails").map(({ kind }) => kind), ["timeout"]);
  const [text, { code, ledger }] = await Promise.all([daemon.resumeStdout(), daemon.stop()]);
  assertEquals([code, ledger?.["undelivered"]], [0, 0]);
  assertNumbers(numbersIn(text, "big"), [0, 3_000]);
  assertNumbers(numbersIn(text, "small"), [0, 10]);
});
