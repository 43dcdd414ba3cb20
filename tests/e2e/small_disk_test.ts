// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { statfs } from "node:fs/promises";
import { parsePrometheus } from "../collector/prometheus_text.ts";
import { waitFor } from "../wait_for.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { assertNumbers, numbered, numbersIn, post } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";
import { SmallDisk } from "./small_disk.ts";

const MIB = 2 ** 20;

/** What a metric of the sink tells, summed over its other labels. */
async function figure(daemon: DaemonProcess, name: string): Promise<number> {
  const family = parsePrometheus(await daemon.metrics()).get(`penstock_sink_${name}`);
  if (family === undefined) throw new Error(`There is no metric penstock_sink_${name}`);
  return family.samples.reduce((sum, { value }) => sum + value, 0);
}

async function freeBytes(path: string): Promise<number> {
  const { bsize, bavail } = await statfs(path);
  return bsize * bavail;
}

function sizesUnder(directory: string): { finished: number; files: number; open: number } {
  let finished = 0, files = 0, open = 0;
  for (const path of filesUnder(directory)) {
    try {
      const { size } = Deno.lstatSync(path);
      if (/\.(open|tmp)$/.test(path)) open += size;
      else {
        finished += size;
        files++;
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error; // deleted since it was listed
    }
  }
  return { finished, files, open };
}

for (const compression of ["none", "gzip"] as const) {
  Deno.test(`retain.bytes and retain.files hold under sustained ingest on a small disk, with compression ${compression}`, async () => {
    await using disk = await SmallDisk.mount("32m");
    if (disk === undefined) return;
    const sources = ["a", "b", "c"];
    const retain = compression === "none" ? { bytes: "8MiB" } : { files: 6 };
    await using daemon = await DaemonProcess.start({
      config: {
        sources: { "*": { policy: "block", blockTimeout: "60s", ack: "written" } },
        sinks: {
          disk: {
            type: "file",
            directory: disk.path,
            maxBytes: "1MiB",
            minFreeBytes: "4MiB",
            retain,
            compression,
          },
        },
      },
    });
    let pushing = true;
    let sent = 0;
    const agents = Promise.all(sources.map(async (source) => {
      for (let n = 0; pushing; n += 500) {
        const { status, body } = await post(daemon, source, numbered(n, n + 500, 200));
        assertEquals(status, 200, JSON.stringify(body));
        sent += 500 * 200;
      }
    }));
    let most = { finished: 0, files: 0, used: 0 };
    const total = 32 * MIB;
    try {
      await waitFor(async () => {
        const { finished, files } = sizesUnder(disk.path);
        const used = total - await freeBytes(disk.path);
        most = {
          finished: Math.max(most.finished, finished),
          files: Math.max(most.files, files),
          used: Math.max(most.used, used),
        };
        return sent > 96 * MIB;
      }, { what: "three times as much as the disk holds", timeout: 100_000, interval: 5 });
    } finally {
      pushing = false;
      await agents;
    }
    // deno-lint-ignore no-console -- what was measured is told
    console.log(
      `${(sent / MIB).toFixed(0)} MiB went to a tmpfs of 32 MiB; finished at most ${
        (most.finished / MIB).toFixed(2)
      } MiB in ${most.files} files, used at most ${(most.used / MIB).toFixed(2)} MiB`,
    );
    // What each source finishes while a look at the others is under way.
    const slack = sources.length;
    if (compression === "none") {
      assert(most.finished <= (8 + slack) * MIB, `${most.finished} bytes were kept`);
    } else assert(most.files <= 6 + slack, `${most.files} files were kept`);
    await waitFor(
      async () => {
        const { finished, files } = sizesUnder(disk.path);
        return (compression === "none" ? finished <= 8 * MIB : files <= 6) &&
          await figure(daemon, "stored_files") === files && await figure(daemon, "stored_bytes") === finished;
      },
      { what: "retention to come to rest" },
    );
    const { files } = sizesUnder(disk.path);
    // Nothing is lost without a counter: what was finished is there, or was deleted and counted.
    assertEquals(
      await figure(daemon, "segments_finished_total"),
      files + await figure(daemon, "deleted_files_total"),
    );
    assertEquals(await figure(daemon, "retention_failures_total"), 0);
    const deleted = daemon.logEntries().filter(({ message }) => message === "segments deleted");
    assertGreater(deleted.length, 0);
    const reason = compression === "none" ? "bytes" : "files";
    for (const entry of deleted) assertEquals([entry["reason"], entry["sink"]], [reason, "disk"]);
    assertEquals(daemon.logEntries().filter(({ level }) => level === "warn"), []);
    assertEquals((await daemon.stop()).code, 0);
  });
}

Deno.test("minFreeBytes: writing stops before the disk is full, policies decide, and it goes on by itself", async () => {
  await using disk = await SmallDisk.mount("24m");
  if (disk === undefined) return;
  const keep = 8 * MIB;
  await using daemon = await DaemonProcess.start({
    config: {
      sources: {
        blocked: { policy: "block", blockTimeout: "60s", buffer: { records: 2_000, bytes: "1MiB" } },
        refused: { policy: "reject", buffer: { records: 2_000, bytes: "1MiB" } },
      },
      sinks: {
        disk: {
          type: "file",
          directory: disk.path,
          maxBytes: "1MiB",
          minFreeBytes: keep,
          retry: { initial: "20ms", max: "200ms" },
        },
      },
    },
  });
  const admitted = { blocked: 0, refused: 0 };
  let pushing = true;
  let refusals = 0;
  const push = async (source: "blocked" | "refused") => {
    while (pushing) {
      const from = admitted[source];
      const { status } = await post(daemon, source, numbered(from, from + 200, 200));
      if (status === 503 && source === "refused") {
        refusals++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      } else {
        assertEquals(status, 202);
        admitted[source] += 200;
      }
    }
  };
  const agents = Promise.all([push("blocked"), push("refused")]);
  agents.catch(() => pushing = false);
  let least = Infinity;
  const watch = async (condition: () => boolean | Promise<boolean>, what: string) => {
    await waitFor(async () => {
      least = Math.min(least, await freeBytes(disk.path));
      return await condition();
    }, { what, timeout: 60_000, interval: 2 });
  };
  const blocked = async () => (await daemon.statusJson()).sources.blocked.producersBlocked === 1;
  const held: Record<"blocked" | "refused", number[]> = { blocked: [], refused: [] };
  const ship = () => {
    for (const source of ["blocked", "refused"] as const) {
      for (const path of filesUnder(`${disk.path}/${source}`)) {
        if (path.endsWith(".open")) continue;
        held[source].push(...numbersIn(Deno.readTextFileSync(path)));
        Deno.removeSync(path);
      }
    }
  };
  for (let cycle = 1; cycle <= 3; cycle++) {
    const before = { ...admitted };
    const refusalsBefore = refusals;
    const fails = () => daemon.logEntries().filter(({ message }) => message === "sink fails");
    await watch(async () => {
      assert(fails().length <= cycle, `It is told once in cycle ${cycle}: ${JSON.stringify(fails())}`);
      return fails().length === cycle && refusals > refusalsBefore + 5 && await blocked();
    }, `writing to stop, cycle ${cycle}`);
    // What it tells is from its last look, which an attempt may have come before.
    await watch(async () => {
      const free = await figure(daemon, "disk_free_bytes");
      return free >= keep && free < keep + MIB;
    }, `less than minFreeBytes and a segment to be told as free, cycle ${cycle}`);
    ship();
    await watch(
      () => admitted.blocked > before.blocked && admitted.refused > before.refused + 2_000,
      `writing to go on, cycle ${cycle}`,
    );
    await daemon.waitForLog(() =>
      daemon.logEntries().filter(({ message }) => message === "sink works again").length >= cycle
    );
  }
  pushing = false;
  ship();
  await agents;
  const fails = daemon.logEntries().filter(({ message }) => message === "sink fails");
  for (const { kind } of fails) assertEquals(kind, "low_disk_space");
  ship();
  // deno-lint-ignore no-console -- what was measured is told
  console.log(`of a tmpfs of 24 MiB, ${least} bytes were free at least; minFreeBytes is ${keep}`);
  assert(least >= keep, `${least} bytes were free at least`);
  assertEquals((await daemon.stop()).code, 0);
  ship();
  // Nothing that was admitted is lost or twice, and the order is kept.
  for (const source of ["blocked", "refused"] as const) {
    assertNumbers(held[source], [0, admitted[source]]);
  }
});
