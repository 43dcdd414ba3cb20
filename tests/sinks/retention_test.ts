// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { RetentionLimits } from "../../sinks/retention.ts";
import { SegmentStore } from "../../sinks/segment_store.ts";
import { waitFor } from "../wait_for.ts";
import { untilReally } from "./file_sinks.ts";
import { BEGIN, figuresOf, nameAt, StoredSegments } from "./stored_segments.ts";

const MINUTE = 60_000;

/** A store that is opened so many minutes after {@linkcode BEGIN}, on a clock of its own. */
function storeAt(test: StoredSegments, minutes: number, retain: RetentionLimits): SegmentStore {
  return new SegmentStore({ ...test.options, retain, now: () => BEGIN + minutes * MINUTE });
}

/** What was deleted for each reason, as `files/bytes`. */
function deleted(store: SegmentStore): Record<string, string> {
  const figures = figuresOf(store);
  const of = (reason: string) =>
    `${figures[`deleted_files ${reason}`]}/${figures[`deleted_bytes ${reason}`]}`;
  return { bytes: of("bytes"), files: of("files"), age: of("age") };
}

/** Ten segments of three sources, of 10 bytes each, compressed and not, one a minute. */
async function putTen(test: StoredSegments): Promise<string[]> {
  const paths: string[] = [];
  for (let i = 0; i < 10; i++) {
    paths.push(`${"abc"[i % 3]}/${nameAt(i)}${["", ".gz", ".zst"][i % 3]}`);
    await test.put(paths[i]!, "123456789\n", i + 1);
  }
  return paths;
}

for (
  const [what, retain, kept, expected] of [
    ["files", { files: 4 }, 4, { files: "6/60", bytes: "0/0", age: "0/0" }],
    ["bytes", { bytes: 49 }, 4, { files: "0/0", bytes: "6/60", age: "0/0" }],
    ["bytes, to the byte", { bytes: 50 }, 5, { files: "0/0", bytes: "5/50", age: "0/0" }],
    ["age", { age: 6 * MINUTE }, 3, { files: "0/0", bytes: "0/0", age: "7/70" }],
    ["all of them", { age: 10 * MINUTE, files: 6, bytes: 30 }, 3, {
      files: "1/10",
      bytes: "3/30",
      age: "3/30",
    }],
    ["nothing", {}, 10, { files: "0/0", bytes: "0/0", age: "0/0" }],
  ] as const
) {
  Deno.test(`SegmentStore.open() deletes the oldest of all sources beyond its limits: ${what}`, async () => {
    await using test = await StoredSegments.create();
    const paths = await putTen(test);
    const store = storeAt(test, 14, retain);
    await store.open();
    assertEquals(await test.files(), paths.slice(-kept).sort());
    assertEquals(deleted(store), { bytes: expected.bytes, files: expected.files, age: expected.age });
    const { stored_files, stored_bytes } = figuresOf(store);
    assertEquals([stored_files, stored_bytes], [kept, kept * 10]);
    const told = Object.entries(expected).filter(([, amount]) => amount !== "0/0").map(([reason, amount]) => {
      const [files, bytes] = amount.split("/").map(Number);
      return ["info segments deleted", { reason, files, bytes }] as [string, Record<string, unknown>];
    });
    const byReason = (a: [string, Readonly<Record<string, unknown>>], b: typeof a) =>
      String(a[1]["reason"]) < String(b[1]["reason"]) ? -1 : 1;
    assertEquals(test.told.sort(byReason), told.sort(byReason));
    await store.close();
  });
}

Deno.test("SegmentStore deletes no open segment, no link and nothing with another name", async () => {
  await using test = await StoredSegments.create();
  const outside = await Deno.makeTempFile();
  await test.put(`a/${nameAt(0)}.open`, "being written");
  await test.put(`a/${nameAt(0)}.bak`, "somebody's copy");
  await test.put(`a/notes.txt`, "somebody's");
  await test.put(`a/b/${nameAt(0)}`, "deeper than sources are");
  await test.put(`lost+found/${nameAt(0)}`, "of no source");
  await test.put(nameAt(0), "beside the sources");
  await Deno.symlink(outside, `${test.directory}/a/${nameAt(1)}`);
  const before = await test.files();
  await test.put(`a/${nameAt(2)}`, "a segment");
  const store = storeAt(test, 1_000_000, { files: 0, bytes: 0, age: 1 });
  await store.open();
  await store.close();
  assertEquals(await test.files(), before);
  assertEquals(deleted(store), { bytes: "0/0", files: "0/0", age: "1/9" });
  await Deno.remove(outside);
});

Deno.test("SegmentStore deletes by age nothing that its name or its last change says is younger", async () => {
  await using test = await StoredSegments.create();
  await test.put(`a/${nameAt(0)}`, "begun long ago, written to just now", 99);
  await test.put(`a/${nameAt(99)}`, "restored from a backup, with an old time", 0);
  await test.put(`a/${nameAt(1)}`, "old", 2);
  const store = storeAt(test, 100, { age: 10 * MINUTE });
  await store.open();
  await store.close();
  assertEquals(await test.files(), [`a/${nameAt(0)}`, `a/${nameAt(99)}`]);
});

Deno.test("SegmentStore deletes nothing by age when the clock was set back", async () => {
  await using test = await StoredSegments.create();
  const paths = await putTen(test);
  const store = storeAt(test, -1_000_000, { age: 1 });
  await store.open();
  await store.close();
  assertEquals(await test.files(), [...paths].sort());
});

Deno.test("SegmentStore.finished() has the oldest deleted as soon as there are too many", async () => {
  await using test = await StoredSegments.create();
  const store = storeAt(test, 20, { files: 3 });
  await store.open();
  for (let i = 0; i < 10; i++) {
    store.finished(await test.put(`${"ab"[i % 2]}/${nameAt(i)}`, "1\n"), 2);
    await waitFor(() => figuresOf(store)["stored_files"]! <= 3, { what: "retention" });
    const names = (await test.files()).map((path) => path.slice(2)).sort();
    assertEquals(names, Array.from({ length: Math.min(3, i + 1) }, (_, n) => nameAt(Math.max(0, i - 2) + n)));
  }
  assertEquals(deleted(store), { bytes: "0/0", files: "7/14", age: "0/0" });
  await store.close();
});

Deno.test("SegmentStore deletes what has become too old although nothing is finished", async () => {
  await using test = await StoredSegments.create();
  const paths = await putTen(test);
  let minutes = 10;
  using time = new FakeTime();
  const store = new SegmentStore({
    ...test.options,
    retain: { age: 5 * MINUTE },
    now: () => BEGIN + minutes * MINUTE,
  });
  await store.open();
  assertEquals(deleted(store)["age"], "4/40");
  while (minutes < 15) {
    minutes++;
    time.tick(30_000); // a tenth of the age
    await untilReally(() => figuresOf(store)["stored_files"] === 16 - minutes, `minute ${minutes}`);
    assertEquals(await test.files(), paths.slice(minutes - 6).sort());
  }
  assertEquals(deleted(store)["age"], "9/90");
  await store.close();
});

Deno.test("SegmentStore does not count as too much what somebody else has taken away", async () => {
  await using test = await StoredSegments.create();
  const paths = await putTen(test);
  let monotonic = 0;
  const store = new SegmentStore({
    ...test.options,
    retain: { files: 10 },
    now: () => BEGIN + 20 * MINUTE,
    monotonicNow: () => monotonic,
  });
  await store.open();
  monotonic += 10_000; // what was found at the start is not believed any more
  for (const path of paths.slice(5)) await Deno.remove(`${test.directory}/${path}`);
  store.finished(await test.put(`a/${nameAt(11)}`, "123456789\n"), 10);
  await waitFor(() => figuresOf(store)["stored_files"] === 6, { what: "a look at what is there" });
  assertEquals(await test.files(), [...paths.slice(0, 5), `a/${nameAt(11)}`].sort());
  assertEquals(deleted(store), { bytes: "0/0", files: "0/0", age: "0/0" });
  await store.close();
});

Deno.test("SegmentStore.finished() deletes to the number also while it may not look again", async () => {
  await using test = await StoredSegments.create();
  await putTen(test);
  const { readDir } = test.fileSystem;
  let looks = 0;
  test.fileSystem.readDir = (path) => {
    if (path === test.directory) looks++;
    return readDir(path);
  };
  let monotonic = 0;
  const store = new SegmentStore({
    ...test.options,
    retain: { files: 10 },
    now: () => BEGIN + 20 * MINUTE,
    monotonicNow: () => monotonic,
  });
  test.fileSystem.stat = (path) => {
    monotonic += 1_000; // every look takes long
    return Deno.lstat(path);
  };
  await store.open();
  const looksAtStart = looks;
  // The first of them was begun before one that is there already.
  for (const minutes of [8.5, 10, 11, 12]) {
    store.finished(await test.put(`d/${nameAt(minutes)}`, "123456789\n"), 10);
  }
  await waitFor(() => figuresOf(store)["stored_files"] === 10, { what: "retention" });
  const times = (await test.files()).map((path) => path.slice(2, 22)).sort();
  assertEquals(times, [4, 5, 6, 7, 8, 8.5, 9, 10, 11, 12].map((minutes) => nameAt(minutes).slice(0, 20)));
  assertEquals([looks, deleted(store)["files"]], [looksAtStart, "4/40"]);
  await store.close();
});

Deno.test("SegmentStore deletes the next oldest where one cannot be deleted, tells once, and tries again", async () => {
  await using test = await StoredSegments.create();
  const paths = await putTen(test);
  const { remove } = test.fileSystem;
  let broken = true;
  test.fileSystem.remove = (path) => {
    if (broken && path.includes(nameAt(0))) throw Object.assign(new Error("Injected"), { code: "EPERM" });
    return remove(path);
  };
  using time = new FakeTime();
  const store = storeAt(test, 20, { files: 4 });
  await store.open();
  assertEquals(await test.files(), [paths[0]!, ...paths.slice(7)].sort());
  assertEquals(figuresOf(store)["retention_failures"], 1);
  for (let failures = 2; failures <= 3; failures++) {
    await test.put(`a/${nameAt(8 + failures)}`, "123456789\n");
    time.tick(60_000);
    await untilReally(() => figuresOf(store)["retention_failures"] === failures, "another attempt");
    await untilReally(
      () => figuresOf(store)["deleted_files files"] === 5 + failures,
      "the next oldest to go",
    );
    assertEquals((await test.files()).length, 4);
  }
  broken = false;
  await test.put(`a/${nameAt(12)}`, "123456789\n");
  time.tick(60_000);
  await untilReally(() => figuresOf(store)["deleted_files files"] === 9, "a deletion that works");
  assertEquals(await test.files(), [9, 10, 11, 12].map((i) => `a/${nameAt(i)}`));
  await store.close();
  assertEquals(test.told.map(([text]) => text), [
    "warn retention fails",
    "info segments deleted",
    "info segments deleted",
    "info segments deleted",
    "info segments deleted",
  ]);
});

Deno.test("SegmentStore deletes more segments than it looks for at once", async () => {
  await using test = await StoredSegments.create();
  for (let i = 0; i < 2_500; i++) await test.put(`a/${nameAt(i)}`, "1\n", i);
  const store = storeAt(test, 2_500, { files: 3 });
  await store.open();
  assertEquals(await test.files(), [2_497, 2_498, 2_499].map((i) => `a/${nameAt(i)}`));
  assertEquals(deleted(store), { bytes: "0/0", files: "2497/4994", age: "0/0" });
  const other = storeAt(test, 10_000, { age: 1 });
  for (let i = 0; i < 2_500; i++) await test.put(`a/${nameAt(i)}`, "1\n", i);
  await other.open();
  assertEquals(await test.files(), []);
  await Promise.all([store.close(), other.close()]);
});

Deno.test("SegmentStore goes on when it cannot look at what is stored, and tells", async () => {
  await using test = await StoredSegments.create();
  await putTen(test);
  const { readDir } = test.fileSystem;
  test.fileSystem.readDir = () => {
    throw new Deno.errors.PermissionDenied("Injected");
  };
  using time = new FakeTime();
  const store = storeAt(test, 20, { files: 4 });
  await store.open();
  assertEquals(test.told.map(([text, { kind }]) => [text, kind]), [
    ["warn segments of earlier runs are not compressed", "EACCES"],
    ["warn retention fails", "EACCES"],
  ]);
  test.fileSystem.readDir = readDir;
  time.tick(60_000);
  await untilReally(() => figuresOf(store)["stored_files"] === 4, "retention to work");
  await store.close();
});

Deno.test("SegmentStore.reserve() has retention make room before it refuses", async () => {
  await using test = await StoredSegments.create();
  const paths = await putTen(test);
  let minutes = 10;
  test.fileSystem.freeBytes = async () => 1_000_000 - 10_000 * (await test.files()).length;
  const store = new SegmentStore({
    ...test.options,
    retain: { age: 20 * MINUTE },
    minFreeBytes: 900_000,
    now: () => BEGIN + minutes * MINUTE,
    monotonicNow: () => minutes * MINUTE,
  });
  await store.open();
  minutes = 22; // two are too old by now, and the timer has not gone off
  (await store.reserve(1))[Symbol.dispose]();
  assertEquals(await test.files(), paths.slice(1).sort());
  await store.close();
});
