// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { FINISHED_AT_ONCE, MOST_FULL } from "../../sinks/full_segments.ts";
import type { SinkError } from "../../sinks/sink.ts";
import { waitFor } from "../wait_for.ts";
import { jsonBatch } from "./batches.ts";
import { figuresOf, FileSinks, untilReally } from "./file_sinks.ts";
import { fill, filled, openAndFull, turns } from "./filled_segments.ts";
import { StalledOperation } from "./stalled_operation.ts";

const signal = new AbortController().signal;

Deno.test("FileSink.write() goes on while full segments are being synced, until more than MOST_FULL are left", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new StalledOperation(test.fileSystem, "syncData");
  await fill(sink, MOST_FULL + 2); // the last one begins with as many full as there may be
  assertEquals(openAndFull(sink), [MOST_FULL + 2, MOST_FULL + 1]);
  let written = false;
  const next = fill(sink, 1, MOST_FULL + 2).then(() => written = true);
  await waitFor(() => syncs.count > 0, { what: "the first sync" });
  await turns();
  // A disk that never answers holds so many files and one sync, and nothing more is begun.
  assertEquals([written, syncs.count], [false, 1]);
  assertEquals([test.fileSystem.mostOpen, test.fileSystem.count("write")], [MOST_FULL + 2, MOST_FULL + 2]);
  syncs.release();
  await next;
  assertEquals(openAndFull(sink), [MOST_FULL + 2, MOST_FULL + 1]);
  assertEquals(figuresOf(sink)["segments_finished"], 1);
  syncs.end();
  await waitFor(() => figuresOf(sink)["full_files"] === 0, { what: "the full segments to be finished" });
  assertEquals(figuresOf(sink)["open_files"], 1);
  await sink.close();
  assertEquals(await test.texts("a"), filled(MOST_FULL + 3));
});

Deno.test("FileSink goes on with what fits into the open segment only where no more than MOST_FULL are full", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new StalledOperation(test.fileSystem, "syncData");
  const many = Array.from({ length: 10 }, (_, n) => String(100 + n));
  await sink.write(jsonBatch(many), { source: "a", signal }); // one batch is never in its own way
  assertEquals(openAndFull(sink), [10, 9]);
  let written = false;
  const next = fill(sink, 1, 10).then(() => written = true);
  for (let left = 9; left > MOST_FULL; left--) {
    await waitFor(() => syncs.count === 1, { what: "the next sync" });
    assertEquals([written, figuresOf(sink)["full_files"]], [false, left]);
    syncs.release();
  }
  await next;
  syncs.end();
  await sink.close();
  assertEquals(await test.texts("a"), filled(11));
});

Deno.test("FileSink finishes at most FINISHED_AT_ONCE segments at once, whatever the number of sources", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new StalledOperation(test.fileSystem, "syncData");
  const sources = Array.from({ length: FINISHED_AT_ONCE + 6 }, (_, n) => `s${n}`);
  for (const line of ["100", "101", "102"]) {
    for (const source of sources) await sink.write(jsonBatch([line]), { source, signal });
  }
  await waitFor(() => syncs.count >= FINISHED_AT_ONCE, { what: "the syncs" });
  await turns();
  assertEquals(syncs.count, FINISHED_AT_ONCE);
  assertEquals(openAndFull(sink), [3 * sources.length, 2 * sources.length]);
  syncs.end();
  await waitFor(() => figuresOf(sink)["full_files"] === 0, { what: "all of them to be finished" });
  await sink.close();
  for (const source of sources) assertEquals(await test.texts(source), filled(3));
});

Deno.test("FileSink.sync() waits for full segments that are not synced, and fails where one cannot be", async () => {
  for (const fault of [undefined, "fail"] as const) {
    await using test = await FileSinks.create();
    const sink = test.sink({ maxBytes: 4 });
    const syncs = new StalledOperation(test.fileSystem, "syncData");
    await fill(sink, 3);
    let synced = false;
    test.fileSystem.faultOf = (operation, path) =>
      operation === "syncData" && path.includes("-0001.") ? fault : undefined;
    const result = sink.sync("a").then(() => synced = true, (error: SinkError) => error.kind);
    await waitFor(() => syncs.count === 3, { what: "all three to be synced" });
    await turns();
    assertEquals([synced, syncs.count], [false, 3]);
    syncs.end();
    assertEquals(await result, fault === undefined ? true : "EIO");
    await sink.sync("b");
    if (fault !== undefined) {
      // Told once. Whoever writes it again is not told again, as the next write waits for that one to be gone.
      await fill(sink, 1, 3);
      await sink.sync("a");
    }
    await sink.close();
    assertEquals(await test.texts("a"), filled(fault === undefined ? 3 : 4));
    assertEquals(figuresOf(sink)["sync_errors"], fault === undefined ? 0 : 1);
  }
});

Deno.test("FileSink syncs nothing twice at the end of segments under sync: batch", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4, sync: "batch" });
  await fill(sink, 3);
  await sink.close();
  assertEquals([test.fileSystem.count("syncData"), figuresOf(sink)["segments_finished"]], [3, 3]);
});

Deno.test("FileSink syncs at intervals what is full too, as long as it cannot be finished", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4, sync: "interval", syncInterval: 500 });
  const renames = new StalledOperation(test.fileSystem, "rename");
  await fill(sink, 3);
  await untilReally(() => renames.count === 1, "the first one to be renamed");
  assertEquals(test.fileSystem.count("syncData"), 1);
  time.tick(500);
  await untilReally(() => figuresOf(sink)["syncs"] === 3, "the others to be synced");
  renames.end();
  await sink.close();
  assertEquals(test.fileSystem.count("syncData"), 3);
  assertEquals(await test.texts("a"), filled(3));
});
