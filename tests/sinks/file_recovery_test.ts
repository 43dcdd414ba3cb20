// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { jsonBatch } from "./batches.ts";
import { figuresOf, FileSinks } from "./file_sinks.ts";

const signal = new AbortController().signal;
const NAME = "20261123T180000.123Z-0000";

/** Frames, each behind its length. */
function frames(...sizes: number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + 4 + size, 0)).fill(0x41);
  const view = new DataView(bytes.buffer);
  sizes.reduce((at, size) => {
    view.setUint32(at, size);
    return at + 4 + size;
  }, 0);
  return bytes;
}

const LONG = JSON.stringify("x".repeat(200_000)) + "\n";
const FRAMES = frames(3, 0, 200_000, 70_000, 2);

const CASES: [what: string, extension: string, content: string | Uint8Array, kept: number][] = [
  ["nothing", "ndjson", "", 0],
  ["whole lines", "ndjson", "1\n2\n", 4],
  ["a line without its line feed", "ndjson", "1\n2", 2],
  ["only a part of a line", "ndjson", '{"a":', 0],
  ["a part of a long line", "ndjson", `1\n${LONG.slice(0, -1)}`, 2],
  ["a long line and a part of another", "ndjson", `1\n${LONG}${LONG.slice(0, 150_000)}`, 2 + LONG.length],
  ["lines that are no JSON at the end", "ndjson", '1\n{"a":2}\n{"a\n\0\0\0\0\n', 10],
  ["a line that is no UTF-8 at the end", "ndjson", new Uint8Array([0x31, 10, 0x22, 0xff, 0x22, 10]), 2],
  ["zeros behind whole lines", "ndjson", "1\n" + "\0".repeat(100_000), 2],
  ["lines with carriage returns", "ndjson", "1\r\n 2 \r\n3", 8],
  ["whole frames", "frames", FRAMES, FRAMES.length],
  ["a torn frame", "frames", FRAMES.subarray(0, -1), FRAMES.length - 6],
  ["a torn length", "frames", FRAMES.subarray(0, -4), FRAMES.length - 6],
  ["a torn large frame", "frames", FRAMES.subarray(0, 100_000), 11],
  ["only a torn frame", "frames", frames(9).subarray(0, 8), 0],
  ["whole messages", "logs.otlp", frames(1, 2), 11],
  ["a torn message", "traces.otlp", frames(1, 2).subarray(0, 10), 5],
];

for (const [what, extension, content, kept] of CASES) {
  Deno.test(`FileSink.open() cuts a segment that was left open back to its last whole record: .${extension}, ${what}`, async () => {
    await using test = await FileSinks.create();
    const name = `${NAME}.${extension}`;
    await test.put("a", `${name}.open`, content);
    const sink = test.sink();
    await sink.open();
    const names = (await test.files("a")).map(([name]) => name);
    assertEquals(names, kept === 0 ? [] : [name]);
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    if (kept > 0) {
      assertEquals(await Deno.readFile(`${test.directory}/a/${name}`), bytes.slice(0, kept));
      assertEquals([test.fileSystem.count("syncData"), test.fileSystem.count("rename")], [1, 1]);
    }
    assertEquals(test.fileSystem.count("syncDirectory", "/a"), 1);
    const cut = bytes.length - kept;
    const { segments_recovered, recovery_cut_bytes } = figuresOf(sink);
    assertEquals([segments_recovered, recovery_cut_bytes], [1, cut]);
    assertEquals(test.told, [
      cut > 0
        ? ["warn torn record cut off", {
          path: `${test.directory}/a/${name}`,
          keptBytes: kept,
          cutBytes: cut,
        }]
        : ["info segment recovered", { path: `${test.directory}/a/${name}`, bytes: kept }],
    ]);
    await sink.close();
  });
}

Deno.test("FileSink.open() touches no file that it has not written", async () => {
  await using test = await FileSinks.create();
  const others: [string, string][] = [
    ["20261123T180000.123Z-0000.ndjson", "torn"],
    ["20261123T180000.123Z-0000.txt.open", "torn"],
    ["20261399T180000.123Z-0000.ndjson.open", "torn"],
    ["notes.ndjson.open", "torn"],
  ];
  for (const [name, text] of others) await test.put("a", name, text);
  await Deno.writeTextFile(`${test.directory}/20261123T180000.123Z-0000.ndjson.open`, "no source's");
  const sink = test.sink();
  await sink.open();
  assertEquals(await test.files("a"), others);
  assertEquals(test.told, []);
  await sink.close();
});

Deno.test("FileSink.open() does not look into directories that are of no source, such as a lost+found that it may not read", async () => {
  await using test = await FileSinks.create();
  await test.put("lost+found", `${NAME}.ndjson.open`, "1\n2");
  await test.put("orders", `${NAME}.ndjson.open`, "1\n2");
  test.fileSystem.faultOf = (operation, path) =>
    operation === "readDir" && path.endsWith("/lost+found") ? "fail" : undefined;
  const sink = test.sink();
  await sink.open();
  assertEquals(test.told.map(([text]) => text), ["warn torn record cut off"]);
  assertEquals(await test.files("orders"), [[`${NAME}.ndjson`, "1\n"]]);
  assertEquals(await test.files("lost+found"), [[`${NAME}.ndjson.open`, "1\n2"]]);
  await sink.write(jsonBatch(["3"]), { source: "orders", signal });
  await sink.close();
});

Deno.test("FileSink.open() cuts nothing that a link leads to", async () => {
  await using test = await FileSinks.create();
  await test.put("a", "theirs", "1\n2");
  await Deno.symlink("theirs", `${test.directory}/a/${NAME}.ndjson.open`);
  const sink = test.sink();
  await sink.open();
  assertEquals(await Deno.readTextFile(`${test.directory}/a/theirs`), "1\n2");
  assertEquals(test.told, []);
  await sink.close();
});

Deno.test("FileSink.open() goes on where one segment cannot be recovered, and the next start finishes it", async () => {
  await using test = await FileSinks.create();
  for (const source of ["a", "b", "c"]) await test.put(source, `${NAME}.ndjson.open`, "1\n2");
  const sink = test.sink();
  test.fileSystem.faultOf = (operation, path) =>
    operation === "truncate" && path.includes("/b/") ? "fail" : undefined;
  await sink.open();
  assertEquals(test.told.map(([text]) => text), [
    "warn torn record cut off",
    "warn segment cannot be recovered",
    "warn torn record cut off",
  ]);
  assertEquals(await test.files("b"), [[`${NAME}.ndjson.open`, "1\n2"]]);
  await sink.write(jsonBatch(["3"]), { source: "b", signal });
  await sink.close();
  test.fileSystem.faultOf = () => undefined;
  const next = test.sink();
  await next.open();
  assertEquals(await test.files("b"), [
    [`${NAME}.ndjson`, "1\n"],
    ["20261123T180000.123Z-0001.ndjson", "3\n"],
  ]);
  await next.close();
});
