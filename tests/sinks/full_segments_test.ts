// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { FileSink } from "../../sinks/file.ts";
import { FINISHED_AT_ONCE, MOST_FULL } from "../../sinks/full_segments.ts";
import { SinkError } from "../../sinks/sink.ts";
import { waitFor } from "../wait_for.ts";
import { jsonBatch } from "./batches.ts";
import type { FaultyFileSystem, Operation } from "./faulty_file_system.ts";
import { figuresOf, FileSinks, untilReally } from "./file_sinks.ts";

const signal = new AbortController().signal;

/** An operation of a file system that stands still until it is let go on, once or for good. */
class Stalled {
  readonly #waiting: (() => void)[] = [];
  readonly #fileSystem: FaultyFileSystem;

  constructor(fileSystem: FaultyFileSystem, operation: Operation) {
    this.#fileSystem = fileSystem;
    fileSystem.gate = (asked) =>
      asked === operation ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** How many stand still. */
  get count(): number {
    return this.#waiting.length;
  }

  /** Lets the first one go on. */
  release(): void {
    this.#waiting.shift()?.();
  }

  /** Lets all go on, and those to come. */
  end(): void {
    this.#fileSystem.gate = () => Promise.resolve();
    while (this.#waiting.length > 0) this.release();
  }
}

/** Writes records that fill a segment of 4 bytes each: `100`, `101` and so on. */
async function fill(sink: FileSink, records: number, from = 0): Promise<void> {
  for (let n = from; n < from + records; n++) {
    await sink.write(jsonBatch([String(100 + n)]), { source: "a", signal });
  }
}

function filled(records: number): string[] {
  return Array.from({ length: records }, (_, n) => `${100 + n}\n`);
}

/** Lets everything happen that waits for no file. */
async function turns(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 2));
}

function openAndFull(sink: FileSink): number[] {
  const { open_files, full_files } = figuresOf(sink);
  return [open_files!, full_files!];
}

Deno.test("FileSink.write() goes on while full segments are being synced, until more than MOST_FULL are left", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new Stalled(test.fileSystem, "syncData");
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
  const syncs = new Stalled(test.fileSystem, "syncData");
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
  const syncs = new Stalled(test.fileSystem, "syncData");
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
    const syncs = new Stalled(test.fileSystem, "syncData");
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

Deno.test("FileSink.close() tells of a full segment that could not be synced in the background", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  await fill(sink, 1);
  test.fileSystem.faultOf = (operation) => operation === "syncData" ? "fail" : undefined;
  await fill(sink, 1, 1);
  await waitFor(() => figuresOf(sink)["segments_finished"] === 1, {
    what: "it to get its name nevertheless",
  });
  test.fileSystem.faultOf = () => undefined;
  await assertRejects(() => sink.close(), SinkError, "Cannot sync '");
  assertEquals(await test.texts("a"), filled(2));
});

Deno.test("FileSink.write() fails once a segment could not be finished in the background, and loses nothing", async () => {
  using _time = new FakeTime(); // nothing is tried again by itself
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const renames = new Stalled(test.fileSystem, "rename");
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  await fill(sink, 4);
  assertEquals(openAndFull(sink), [4, 3]);
  await untilReally(() => renames.count === 1, "the first one to be renamed");
  renames.end();
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
  assertEquals(test.fileSystem.count("rename"), 1); // the others wait for that one
  for (let attempt = 2; attempt <= 4; attempt++) {
    const error = await assertRejects(() => fill(sink, 1, 4), SinkError, "Cannot rename '");
    assertEquals([error.kind, error.retryable], ["EIO", true]);
    assertEquals(test.fileSystem.count("rename"), attempt);
  }
  assertEquals([openAndFull(sink), test.fileSystem.count("write")], [[4, 3], 4]);
  test.fileSystem.faultOf = () => undefined;
  await fill(sink, 1, 4);
  await untilReally(() => figuresOf(sink)["full_files"] === 0, "what is full to be finished");
  const syncs = new Stalled(test.fileSystem, "syncData");
  await fill(sink, 2, 5); // as if nothing had been
  assertEquals(openAndFull(sink), [3, 2]);
  syncs.end();
  await sink.close();
  assertEquals(await test.texts("a"), filled(7));
  assertEquals(figuresOf(sink)["segments_finished"], 7);
});

Deno.test("FileSink tries again every second to finish what could not be finished in the background, though nobody writes", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  await fill(sink, 3);
  for (let tries = 1; tries <= 3; tries++) {
    await untilReally(() => test.fileSystem.count("rename") === tries, `try ${tries}`);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    assertEquals([openAndFull(sink), test.fileSystem.count("rename")], [[3, 2], tries]);
    if (tries === 3) test.fileSystem.faultOf = () => undefined;
    time.tick(1000);
  }
  await untilReally(() => figuresOf(sink)["full_files"] === 0, "what is full to be finished");
  assertEquals(openAndFull(sink), [1, 0]);
  await sink.close();
  assertEquals(await test.texts("a"), filled(3));
});

Deno.test("FileSink.write() fails where it waits for a segment that cannot be finished", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const renames = new Stalled(test.fileSystem, "rename");
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  await fill(sink, MOST_FULL + 2);
  const waits = assertRejects(() => fill(sink, 1, MOST_FULL + 2), SinkError, "Cannot rename '");
  await turns();
  renames.end();
  await waits;
  test.fileSystem.faultOf = () => undefined;
  await fill(sink, 1, MOST_FULL + 2);
  assertEquals(figuresOf(sink)["full_files"], 1); // that which is full since
  await sink.close();
  assertEquals(await test.texts("a"), filled(MOST_FULL + 3));
});

Deno.test("FileSink.close() waits for full segments that are being finished", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new Stalled(test.fileSystem, "syncData");
  await fill(sink, 3);
  let closed = false;
  const closing = sink.close().then(() => closed = true);
  for (let left = 3; left > 0; left--) {
    await waitFor(() => syncs.count === 1, { what: "the next sync" });
    assertEquals([closed, test.fileSystem.opened.size], [false, left]);
    syncs.release();
  }
  await closing;
  assertEquals(test.fileSystem.opened.size, 0);
  assertEquals((await test.files("a")).map(([name, text]) => [name.slice(20), text]), [
    ["-0000.ndjson", "100\n"],
    ["-0001.ndjson", "101\n"],
    ["-0002.ndjson", "102\n"],
  ]);
});

Deno.test("FileSink.close() fails where a full segment cannot be finished, and the next start finishes all in order", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  const renames = new Stalled(test.fileSystem, "rename");
  await fill(sink, 4);
  const closing = assertRejects(() => sink.close(), SinkError, "Cannot rename '");
  renames.end();
  await closing;
  assertEquals(test.fileSystem.opened.size, 0);
  assertEquals((await test.files("a")).filter(([name]) => name.endsWith(".open")).length, 4);
  test.fileSystem.faultOf = () => undefined;
  const next = test.sink({ maxBytes: 4 });
  await next.open();
  assertEquals([figuresOf(next)["segments_recovered"], figuresOf(next)["recovery_cut_bytes"]], [4, 0]);
  await fill(next, 1, 4);
  await next.close();
  assertEquals(await test.texts("a"), filled(5));
});

Deno.test("FileSink.close() that cannot cut back a torn batch lets go of full segments only when they are finished", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new Stalled(test.fileSystem, "syncData");
  await fill(sink, 3);
  test.fileSystem.faultOf = (operation) =>
    operation === "write" ? "torn" : operation === "truncate" ? "fail" : undefined;
  await assertRejects(() => fill(sink, 1, 3), SinkError);
  let closed = false;
  const closing = assertRejects(() => sink.close(), SinkError, "back to its last whole batch").then(() =>
    closed = true
  );
  await waitFor(() => syncs.count === 1, { what: "the sync of the first one" });
  await turns();
  assertEquals(closed, false);
  syncs.end();
  await closing;
  assertEquals([test.fileSystem.opened.size, figuresOf(sink)["segments_finished"]], [0, 2]);
  test.fileSystem.faultOf = () => undefined;
  const next = test.sink();
  await next.open();
  await next.close();
  assertEquals(await test.texts("a"), filled(3));
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
  const renames = new Stalled(test.fileSystem, "rename");
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

Deno.test("FileSink.open() finishes what SIGKILL has left of several unfinished segments, in order and nothing twice", async () => {
  await using test = await FileSinks.create();
  const writer = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL("stalled_writer.ts", import.meta.url).pathname, test.directory],
    stdout: "piped",
  }).spawn();
  const output = writer.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let told = "";
  while (!told.includes("\n")) {
    const { value, done } = await output.read();
    assert(!done, `it ended early, and told '${told}'`);
    told += value;
  }
  writer.kill("SIGKILL");
  await writer.status;
  await output.cancel();
  assertEquals(told, "torn, with 6 segments open\n");
  const left = await test.files("a");
  assertEquals([left.length, left.every(([name]) => name.endsWith(".ndjson.open"))], [6, true]);
  const sink = test.sink({ maxBytes: 16 });
  await sink.open();
  assertEquals([figuresOf(sink)["segments_recovered"], figuresOf(sink)["recovery_cut_bytes"]], [6, 2]);
  await fill(sink, 1, 20);
  await sink.close();
  // Two records of the batch that was not acknowledged are whole, and so they stay.
  assertEquals((await test.texts("a")).join(""), filled(21).join(""));
  assertEquals((await test.files("a")).filter(([name]) => name.endsWith(".open")), []);
});
