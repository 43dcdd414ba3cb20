// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { MOST_FULL } from "../../sinks/full_segments.ts";
import { SinkError } from "../../sinks/sink.ts";
import { waitFor } from "../wait_for.ts";
import { figuresOf, FileSinks, untilReally } from "./file_sinks.ts";
import { fill, filled, openAndFull, turns } from "./filled_segments.ts";
import { StalledOperation } from "./stalled_operation.ts";

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
  const renames = new StalledOperation(test.fileSystem, "rename");
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
  const syncs = new StalledOperation(test.fileSystem, "syncData");
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
  const renames = new StalledOperation(test.fileSystem, "rename");
  test.fileSystem.faultOf = (operation) => operation === "rename" ? "fail" : undefined;
  await fill(sink, 3); // a segment that is full after the first try has failed would be one more at once
  renames.end();
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
  const renames = new StalledOperation(test.fileSystem, "rename");
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
