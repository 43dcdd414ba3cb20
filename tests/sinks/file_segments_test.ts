// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { SinkError } from "../../sinks/sink.ts";
import { jsonBatch } from "./batches.ts";
import { figuresOf, FileSinks, START, untilReally } from "./file_sinks.ts";

const signal = new AbortController().signal;

Deno.test("FileSink names a segment .open while it is written to, and syncs it before it has its name", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await sink.write(jsonBatch(["2"]), { source: "a", signal });
  assertEquals(await test.files("a"), [["20261123T180000.123Z-0000.ndjson.open", "1\n2\n"]]);
  test.fileSystem.operations.length = 0;
  await sink.write(jsonBatch(["333"]), { source: "a", signal });
  await untilReally(() => figuresOf(sink)["segments_finished"] === 1, "the full segment to be finished");
  assertEquals(await test.files("a"), [
    ["20261123T180000.123Z-0000.ndjson", "1\n2\n"],
    ["20261123T180000.123Z-0001.ndjson.open", "333\n"],
  ]);
  const done = test.fileSystem.operations.map(({ operation, path }) =>
    `${operation} ${path.slice(test.directory.length)}`
  );
  const first = done.filter((line) => /^(syncData|rename|syncDirectory) /.test(line));
  assertEquals(first, [
    "syncData /a/20261123T180000.123Z-0000.ndjson.open",
    "rename /a/20261123T180000.123Z-0000.ndjson.open",
    "syncDirectory /a",
    "syncDirectory ",
  ]);
  await sink.close();
  assertEquals((await test.files("a")).map(([name]) => name), [
    "20261123T180000.123Z-0000.ndjson",
    "20261123T180000.123Z-0001.ndjson",
  ]);
  assertEquals(figuresOf(sink)["segments_finished"], 2);
});

Deno.test("FileSink never has a finished name for a file that a batch is not whole in", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  let writes = 0;
  const seen: string[][] = [];
  test.fileSystem.gate = async (operation) => {
    if (operation !== "write") return;
    writes++;
    seen.push((await test.files("a")).map(([name]) => name.slice(21)));
  };
  await sink.write(jsonBatch(["111", "222", "333"]), { source: "a", signal });
  assertEquals(writes, 3);
  assertEquals(seen, [
    ["0000.ndjson.open"],
    ["0000.ndjson.open", "0001.ndjson.open"],
    ["0000.ndjson.open", "0001.ndjson.open", "0002.ndjson.open"],
  ]);
  await sink.close();
});

Deno.test("FileSink finishes a segment older than maxAge although nothing is written", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ maxAge: 1_000 });
  await sink.write(jsonBatch(["1"]), { source: "idle", signal });
  time.tick(600);
  await sink.write(jsonBatch(["2"]), { source: "busy", signal });
  time.tick(399);
  assertEquals(figuresOf(sink), { ...figuresOf(sink), open_files: 2, segments_finished: 0 });
  time.tick(1);
  await untilReally(() => figuresOf(sink)["segments_finished"] === 1, "the idle segment to be finished");
  assertEquals(await test.files("idle"), [["20261123T180000.123Z-0000.ndjson", "1\n"]]);
  assertEquals(await test.files("busy"), [["20261123T180000.123Z-0001.ndjson.open", "2\n"]]);
  time.tick(600);
  await untilReally(() => figuresOf(sink)["segments_finished"] === 2, "the other one to be finished");
  assertEquals(figuresOf(sink)["open_files"], 0);
  await sink.close();
});

Deno.test("FileSink finishes an idle segment while a disk stalls another, and that one at its end", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ maxAge: 1_000 });
  await sink.write(jsonBatch(["1"]), { source: "stalled", signal });
  await sink.write(jsonBatch(["2"]), { source: "idle", signal });
  const { promise, resolve } = Promise.withResolvers<void>();
  test.fileSystem.gate = (operation) => operation === "write" ? promise : Promise.resolve();
  const stalled = sink.write(jsonBatch(["3"]), { source: "stalled", signal });
  await untilReally(() => test.fileSystem.count("write") === 3, "the write to be under way");
  time.tick(1_000);
  await untilReally(() => figuresOf(sink)["segments_finished"] === 1, "the idle segment to be finished");
  assertEquals(await test.files("idle"), [["20261123T180000.123Z-0001.ndjson", "2\n"]]);
  resolve();
  await stalled;
  await untilReally(() => figuresOf(sink)["segments_finished"] === 2, "the stalled one to be finished");
  assertEquals(await test.files("stalled"), [["20261123T180000.123Z-0000.ndjson", "1\n3\n"]]);
  await sink.close();
});

Deno.test("FileSink tries again to finish an idle segment, and tells once why it cannot", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ maxAge: 1_000 });
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  for (let tries = 1; tries <= 3; tries++) {
    time.tick(1_000);
    await untilReally(() => test.fileSystem.count("rename") === tries, `attempt ${tries}`);
    // The timer for the next one is set when the sink has seen the failure.
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
  assertEquals(test.told.map(([text, { kind }]) => [text, kind]), [[
    "warn segment cannot be finished",
    "EIO",
  ]]);
  assertEquals((await test.files("a")).map(([name]) => name), ["20261123T180000.123Z-0000.ndjson.open"]);
  test.fileSystem.faultOf = () => undefined;
  time.tick(1_000);
  await untilReally(() => figuresOf(sink)["segments_finished"] === 1, "the segment to be finished");
  await sink.close();
  assertEquals((await test.files("a")).map(([name]) => name), ["20261123T180000.123Z-0000.ndjson"]);
});

Deno.test("FileSink.write() writes nothing more while a segment that is full cannot be finished", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  await sink.write(jsonBatch(["111"]), { source: "a", signal });
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  await sink.write(jsonBatch(["222"]), { source: "a", signal }); // all of it is written
  await untilReally(() => test.fileSystem.count("rename") === 1, "the first one to be finished in vain");
  for (let i = 0; i < 20; i++) await Promise.resolve(); // until the sink has seen that
  for (let i = 0; i < 3; i++) {
    const error = await assertRejects(
      () => sink.write(jsonBatch(["333"]), { source: "a", signal }),
      SinkError,
    );
    assertEquals([error.kind, error.retryable], ["EIO", true]);
  }
  assertEquals(figuresOf(sink)["open_files"], 2);
  test.fileSystem.faultOf = () => undefined;
  await sink.write(jsonBatch(["333"]), { source: "a", signal });
  await sink.close();
  assertEquals(await test.texts("a"), ["111\n", "222\n", "333\n"]);
});

Deno.test("FileSink removes a segment that stayed empty", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  test.fileSystem.faultOf = (operation) => operation === "write" ? "fail" : undefined;
  await assertRejects(() => sink.write(jsonBatch(["1"]), { source: "a", signal }), SinkError);
  assertEquals((await test.files("a")).length, 1);
  await sink.close();
  assertEquals(await test.files("a"), []);
  assertEquals(figuresOf(sink)["segments_finished"], 0);
});

for (const [clock, back] of [["the same", 0], ["set back a year", 365 * 86_400_000]] as const) {
  Deno.test(`FileSink gives names that sort after those of earlier runs, the clock ${clock}`, async () => {
    await using test = await FileSinks.create();
    await test.put("b", "20261123T180000.123Z-0007.ndjson.gz", "of another source, compressed since");
    for (let run = 0; run < 3; run++) {
      const sink = test.sink({ maxBytes: 1, now: () => START - run * back });
      await sink.open();
      for (const line of [1, 2]) await sink.write(jsonBatch([`${run}${line}`]), { source: "a", signal });
      await sink.close();
    }
    assertEquals(
      await test.files("a"),
      ["01", "02", "11", "12", "21", "22"].map((line, i) => [
        `20261123T180000.123Z-${String(8 + i).padStart(4, "0")}.ndjson`,
        `${line}\n`,
      ]),
    );
  });
}

Deno.test("FileSink.open() keeps a second process out of the directory until the first is closed", async () => {
  await using test = await FileSinks.create();
  const first = test.sink();
  await first.open();
  await first.write(jsonBatch(["1"]), { source: "a", signal });
  const second = test.sink();
  const error = await assertRejects(() => second.open(), SinkError);
  assertEquals(
    [error.kind, error.message],
    [
      "locked",
      `Cannot use directory '${test.directory}': another process holds '${test.directory}/.lock'; ` +
      "give each daemon its own directory",
    ],
  );
  // It has not touched what the first one writes to.
  assertEquals((await test.files("a")).map(([name]) => name), ["20261123T180000.123Z-0000.ndjson.open"]);
  await first.close();
  await second.open();
  await second.close();
});

Deno.test("FileSink.open() lets the first write try again what the system does not allow now", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  test.fileSystem.faultOf = (operation) => operation === "open" ? "fail" : undefined;
  await sink.open();
  assertEquals(test.told.map(([text, { kind }]) => [text, kind]), [["warn sink is not ready yet", "EIO"]]);
  const write = () => sink.write(jsonBatch(["1"]), { source: "a", signal });
  const error = await assertRejects(write, SinkError, "/.lock'");
  assertEquals([error.kind, error.retryable], ["EIO", true]);
  test.fileSystem.faultOf = () => undefined;
  await write();
  await sink.close();
  assertEquals(await test.texts("a"), ["1\n"]);
});

Deno.test({
  name: "FileSink.open() fails without the permission to read its directory",
  permissions: { write: true, read: false },
  async fn() {
    const { FileSink } = await import("../../sinks/file.ts");
    const sink = new FileSink({ directory: "/tmp/penstock-unreadable" });
    const error = await assertRejects(() => sink.open(), SinkError);
    assertEquals([error.kind, error.retryable], ["NotCapable", false]);
    await sink.close();
    await Deno.remove("/tmp/penstock-unreadable");
  },
});
