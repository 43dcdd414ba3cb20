// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { FileSink } from "../../sinks/file.ts";
import { SinkError } from "../../sinks/sink.ts";
import { binaryBatch, jsonBatch } from "./batches.ts";
import { osError } from "./faulty_file_system.ts";
import { figuresOf, FileSinks, START } from "./file_sinks.ts";

const signal = new AbortController().signal;
Deno.test("FileSink.write() adds JSON as it came to a file named after its UTC start time", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  await sink.write(jsonBatch(['{"a":1.0}', '{"a":1e2}']), { source: "a", signal });
  await sink.write(jsonBatch(["3"]), { source: "a", signal });
  await sink.close();
  assertEquals(await test.files("a"), [["20261123T180000.123Z-0000.ndjson", '{"a":1.0}\n{"a":1e2}\n3\n']]);
});

Deno.test("FileSink.write() puts the length before each frame, big-endian", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  const frames = [3, 0, 3_000_000, 1024 * 1024 - 4, 600_000, 600_000, 2].map((size, i) =>
    new Uint8Array(size).fill(i + 65)
  );
  await sink.write(binaryBatch(frames), { source: "cam", signal });
  await sink.close();
  const bytes = await Deno.readFile(`${test.directory}/cam/20261123T180000.123Z-0000.frames`);
  const view = new DataView(bytes.buffer);
  const read: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + view.getUint32(at);
    read.push(bytes.slice(at + 4, end));
    at = end;
  }
  assertEquals(read.map((frame) => frame.length), frames.map((frame) => frame.length));
  assert(read.every((frame, i) => frame.every((byte) => byte === i + 65)));
});

Deno.test("FileSink.write() needs one system call per flush, for JSON and for frames", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  const frames = Array.from({ length: 1_000 }, () => new Uint8Array(500));
  for (let round = 0; round < 2; round++) { // the first one opens the segments
    test.fileSystem.operations.length = 0;
    for (let i = 0; i < 10; i++) await sink.write(binaryBatch(frames), { source: "cam", signal });
    for (let i = 0; i < 10; i++) await sink.write(jsonBatch(["1", "2"]), { source: "a", signal });
    assertEquals(test.fileSystem.count("write"), 20);
  }
  // Beside it, each asks what became of the file.
  assertEquals([test.fileSystem.count("fstat"), test.fileSystem.operations.length], [20, 40]);
  await sink.close();
});

Deno.test("FileSink.write() writes the rest after a partial write", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  test.fileSystem.faultOf = () => "short";
  await sink.write(jsonBatch(["1234567", "89"]), { source: "a", signal });
  await sink.close();
  assertEquals(test.fileSystem.count("write"), 4); // 6 + 3 + 1 + 1
  assertEquals((await test.files("a"))[0]?.[1], "1234567\n89\n");
});

Deno.test("FileSink.write() never splits a record over two files", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 10 });
  await sink.write(jsonBatch(["111", "222", "333"]), { source: "a", signal });
  await sink.write(jsonBatch(["44444", "5"]), { source: "a", signal });
  await sink.close();
  assertEquals(await test.texts("a"), ["111\n222\n", "333\n44444\n", "5\n"]);
});

Deno.test("FileSink.write() gives a record larger than maxBytes a file of its own", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 10 });
  await sink.write(jsonBatch(["1", "2".repeat(50), "3", "4"]), { source: "a", signal });
  await sink.close();
  assertEquals((await test.files("a")).map(([, text]) => text.length), [2, 51, 4]);
});

Deno.test("FileSink.write() begins a new file after a restart and never overwrites one", async () => {
  await using test = await FileSinks.create();
  for (const line of ["1", "2", "3"]) {
    const sink = test.sink();
    await sink.write(jsonBatch([line]), { source: "a", signal });
    await sink.close();
  }
  assertEquals(await test.files("a"), [
    ["20261123T180000.123Z-0000.ndjson", "1\n"],
    ["20261123T180000.123Z-0001.ndjson", "2\n"],
    ["20261123T180000.123Z-0002.ndjson", "3\n"],
  ]);
});

Deno.test("FileSink.write() gives names that sort in order although the clock is set back", async () => {
  await using test = await FileSinks.create();
  let now = START;
  const sink = test.sink({ maxBytes: 1, now: () => now -= 60_000 });
  for (let i = 0; i < 12; i++) await sink.write(jsonBatch([`${i}`]), { source: "a", signal });
  now = START + 600_000_000;
  await sink.write(jsonBatch(["12"]), { source: "a", signal });
  await sink.close();
  const texts = await test.texts("a");
  assertEquals(texts, Array.from({ length: 13 }, (_, i) => `${i}\n`));
});

Deno.test("FileSink.write() closes the file written longest ago before it opens more than maxOpenFiles", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxOpenFiles: 3 });
  for (const source of ["a", "b", "c", "a", "d", "e"]) await sink.write(jsonBatch(["1"]), { source, signal });
  assertEquals(test.fileSystem.mostOpen, 3);
  const open = [...test.fileSystem.opened].map((path) => path.split("/").at(-2));
  assertEquals(open.sort(), ["a", "d", "e"]);
  await sink.close();
  assertEquals(test.fileSystem.opened.size, 0);
});

Deno.test("FileSink.write() writes nothing while a torn record cannot be cut off", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  test.fileSystem.faultOf = (operation) =>
    operation === "write" ? "torn" : operation === "truncate" ? "fail" : undefined;
  const batch = jsonBatch(["2222", "3333"]);
  await assertRejects(() => sink.write(batch, { source: "a", signal }), SinkError, "Cannot write to");
  const writes = test.fileSystem.count("write");
  for (let i = 0; i < 3; i++) {
    const error = await assertRejects(() => sink.write(batch, { source: "a", signal }), SinkError, "cut");
    assert(error.retryable);
  }
  assertEquals(test.fileSystem.count("write"), writes);
  test.fileSystem.faultOf = () => undefined;
  await sink.write(batch, { source: "a", signal });
  await sink.close();
  assertEquals(await test.texts("a"), ["1\n2222\n3333\n"]);
});

Deno.test("FileSink.write() cuts back every file of a batch that did not get to its end", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 8 });
  await sink.write(jsonBatch(["0"]), { source: "a", signal });
  let writes = 0;
  test.fileSystem.faultOf = (operation) => operation === "write" && ++writes === 3 ? "torn" : undefined;
  const batch = jsonBatch(["11111", "22222", "33333"]);
  await assertRejects(() => sink.write(batch, { source: "a", signal }), SinkError);
  assertEquals(await test.texts("a"), ["0\n"]);
  await sink.write(batch, { source: "a", signal });
  await sink.close();
  assertEquals(await test.texts("a"), ["0\n11111\n", "22222\n", "33333\n"]);
});

Deno.test("FileSink.write() leaves no files behind while a disk stays full", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 8 });
  test.fileSystem.error = () => osError("ENOSPC");
  test.fileSystem.faultOf = (operation) => operation === "write" ? "torn" : undefined;
  const batch = jsonBatch(["11111", "22222", "33333"]);
  for (let i = 0; i < 5; i++) {
    const error = await assertRejects(() => sink.write(batch, { source: "a", signal }), SinkError);
    assertEquals([error.kind, error.retryable], ["ENOSPC", true]);
  }
  assertEquals(await test.files("a"), [["20261123T180000.123Z-0000.ndjson.open", ""]]);
  await sink.close();
  assertEquals(await test.files("a"), []);
});

Deno.test("FileSink.write() lets other sources write while a disk stalls one", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  const { promise, resolve } = Promise.withResolvers<void>();
  test.fileSystem.gate = (operation, path) =>
    operation === "write" && path.includes("/stalled/") ? promise : Promise.resolve();
  const stalled = sink.write(jsonBatch(["1"]), { source: "stalled", signal });
  for (let i = 0; i < 10; i++) await sink.write(jsonBatch(["2"]), { source: "other", signal });
  let closed = false;
  const closing = sink.close().then(() => closed = true);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert(!closed);
  resolve();
  await Promise.all([stalled, closing]);
  assertEquals((await test.files("stalled"))[0]?.[1], "1\n");
});

Deno.test("FileSink.write() names the path and the errno of what failed", async () => {
  await using test = await FileSinks.create();
  await Deno.writeTextFile(`${test.directory}/a`, "a file where a directory should be");
  const sink = test.sink();
  const error = await assertRejects(() => sink.write(jsonBatch(["1"]), { source: "a", signal }), SinkError);
  assert(["EEXIST", "ENOTDIR"].includes(error.kind) && error.retryable);
  assert(error.message.startsWith(`Cannot create directory '${test.directory}/a': `), error.message);
  await Deno.remove(`${test.directory}/a`);
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await sink.close();
});

Deno.test("FileSink.write() refuses when the signal is aborted", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  const aborted = AbortSignal.abort();
  const error = await assertRejects(
    () => sink.write(jsonBatch(["1"]), { source: "a", signal: aborted }),
    SinkError,
  );
  assertEquals([error.kind, error.retryable], ["aborted", false]);
  assertEquals(test.fileSystem.operations, []);
});

Deno.test("new FileSink() refuses impossible limits", () => {
  assertThrows(() => new FileSink({ directory: "" }), TypeError, "'directory'");
  assertThrows(() => new FileSink({ directory: "d", maxBytes: 0 }), RangeError, "current value is 0");
  assertThrows(() => new FileSink({ directory: "d", maxOpenFiles: 1.5 }), RangeError, "current value is 1.5");
  assertThrows(() => new FileSink({ directory: "d", maxAge: NaN }), RangeError, "current value is NaN");
});

Deno.test("FileSink.write() makes do with fewer files where the system allows no more", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  test.fileSystem.error = () => osError("EMFILE");
  test.fileSystem.faultOf = (operation) =>
    operation === "open" && test.fileSystem.opened.size >= 8 ? "fail" : undefined;
  const sources = Array.from({ length: 20 }, (_, i) => `s${i}`);
  for (const source of [...sources, ...sources]) await sink.write(jsonBatch(["1"]), { source, signal });
  assertEquals(test.fileSystem.mostOpen, 8);
  // Three quarters of eight; whoever writes is among them.
  assertEquals(test.fileSystem.opened.size, 6);
  assertEquals(test.told, [["warn fewer segments are kept open", { segments: 6 }]]);
  await sink.close();
  for (const source of sources) assertEquals((await test.texts(source)).join(""), "1\n1\n");
});

Deno.test("FileSink.write() keeps as many files open as before, a minute after the system allowed none", async () => {
  await using test = await FileSinks.create();
  let now = 0;
  const sink = test.sink({ monotonicNow: () => now });
  await sink.open();
  test.fileSystem.error = () => osError("EMFILE");
  const round = async () => {
    for (const source of ["a", "b", "c"]) await sink.write(jsonBatch(["1"]), { source, signal });
  };
  test.fileSystem.faultOf = (operation) => operation === "open" ? "fail" : undefined;
  await assertRejects(round, SinkError);
  test.fileSystem.faultOf = () => undefined;
  await round();
  now = 59_999;
  await round();
  assertEquals(test.fileSystem.opened.size, 1);
  now = 60_000;
  for (let i = 0; i < 10; i++) await round();
  assertEquals([test.fileSystem.opened.size, figuresOf(sink)["segments_finished"]], [3, 5]);
  assertEquals(test.told, [["warn fewer segments are kept open", { segments: 1 }]]);
  await sink.close();
});

Deno.test("FileSink.write() fails where the system allows no file and none of its own can be closed", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  test.fileSystem.error = () => osError("ENFILE");
  test.fileSystem.faultOf = (operation) => operation === "open" ? "fail" : undefined;
  const write = () => sink.write(jsonBatch(["1"]), { source: "a", signal });
  assertEquals((await assertRejects(write, SinkError)).kind, "ENFILE");
  test.fileSystem.faultOf = () => undefined;
  await write();
  await sink.close();
  assertEquals(await test.texts("a"), ["1\n"]);
});
