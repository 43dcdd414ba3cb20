// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertRejects } from "@std/assert";
import { SinkError } from "../../sinks/sink.ts";
import { waitFor } from "../wait_for.ts";
import { figuresOf, FileSinks } from "./file_sinks.ts";
import { fill, filled, turns } from "./filled_segments.ts";
import { StalledOperation } from "./stalled_operation.ts";

Deno.test("FileSink.close() waits for full segments that are being finished", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 4 });
  const syncs = new StalledOperation(test.fileSystem, "syncData");
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
  const renames = new StalledOperation(test.fileSystem, "rename");
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
  const syncs = new StalledOperation(test.fileSystem, "syncData");
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
