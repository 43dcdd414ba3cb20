// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, post, untilSource } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";
import { SmallDisk } from "./small_disk.ts";
import { waitFor } from "../wait_for.ts";

const RETRY = { initial: "20ms", max: "100ms" };

/** How often a log message about a sink was written. */
function told(daemon: DaemonProcess, message: string): number {
  return daemon.logEntries().filter((entry) => entry.message === message).length;
}

async function sinkErrors(daemon: DaemonProcess, sink: string, kind: string): Promise<number> {
  const name = `penstock_sink_errors_total{sink="${sink}",kind="${kind}"} `;
  const line = (await daemon.metrics()).split("\n").find((line) => line.startsWith(name));
  return line === undefined ? 0 : Number(line.slice(name.length));
}

/** Waits until a sink has failed some times, so that it was retried for certain. */
async function untilFailed(daemon: DaemonProcess, sink: string, kind: string, times: number): Promise<void> {
  const what = `${times} errors ${kind} of sink ${sink}`;
  await waitFor(async () => await sinkErrors(daemon, sink, kind) >= times, { what });
}

Deno.test("EPIPE: the daemon lives on without a reader of its stdout, counts, tells it once, and other sinks go on", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "piped",
    config: {
      sources: { printed: { policy: "reject", sinks: ["out"] }, stored: { sinks: ["disk"] } },
      sinks: { out: { type: "stdout", retry: RETRY }, disk: { type: "file", directory: "./data" } },
      shutdown: { deadline: "300ms" },
    },
  });
  await daemon.readStdout().cancel();
  assertEquals((await post(daemon, "printed", numbered(0, 100))).status, 202);
  await untilFailed(daemon, "out", "EPIPE", 5);
  for (let i = 0; i < 20; i++) {
    assertEquals((await post(daemon, "stored", numbered(i * 50, (i + 1) * 50))).status, 202);
  }
  await untilSource(daemon, "stored", ({ buffer }) => buffer.records === 0);
  assertNumbers(numbersIn(await daemon.recordsOf("stored")), [0, 1000]);
  const { sources, sinks } = await daemon.statusJson();
  assertEquals(sources.printed.buffer.records, 100);
  assertEquals([sinks.out.lastError.kind, sinks.disk.errors], ["EPIPE", 0]);
  assertEquals(told(daemon, "sink fails"), 1);
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger?.["undelivered"]], [1, 100]);
  assertEquals([told(daemon, "sink fails"), told(daemon, "sink works again")], [1, 0]);
});

Deno.test("a file in place of the directory: told once, counted, retried, and recovers without loss", async () => {
  let data = "";
  await using daemon = await DaemonProcess.start({
    config: (directory) => {
      data = `${directory}/data`;
      Deno.writeTextFileSync(data, "");
      return { sources: { s: {} }, sinks: { disk: { type: "file", directory: "./data", retry: RETRY } } };
    },
  });
  assertEquals((await post(daemon, "s", numbered(0, 300))).status, 202);
  const { kind } = await daemon.waitForLog(({ message }) => message === "sink fails");
  assertMatch(String(kind), /^(ENOTDIR|EEXIST)$/);
  await untilFailed(daemon, "disk", String(kind), 5);
  await Deno.remove(data);
  await daemon.waitForLog(({ message }) => message === "sink works again");
  const { ledger } = await untilSource(daemon, "s", ({ buffer }) => buffer.records === 0);
  assertEquals(ledger.delivered.records, 300);
  assertNumbers(numbersIn(await daemon.recordsOf("s")), [0, 300]);
  assertEquals([told(daemon, "sink fails"), told(daemon, "sink works again")], [1, 1]);
  assertEquals((await daemon.stop()).code, 0);
});

Deno.test("ENOSPC: a full disk is told once, counted and retried; once there is space, all is there, once and in order", async () => {
  await using disk = await SmallDisk.mount("1m");
  if (disk === undefined) return;
  const filler = `${disk.path}/filler`;
  await Deno.writeFile(filler, new Uint8Array(600 * 1024));
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { s: { batch: { linger: "10ms" } }, other: { sinks: ["elsewhere"] } },
      sinks: {
        small: { type: "file", directory: disk.path, minFreeBytes: 0, retry: RETRY },
        elsewhere: { type: "file", directory: "./data" },
      },
    },
  });
  // 800 KB of records go to both sinks, and the small one has no room for them beside the filler. The other one must
  // not get anything twice for its sake.
  for (let i = 0; i < 80; i++) {
    assertEquals((await post(daemon, "s", numbered(i * 100, (i + 1) * 100))).status, 202);
  }
  await untilFailed(daemon, "small", "ENOSPC", 5);
  assertEquals((await post(daemon, "other", numbered(0, 100))).status, 202);
  await untilSource(daemon, "other", ({ buffer }) => buffer.records === 0);
  const { buffer } = await untilSource(daemon, "s", () => true);
  assertGreater(buffer.records, 0);
  assertLess(buffer.records, 8000);
  const partly = numbersIn(await contents(`${disk.path}/s`));
  assertNumbers(partly, [0, 8000 - buffer.records]); // nothing torn is left behind
  assertEquals(told(daemon, "sink fails"), 1);
  assertStringIncludes(
    String((await daemon.waitForLog(({ message }) => message === "sink fails"))["error"]),
    `${disk.path}/s/`,
  );

  await Deno.remove(filler);
  await untilSource(daemon, "s", ({ buffer }) => buffer.records === 0);
  assertNumbers(numbersIn(await contents(`${disk.path}/s`)), [0, 8000]);
  assertNumbers(numbersIn(await daemon.recordsOf("s")), [0, 8000]);
  assertEquals([told(daemon, "sink fails"), told(daemon, "sink works again")], [1, 1]);
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger?.["undelivered"]], [0, 0]);
});

Deno.test("EROFS: a read-only disk is told once, counted and retried, and recovers without loss", async () => {
  await using disk = await SmallDisk.mount("1m");
  if (disk === undefined) return;
  await disk.remount("ro");
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { s: {} },
      sinks: { disk: { type: "file", directory: disk.path, minFreeBytes: 0, retry: RETRY } },
    },
  });
  assertEquals((await post(daemon, "s", numbered(0, 300))).status, 202);
  await untilFailed(daemon, "disk", "EROFS", 5);
  await disk.remount("rw");
  await untilSource(daemon, "s", ({ buffer }) => buffer.records === 0);
  assertNumbers(numbersIn(await contents(`${disk.path}/s`)), [0, 300]);
  assertEquals([told(daemon, "sink fails"), told(daemon, "sink works again")], [1, 1]);
  assertEquals((await daemon.stop()).code, 0);
});

async function contents(directory: string): Promise<Uint8Array> {
  return await new Blob(filesUnder(directory).map((path) => Deno.readFileSync(path))).bytes();
}
