// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { FileSink } from "../../sinks/file.ts";
import { SegmentStore } from "../../sinks/segment_store.ts";
import { SinkError } from "../../sinks/sink.ts";
import { denoStoreFileSystem } from "../../sinks/store_file_system.ts";
import { waitFor } from "../wait_for.ts";
import { jsonBatch } from "./batches.ts";
import { FileSinks } from "./file_sinks.ts";
import { StalledOperation } from "./stalled_operation.ts";
import { figuresOf, nameAt, StoredSegments } from "./stored_segments.ts";

const contextOf = (source: string) => ({ source, signal: new AbortController().signal });

/** More than a look remembers one by one. */
const MANY = 1_100;

async function putMany(test: StoredSegments): Promise<void> {
  await Promise.all(Array.from({ length: MANY }, (_, minute) => test.put(`a/${nameAt(minute)}`, "x\n")));
}

/** Gives a segment its name, and tells of it later. */
async function name(test: StoredSegments, store: SegmentStore, minute: number): Promise<() => void> {
  const path = `${test.directory}/a/${nameAt(minute)}`;
  store.newcomers.naming(path);
  await test.put(`a/${nameAt(minute)}`, "x\n");
  return () => store.finished(path, 2);
}

Deno.test("SegmentStore counts once what a look sees before it is told of, also of more than it remembers", async () => {
  await using test = await StoredSegments.create();
  await putMany(test);
  const store = new SegmentStore({ ...test.options, retain: { files: MANY + 10 } });
  const tellers = [];
  for (let n = 0; n < 10; n++) tellers.push(await name(test, store, MANY + n));
  await store.open(); // looks
  assertEquals(figuresOf(store)["stored_files"], MANY);
  for (const tell of tellers) tell();
  await store.close();
  assertEquals(figuresOf(store)["stored_files"], MANY + 10);
  assertEquals((await test.files()).length, MANY + 10);
});

Deno.test("SegmentStore counts once what is named and told of during a look, also of more than it remembers", async () => {
  await using test = await StoredSegments.create();
  await putMany(test);
  const { readDir } = test.fileSystem;
  const looking = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let looks = 0;
  test.fileSystem.readDir = async function* (path) {
    // The first one is for segments to be compressed.
    if (path === test.directory && ++looks === 2) {
      looking.resolve();
      await goOn.promise;
    }
    yield* readDir(path);
  };
  const store = new SegmentStore({ ...test.options, retain: { files: MANY + 20 } });
  const early = await name(test, store, MANY);
  const opened = store.open();
  await looking.promise;
  early();
  for (let n = 1; n < 20; n++) (await name(test, store, MANY + n))();
  goOn.resolve();
  await opened;
  await store.close();
  assertEquals(figuresOf(store)["stored_files"], MANY + 20);
  assertEquals((await test.files()).length, MANY + 20);
});

/** A sink that finishes a segment for every batch, and looks at what is stored when it is asked to. */
function lookingSink(test: FileSinks): { sink: FileSink; look(): Promise<void> } {
  let free = 1e9;
  let time = 0;
  const sink = test.sink({
    maxBytes: 2,
    minFreeBytes: 1,
    retain: { files: 10 },
    monotonicNow: () => time,
    storeFileSystem: { ...denoStoreFileSystem, freeBytes: () => Promise.resolve(free) },
  });
  const look = async () => {
    free = 0; // so that it tries to make room
    time += 10_000; // no look is so recent that another one may not begin
    await assertRejects(() => sink.write(jsonBatch(["0"]), contextOf("other")), SinkError, "are free");
    free = 1e9;
  };
  return { sink, look };
}

Deno.test("FileSink tells that a segment is about to get its name, so that a look before the end counts it once", async () => {
  await using test = await FileSinks.create();
  const { sink, look } = lookingSink(test);
  await sink.open();
  await sink.write(jsonBatch(["1"]), contextOf("a"));
  const stalled = new StalledOperation(test.fileSystem, "syncDirectory");
  await sink.write(jsonBatch(["2"]), contextOf("a"));
  await waitFor(() => stalled.count === 1, { what: "the sync of a name" });
  assert((await test.files("a")).some(([name]) => !name.endsWith(".open")));
  await look();
  assertEquals(figuresOf(sink)["stored_files"], 0);
  stalled.end();
  await waitFor(() => figuresOf(sink)["stored_files"] === 1, { what: "the segment to be told of" });
  await look();
  assertEquals(figuresOf(sink)["stored_files"], 1);
  await sink.close();
});

Deno.test("FileSink tells that a segment does not get its name where somebody has moved it, so that looks count what is there", async () => {
  await using test = await FileSinks.create();
  const { sink, look } = lookingSink(test);
  await sink.open();
  await sink.write(jsonBatch(["1"]), contextOf("a"));
  const [[open]] = await test.files("a") as [[string, string]];
  await Deno.rename(`${test.directory}/a/${open}`, `${test.directory}/moved`);
  await sink.write(jsonBatch(["2"]), contextOf("a"));
  await waitFor(() => figuresOf(sink)["segments_damaged moved"] === 1, { what: "it to be noticed" });
  await waitFor(() => figuresOf(sink)["full_files"] === 0, { what: "the end of it" });
  await Deno.rename(`${test.directory}/moved`, `${test.directory}/a/${open.slice(0, -".open".length)}`);
  await look();
  assertEquals(figuresOf(sink)["stored_files"], 1);
  await sink.close();
});

Deno.test("FileSink tells that a segment does not get its name where nothing is left of it by the second try", async () => {
  await using test = await FileSinks.create();
  const { sink, look } = lookingSink(test);
  await sink.open();
  await sink.write(jsonBatch(["1"]), contextOf("a"));
  const [[open]] = await test.files("a") as [[string, string]];
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  await sink.write(jsonBatch(["2"]), contextOf("a"));
  await waitFor(() => test.fileSystem.count("rename") === 1, { what: "the first try" });
  await Deno.remove(`${test.directory}/a/${open}`);
  test.fileSystem.faultOf = () => undefined;
  await sink.write(jsonBatch(["3"]), contextOf("a"));
  await waitFor(() => figuresOf(sink)["full_files"] === 0, { what: "the end of it" });
  await look();
  const before = figuresOf(sink)["stored_files"]!;
  await Deno.writeTextFile(`${test.directory}/a/${open.slice(0, -".open".length)}`, "1\n");
  await look();
  assertEquals(figuresOf(sink)["stored_files"], before + 1);
  await sink.close();
});

Deno.test("SegmentStore compresses no segment before it is told of it", async () => {
  await using test = await StoredSegments.create();
  const store = new SegmentStore({ ...test.options, compression: "gzip" });
  const tell = await name(test, store, 0);
  await store.open(); // looks for segments to be compressed
  assertEquals(figuresOf(store)["compression_waiting_files"], 0);
  tell();
  await waitFor(() => figuresOf(store)["compressed_files"] === 1, { what: "it to be compressed" });
  assertEquals(figuresOf(store)["stored_files"], 1);
  await store.close();
});
