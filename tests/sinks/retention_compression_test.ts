// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { SegmentStore } from "../../sinks/segment_store.ts";
import { waitFor } from "../wait_for.ts";
import { figuresOf, nameAt, StoredSegments } from "./stored_segments.ts";

/** For what must not happen: a defect has this long to show itself, in milliseconds. */
const CHANCE = 50;

/** A store that compresses, keeps two segments, and looks at what is there each time that there are more. */
async function open(test: StoredSegments): Promise<SegmentStore> {
  const store = new SegmentStore({
    ...test.options,
    compression: "gzip",
    retain: { files: 2 },
    monotonicNow: () => 0, // so that no look took any time, and the next may begin
  });
  await store.open();
  return store;
}

async function finish(test: StoredSegments, store: SegmentStore, ...minutes: number[]): Promise<void> {
  for (const minute of minutes) store.finished(await test.put(`a/${nameAt(minute)}`, `${minute}\n`), 2);
}

/** Waits until nothing is left to be compressed and to be deleted; what the store tells must be what is there. */
async function assertTrue(test: StoredSegments, store: SegmentStore, files: string[]): Promise<void> {
  await waitFor(() => {
    const { stored_files, compression_waiting_files } = figuresOf(store);
    return stored_files === files.length && compression_waiting_files === 0;
  }, { what: "the store to come to rest" });
  assertEquals(await test.files(), files);
  const sizes = await Promise.all(files.map((file) => Deno.stat(`${test.directory}/${file}`)));
  assertEquals(figuresOf(store)["stored_bytes"], sizes.reduce((sum, { size }) => sum + size, 0));
}

/** A store that stands still while both forms of its first segment are there, and has one too many besides: a look is due. */
async function stallBetweenForms(test: StoredSegments) {
  const { rename, readDir } = test.fileSystem;
  const named = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  test.fileSystem.rename = async (from, to) => {
    await rename(from, to);
    named.resolve();
    await goOn.promise;
  };
  const store = await open(test);
  const looked: string[] = [];
  test.fileSystem.readDir = (path) => {
    looked.push(path);
    return readDir(path);
  };
  await finish(test, store, 0);
  await named.promise;
  await finish(test, store, 1, 2);
  return { store, looked, goOn: () => goOn.resolve() };
}

Deno.test("SegmentStore does not look at what is stored while a compressed segment takes the place of its original", async () => {
  await using test = await StoredSegments.create();
  const { store, looked, goOn } = await stallBetweenForms(test);
  await delay(CHANCE);
  assertEquals(looked, []);
  goOn();
  await assertTrue(test, store, [`a/${nameAt(1)}.gz`, `a/${nameAt(2)}.gz`]);
  assertEquals(figuresOf(store)["deleted_files files"], 1);
  await store.close();
});

Deno.test("SegmentStore puts no compressed segment in the place of its original while it looks at what is stored", async () => {
  await using test = await StoredSegments.create();
  const { rename, readDir } = test.fileSystem;
  const store = await open(test);
  const listed = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  test.fileSystem.readDir = async function* (path) {
    yield* await Array.fromAsync(readDir(path));
    if (!path.endsWith("/a")) return;
    listed.resolve();
    await goOn.promise; // what is listed has not been looked at yet
  };
  const renamed: string[] = [];
  test.fileSystem.rename = (from, to) => {
    renamed.push(to);
    return rename(from, to);
  };
  for (const minute of [0, 1, 2]) await test.put(`a/${nameAt(minute)}`, `${minute}\n`);
  for (const minute of [0, 1, 2]) store.finished(`${test.directory}/a/${nameAt(minute)}`, 2);
  await listed.promise;
  await waitFor(async () => (await test.files()).some((file) => file.endsWith(".tmp")), {
    what: "a compression",
  });
  await delay(CHANCE);
  assertEquals(renamed, []);
  test.fileSystem.readDir = readDir;
  goOn.resolve();
  await assertTrue(test, store, [`a/${nameAt(1)}.gz`, `a/${nameAt(2)}.gz`]);
  assertEquals(figuresOf(store)["deleted_files files"], 1);
  await store.close();
});

Deno.test("SegmentStore.close() keeps a look that has not begun from beginning, and from deleting", async () => {
  await using test = await StoredSegments.create();
  const { store, looked, goOn } = await stallBetweenForms(test);
  const closing = store.close();
  goOn();
  await closing;
  assertEquals(looked, []);
  assertEquals((await test.files()).length, 3);
});

for (const [what, retain] of [["old", { age: 1 }], ["much", { files: 0 }]] as const) {
  Deno.test(`SegmentStore.close() ends the deletion of what is too ${what}`, async () => {
    await using test = await StoredSegments.create();
    const { remove } = test.fileSystem;
    const store = new SegmentStore({ ...test.options, retain });
    for (const minute of [0, 1, 2]) await test.put(`a/${nameAt(minute)}`, "x\n");
    const removing = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    test.fileSystem.remove = async (path) => {
      removing.resolve();
      await goOn.promise;
      await remove(path);
    };
    const opened = store.open();
    await removing.promise;
    const closing = store.close();
    goOn.resolve();
    await Promise.all([opened, closing]);
    assertEquals(await test.files(), [`a/${nameAt(1)}`, `a/${nameAt(2)}`]);
  });
}

Deno.test("SegmentStore.close() keeps a compressed segment that waits for a look from taking the place of its original", async () => {
  await using test = await StoredSegments.create();
  const { readDir } = test.fileSystem;
  const store = await open(test);
  const listed = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  test.fileSystem.readDir = async function* (path) {
    listed.resolve();
    await goOn.promise;
    yield* readDir(path);
  };
  await finish(test, store, 0, 1, 2);
  await listed.promise;
  const temporary = async () => (await test.files()).some((file) => file.endsWith(".tmp"));
  await waitFor(temporary, { what: "a compression" });
  await delay(CHANCE); // until it waits for the look
  const closing = store.close();
  goOn.resolve();
  await closing;
  assertEquals((await test.files()).filter((file) => !file.endsWith("ndjson")), []);
});

Deno.test("SegmentStore counts both forms of a segment where a compression fails between the two", async () => {
  await using test = await StoredSegments.create();
  const { syncDirectory } = test.fileSystem;
  test.fileSystem.syncDirectory = () => Promise.reject(new Deno.errors.Interrupted("no"));
  const store = await open(test);
  await finish(test, store, 0);
  await waitFor(() => figuresOf(store)["compression_failures"] === 1, { what: "a failure" });
  assertEquals(await test.files(), [`a/${nameAt(0)}`, `a/${nameAt(0)}.gz`]);
  assertEquals(figuresOf(store)["stored_files"], 2);
  test.fileSystem.syncDirectory = syncDirectory;
  await assertTrue(test, store, [`a/${nameAt(0)}.gz`]);
  await store.close();
});
