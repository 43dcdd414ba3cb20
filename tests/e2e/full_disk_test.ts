// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, post } from "./numbered_records.ts";
import { SmallDisk } from "./small_disk.ts";
import { waitFor } from "../wait_for.ts";

const CYCLES = 50;
const SOURCES = ["written", "synced"];
const PER_REQUEST = 50;

/** Takes finished files away, as a shipper does, and keeps what is in them. */
class Shipper {
  readonly numbers = new Map(SOURCES.map((source): [string, number[]] => [source, []]));
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  ship(): void {
    for (const source of SOURCES) {
      const directory = `${this.#directory}/${source}`;
      for (const name of Array.from(Deno.readDirSync(directory), ({ name }) => name).sort()) {
        if (name.endsWith(".open")) continue;
        this.numbers.get(source)!.push(...numbersIn(Deno.readTextFileSync(`${directory}/${name}`)));
        Deno.removeSync(`${directory}/${name}`);
      }
    }
  }
}

/** Pushes under `block`, one request after the other, until told to stop; every request has to be acknowledged. */
async function push(daemon: DaemonProcess, source: string, goesOn: () => boolean): Promise<number> {
  let n = 0;
  for (; goesOn(); n += PER_REQUEST) {
    assertEquals((await post(daemon, source, numbered(n, n + PER_REQUEST, 200))).status, 200);
  }
  return n;
}

function figure(metrics: string, name: string): number {
  const line = metrics.split("\n").find((line) => line.startsWith(name));
  return line === undefined ? 0 : Number(line.slice(line.lastIndexOf(" ") + 1));
}

Deno.test(`a disk that fills up ${CYCLES} times under block: nothing admitted is lost, nothing is twice, the order is kept`, async () => {
  await using disk = await SmallDisk.mount("1m");
  if (disk === undefined) return;
  // deno-lint-ignore no-console -- what ran is told
  console.log(`a tmpfs of 1 MiB was filled ${CYCLES} times`);
  const source = { policy: "block", blockTimeout: "60s" };
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { written: { ...source, ack: "written" }, synced: { ...source, ack: "synced" } },
      sinks: {
        disk: {
          type: "file",
          directory: disk.path,
          maxBytes: "64KiB",
          minFreeBytes: 0,
          retry: { initial: "5ms", max: "20ms" },
        },
      },
    },
  });
  const shipper = new Shipper(disk.path);
  let pushing = true;
  const agents = Promise.all(SOURCES.map((source) => push(daemon, source, () => pushing)));
  agents.catch(() => pushing = false);
  const delivered = async () =>
    Object.values<{ ledger: { delivered: { records: number } } }>((await daemon.statusJson()).sources)
      .map(({ ledger }) => ledger.delivered.records);
  const errors = async () =>
    figure(await daemon.metrics(), 'penstock_sink_errors_total{sink="disk",kind="ENOSPC"}');

  await waitFor(async () => (await delivered()).length === SOURCES.length, { what: "both sources" });
  for (let cycle = 1; cycle <= CYCLES && pushing; cycle++) {
    const before = await errors();
    await disk.fill();
    await waitFor(async () => await errors() >= before + 3, { what: `writes to fail in cycle ${cycle}` });
    await disk.free();
    shipper.ship();
    const then = await delivered();
    const goesOn = async () => (await delivered()).every((records, i) => records > then[i]!);
    await waitFor(goesOn, { what: `both sources to go on after cycle ${cycle}` });
    shipper.ship();
  }
  pushing = false;
  const sent = await agents;
  const metrics = await daemon.metrics();
  assertEquals((await daemon.stop()).code, 0);
  shipper.ship();
  assertGreater(figure(metrics, 'penstock_sink_retries_total{sink="disk"}'), CYCLES);
  // A sync that failed would have had its batch written twice, and be told here.
  assertEquals(figure(metrics, 'penstock_sink_sync_errors_total{sink="disk"}'), 0);
  for (const [i, source] of SOURCES.entries()) assertNumbers(shipper.numbers.get(source)!, [0, sent[i]!]);
});
