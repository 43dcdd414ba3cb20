// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { FileSink } from "../../sinks/file.ts";
import { SinkError } from "../../sinks/sink.ts";
import { waitFor } from "../wait_for.ts";
import { jsonBatch } from "./batches.ts";
import { FaultyFileSystem } from "./faulty_file_system.ts";
import { figuresOf, FileSinks, untilReally } from "./file_sinks.ts";

const signal = new AbortController().signal;

async function withSink(
  run: (sink: FileSink, fileSystem: FaultyFileSystem, directory: string) => Promise<void>,
  maxBytes = 1_000,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const fileSystem = new FaultyFileSystem();
    await run(new FileSink({ directory, maxBytes, fileSystem }), fileSystem, directory);
    assertEquals(fileSystem.opened.size, 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** What the files of a source hold, in the order of their names, none of which is open any more. */
async function filesOf(directory: string, source: string): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(`${directory}/${source}`), ({ name }) => name);
  assertEquals(names.filter((name) => !name.endsWith(".ndjson")), []);
  return await Promise.all(names.sort().map((name) => Deno.readTextFile(`${directory}/${source}/${name}`)));
}

Deno.test("FileSink.sync() syncs the files of the source that were written since the last time, and no others", () =>
  withSink(async (sink, fileSystem) => {
    await sink.write(jsonBatch(["1"]), { source: "a", signal });
    await sink.write(jsonBatch(["1"]), { source: "b", signal });
    await sink.sync("b");
    assertEquals(fileSystem.count("syncData"), 1);
    await sink.sync("b");
    assertEquals(fileSystem.count("syncData"), 1);
    await sink.write(jsonBatch(["2"]), { source: "b", signal });
    await sink.sync("b");
    assertEquals(fileSystem.count("syncData"), 2);
    await sink.close();
    assertEquals(fileSystem.count("syncData"), 3);
  }));

Deno.test("FileSink.sync() waits for a sync under way that covers what was written", () =>
  withSink(async (sink, fileSystem) => {
    await sink.write(jsonBatch(["1"]), { source: "a", signal });
    const { promise, resolve } = Promise.withResolvers<void>();
    fileSystem.gate = () => promise;
    const first = sink.sync("a");
    let synced = false;
    const second = sink.sync("a").then(() => synced = true);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert(!synced);
    resolve();
    await Promise.all([first, second]);
    assertEquals(fileSystem.count("syncData"), 1);
    await sink.close();
  }));

for (const fault of [undefined, "torn"] as const) {
  const what = fault === undefined ? "one after the other" : "none of which succeeds after one has failed";
  Deno.test(`FileSink.sync() has syncs of a file under way ${what}`, () =>
    withSink(async (sink, fileSystem) => {
      await sink.write(jsonBatch(["1"]), { source: "a", signal });
      const { promise, resolve } = Promise.withResolvers<void>();
      fileSystem.gate = (operation) => operation === "syncData" ? promise : Promise.resolve();
      let faults = fault === undefined ? 0 : 1;
      fileSystem.faultOf = (operation) => operation === "syncData" && faults-- > 0 ? fault : undefined;
      const syncs = [sink.sync("a")];
      await waitFor(() => fileSystem.count("syncData") === 1, { what: "the first sync" });
      await sink.write(jsonBatch(["2"]), { source: "a", signal });
      syncs.push(sink.sync("a"), sink.sync("a"));
      const results = Promise.allSettled(syncs);
      for (let i = 0; i < 20; i++) await Promise.resolve();
      assertEquals(fileSystem.count("syncData"), 1);
      resolve();
      const expected = fault === undefined ? "fulfilled" : "rejected";
      assertEquals((await results).map(({ status }) => status), Array(3).fill(expected));
      assertEquals(fileSystem.count("syncData"), fault === undefined ? 2 : 1);
      await sink.close();
    }));
}

Deno.test("FileSink.sync() fails once a file cannot be synced, until what was in it is written to another", () =>
  withSink(async (sink, fileSystem, directory) => {
    await sink.write(jsonBatch(["1"]), { source: "a", signal });
    fileSystem.faultOf = (operation) => operation === "syncData" ? "fail" : undefined;
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(() => sink.sync("a"), SinkError, "Cannot sync '");
      assertEquals([error.kind, error.retryable], ["EIO", true]);
    }
    // The kernel would call the next sync of that file a success.
    fileSystem.faultOf = () => undefined;
    await assertRejects(() => sink.sync("a"), SinkError, "Cannot sync '");
    await sink.write(jsonBatch(["1"]), { source: "a", signal });
    await sink.sync("a");
    await sink.close();
    assertEquals(await filesOf(directory, "a"), ["1\n", "1\n"]);
  }));

Deno.test("FileSink.sync() tells of a file that could not be synced when the next one was begun", () =>
  withSink(async (sink, fileSystem) => {
    await sink.write(jsonBatch(["1111"]), { source: "a", signal });
    fileSystem.faultOf = (operation) => operation === "syncData" ? "fail" : undefined;
    await sink.write(jsonBatch(["2222"]), { source: "a", signal });
    await waitFor(() => fileSystem.opened.size === 1, { what: "the first one to be let go of" });
    fileSystem.faultOf = () => undefined;
    await sink.sync("b"); // it is not told to another source
    await assertRejects(() => sink.sync("a"), SinkError, "Cannot sync '");
    await sink.sync("a");
    await sink.close();
  }, 8));

Deno.test("FileSink syncs at intervals what was written since, and nothing else", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ sync: "interval", syncInterval: 500 });
  const syncs = () => figuresOf(sink)["syncs"]!;
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await sink.write(jsonBatch(["1"]), { source: "b", signal });
  assertEquals(syncs(), 0);
  time.tick(500);
  await untilReally(() => syncs() === 2, "both to be synced");
  await sink.write(jsonBatch(["2"]), { source: "a", signal });
  // A tick is passed over while the names that are synced with the first one are not through.
  const soon = (condition: () => boolean, what: string) =>
    untilReally(() => {
      time.tick(500);
      return condition();
    }, what);
  await soon(() => syncs() === 3, "the one to be synced that was written to");
  // A failure is told, and what comes then goes to another file.
  test.fileSystem.faultOf = (operation) => operation === "syncData" ? "fail" : undefined;
  await sink.write(jsonBatch(["3"]), { source: "a", signal });
  await soon(() => figuresOf(sink)["sync_errors"] === 1, "the sync to fail");
  test.fileSystem.faultOf = () => undefined;
  await sink.write(jsonBatch(["4"]), { source: "a", signal });
  assertEquals(await test.texts("a"), ["1\n2\n3\n", "4\n"]);
  assertEquals(test.told.map(([text]) => text), ["warn segment cannot be synced"]);
  // That failure was nobody's so far, so it is told at the end.
  await assertRejects(() => sink.close(), SinkError, "Cannot sync '");
});

Deno.test("FileSink.close() syncs and closes every file and refuses writes from then on", () =>
  withSink(async (sink, fileSystem) => {
    await sink.write(jsonBatch(["1"]), { source: "a", signal });
    await sink.write(jsonBatch(["1"]), { source: "b", signal });
    const closing = sink.close();
    const error = await assertRejects(
      () => sink.write(jsonBatch(["2"]), { source: "a", signal }),
      SinkError,
      "the sink is closed",
    );
    assertEquals([error.kind, error.retryable], ["closed", false]);
    await closing;
    assertEquals(fileSystem.count("syncData"), 2);
    await sink.close();
    await sink.sync("a");
  }));

Deno.test("FileSink.close() closes every file even if one cannot be synced or cut back", () =>
  withSink(async (sink, fileSystem) => {
    await sink.write(jsonBatch(["1"]), { source: "a", signal });
    await sink.write(jsonBatch(["1"]), { source: "b", signal });
    fileSystem.faultOf = () => "torn";
    await assertRejects(() => sink.write(jsonBatch(["2222"]), { source: "a", signal }), SinkError);
    fileSystem.faultOf = () => "fail";
    await assertRejects(() => sink.close(), SinkError);
  }));

for (const [whole, expected] of [[["1"], ["1\n"]], [[], []]] as const) {
  Deno.test(`FileSink.close() leaves no torn record behind: ${whole.length} whole before it`, () =>
    withSink(async (sink, fileSystem, directory) => {
      await sink.write(jsonBatch([...whole]), { source: "a", signal });
      fileSystem.faultOf = (operation) =>
        operation === "write" ? "torn" : operation === "truncate" ? "fail" : undefined;
      await assertRejects(() => sink.write(jsonBatch(["2222"]), { source: "a", signal }), SinkError);
      fileSystem.faultOf = () => undefined;
      await sink.close();
      assertEquals(await filesOf(directory, "a"), [...expected]);
    }));
}

Deno.test({
  name: "FileSink.write() gives up at once without the permission to write",
  permissions: { write: false },
  async fn() {
    const sink = new FileSink({ directory: "/tmp/penstock" });
    const error = await assertRejects(
      () => sink.write(jsonBatch(["1"]), { source: "a", signal }),
      SinkError,
      "Cannot create directory '/tmp/penstock'",
    );
    assertEquals([error.kind, error.retryable], ["NotCapable", false]);
    await sink.close();
  },
});

/** Mounts a file system of 256 KiB; says whether this machine allows that. */
async function mount(directory: string): Promise<boolean> {
  try {
    const args = ["-t", "tmpfs", "-o", "size=256k", "tmpfs", directory];
    return (await new Deno.Command("mount", { args, stderr: "null" }).output()).success;
  } catch {
    return false;
  }
}

Deno.test("FileSink.write() survives a disk that is really full", async () => {
  const directory = await Deno.makeTempDir();
  if (!await mount(directory)) {
    await Deno.remove(directory);
    // deno-lint-ignore no-console -- nothing is skipped silently
    console.log("No tmpfs can be mounted here: a full disk was tested with an injected ENOSPC only.");
    return;
  }
  try {
    const sink = new FileSink({ directory });
    const lines = Array.from({ length: 100 }, (_, i) => JSON.stringify({ i, pad: "x".repeat(993) }));
    await sink.write(jsonBatch(lines), { source: "a", signal });
    await Deno.writeFile(`${directory}/ballast`, new Uint8Array(100_000));
    for (let i = 0; i < 3; i++) {
      const error = await assertRejects(
        () => sink.write(jsonBatch(lines), { source: "a", signal }),
        SinkError,
        "Cannot write to '",
      );
      assertEquals([error.kind, error.retryable], ["ENOSPC", true]);
    }
    await Deno.remove(`${directory}/ballast`);
    await sink.write(jsonBatch(lines), { source: "a", signal });
    await sink.close();
    const [entry] = await Array.fromAsync(Deno.readDir(`${directory}/a`));
    const text = await Deno.readTextFile(`${directory}/a/${entry!.name}`);
    assertEquals(text, [...lines, ...lines].join("\n") + "\n");
  } finally {
    await new Deno.Command("umount", { args: [directory] }).output();
    await Deno.remove(directory);
  }
});
