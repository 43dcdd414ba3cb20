// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { FileSink } from "../../sinks/file.ts";
import { SinkError } from "../../sinks/sink.ts";
import { binaryBatch, jsonBatch } from "./batches.ts";
import { osError } from "./faulty_file_system.ts";
import { figuresOf, FileSinks, untilReally } from "./file_sinks.ts";

const signal = new AbortController().signal;
const FIRST = "20261123T180000.123Z-0000.ndjson";
const SECOND = "20261123T180000.123Z-0001.ndjson";

/** Writes a record, which has to fail once because of what somebody did, and then to succeed. */
async function writeAgain(sink: FileSink, line: string, kind: string): Promise<void> {
  const batch = jsonBatch([line]);
  const error = await assertRejects(() => sink.write(batch, { source: "a", signal }), SinkError);
  assertEquals([error.kind, error.retryable], [kind, true]);
  await sink.write(batch, { source: "a", signal });
}

Deno.test("FileSink.write() into a file that was removed is no delivery, and the batch goes to a new one", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await Deno.remove(`${test.directory}/a/${FIRST}.open`);
  await writeAgain(sink, "2", "removed");
  assertEquals(await test.files("a"), [[`${SECOND}.open`, "2\n"]]);
  await sink.close();
  assertEquals(await test.files("a"), [[SECOND, "2\n"]]);
  assertEquals(figuresOf(sink)["segments_damaged removed"], 1);
  assertEquals(test.told, [
    ["warn segment was removed by somebody else", {
      path: `${test.directory}/a/${FIRST}.open`,
      lostBytes: 2,
    }],
  ]);
});

Deno.test("FileSink.write() leaves alone what somebody put in the place of its file", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await test.put("a", "other", "theirs");
  await Deno.rename(`${test.directory}/a/other`, `${test.directory}/a/${FIRST}.open`);
  await writeAgain(sink, "2", "removed");
  await sink.close();
  assertEquals(await test.files("a"), [[`${FIRST}.open`, "theirs"], [SECOND, "2\n"]]);
});

Deno.test("FileSink.write() creates a directory that was deleted anew, and locks it again", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  for (const source of ["a", "b"]) await sink.write(jsonBatch(["1"]), { source, signal });
  await Deno.remove(test.directory, { recursive: true });
  await writeAgain(sink, "2", "removed");
  assertEquals(await test.texts("a"), ["2\n"]);
  const error = await assertRejects(() => test.sink().open(), SinkError);
  assertEquals(error.kind, "locked");
  await sink.close();
  assertEquals(figuresOf(sink)["segments_damaged removed"], 2); // the other one was noticed at the end
});

Deno.test("FileSink.write() keeps out of a directory that another process has taken over", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink({ maxBytes: 1 });
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await Deno.rename(test.directory, `${test.directory}-old`);
  const other = test.sink();
  await other.open();
  const error = await assertRejects(
    () => sink.write(jsonBatch(["2"]), { source: "a", signal }),
    SinkError,
    "another process holds",
  );
  assertEquals([error.kind, error.retryable], ["locked", true]);
  await other.close();
  await sink.write(jsonBatch(["2"]), { source: "a", signal });
  await sink.close();
  assertEquals(await test.texts("a"), ["2\n"]);
  await Deno.remove(`${test.directory}-old`, { recursive: true });
});

for (
  const [length, left, lost] of [
    [0, [], 12],
    [3, [], 12],
    [4, ["111\n"], 8],
    [6, ["111\n"], 8],
    [11, ["111\n222\n"], 4],
  ] as const
) {
  Deno.test(`FileSink.write() leaves whole records of a file that was truncated to ${length} bytes, and begins another`, async () => {
    await using test = await FileSinks.create();
    const sink = test.sink();
    for (const line of ["111", "222", "333"]) await sink.write(jsonBatch([line]), { source: "a", signal });
    await Deno.truncate(`${test.directory}/a/${FIRST}.open`, length);
    await writeAgain(sink, "444", "truncated");
    await sink.close();
    assertEquals(await test.texts("a"), [...left, "444\n"]);
    assertEquals(figuresOf(sink)["segments_damaged truncated"], 1);
    assertEquals(test.told.map(([text, { lostBytes }]) => [text, lostBytes]), [
      ["warn segment was truncated by somebody else", lost],
    ]);
  });
}

Deno.test("FileSink.write() leaves whole frames of a file that was truncated", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  const batch = (size: number) => binaryBatch([new Uint8Array(size)]);
  for (const size of [3, 70_000, 5]) await sink.write(batch(size), { source: "a", signal });
  await Deno.truncate(`${test.directory}/a/${FIRST.replace("ndjson", "frames")}.open`, 70_010);
  await assertRejects(() => sink.write(batch(9), { source: "a", signal }), SinkError, "truncated");
  await sink.write(batch(9), { source: "a", signal });
  await sink.close();
  assertEquals((await test.texts("a")).map((text) => text.length), [7, 13]);
});

Deno.test("FileSink.write() cuts off what somebody else has appended, and begins another file", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await Deno.writeTextFile(`${test.directory}/a/${FIRST}.open`, "theirs", { append: true });
  await writeAgain(sink, "2", "extended");
  await sink.close();
  assertEquals(await test.texts("a"), ["1\n", "2\n"]);
  assertEquals(figuresOf(sink)["segments_damaged extended"], 1);
});

Deno.test("FileSink finishes an idle file that somebody has truncated, without the torn record", async () => {
  using time = new FakeTime();
  await using test = await FileSinks.create();
  const sink = test.sink({ maxAge: 1_000 });
  await sink.write(jsonBatch(["111", "222"]), { source: "a", signal });
  await Deno.truncate(`${test.directory}/a/${FIRST}.open`, 6);
  time.tick(1_000);
  await untilReally(() => figuresOf(sink)["segments_finished"] === 1, "the segment to be finished");
  assertEquals(await test.files("a"), [[FIRST, "111\n"]]);
  assertEquals(figuresOf(sink)["segments_damaged truncated"], 1);
  await sink.close();
});

Deno.test("FileSink leaves a file where somebody has moved it, with all that was written to it", async () => {
  await using test = await FileSinks.create();
  const sink = test.sink();
  await sink.write(jsonBatch(["1"]), { source: "a", signal });
  await Deno.rename(`${test.directory}/a/${FIRST}.open`, `${test.directory}/a/moved`);
  await sink.write(jsonBatch(["2"]), { source: "a", signal });
  await sink.close();
  assertEquals(await test.files("a"), [["moved", "1\n2\n"]]);
  const figures = figuresOf(sink);
  assertEquals([figures["segments_damaged moved"], figures["segments_finished"]], [1, 0]);
});

for (const code of ["ENOSPC", "EIO", "EROFS", "EACCES", "EMFILE", "EDQUOT", "ESTALE"]) {
  for (const operation of ["mkdir", "open", "write", "truncate", "fstat", "rename", "syncData"] as const) {
    Deno.test(`FileSink.write() goes on by itself after ${code} at ${operation}, with every record once and whole`, async () => {
      await using test = await FileSinks.create();
      const sink = test.sink({ maxBytes: 8, sync: "batch" });
      await sink.write(jsonBatch(["1"]), { source: "a", signal });
      test.fileSystem.error = () => osError(code);
      test.fileSystem.faultOf = (asked) => {
        if (asked === "write" && operation === "truncate") return "torn"; // for there to be something to cut off
        return asked === operation ? (operation === "write" ? "torn" : "fail") : undefined;
      };
      const batches = [["22", "33", "444444"], ["5", "66666"]].map((lines) => jsonBatch(lines));
      const kinds = new Set<string>();
      for (let healthy = 0; healthy < 2;) {
        try {
          await sink.write(batches[healthy]!, { source: "a", signal });
          healthy++;
          if (operation === "rename" && healthy === 1) { // which is in the background, and told to the next
            await untilReally(() => test.fileSystem.count("rename") > 0, "a full segment to be finished");
            for (let i = 0; i < 20; i++) await Promise.resolve();
          }
        } catch (error) {
          if (!(error instanceof SinkError) || !error.retryable) throw error;
          kinds.add(error.kind);
          // It fails again and again while nothing changes, and touches nothing that was written.
          assertEquals((await test.texts("a")).join("").slice(0, 2), "1\n");
          if (kinds.size === 1) {
            await assertRejects(() => sink.write(batches[healthy]!, { source: "a", signal }));
          }
          test.fileSystem.faultOf = () => undefined;
        }
      }
      await sink.close();
      assertEquals([...kinds], [code]);
      assertEquals((await test.texts("a")).join(""), "1\n22\n33\n444444\n5\n66666\n");
      assertEquals((await test.files("a")).filter(([name]) => name.endsWith(".open")), []);
    });
  }
}
