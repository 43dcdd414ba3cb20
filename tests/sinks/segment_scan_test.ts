// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertRejects } from "@std/assert";
import { parseFinishedName } from "../../sinks/finished_name.ts";
import { scanSegments, type StoredSegment } from "../../sinks/segment_scan.ts";
import { BEGIN, nameAt, StoredSegments } from "./stored_segments.ts";

async function scan(test: StoredSegments): Promise<{ segments: StoredSegment[]; temporary: string[] }> {
  const segments: StoredSegment[] = [];
  const temporary: string[] = [];
  await scanSegments(test.fileSystem, test.directory, {
    segment: (segment) => segments.push(segment),
    temporary: (path) => temporary.push(path.slice(test.directory.length + 1)),
  });
  segments.sort((a, b) => a.path < b.path ? -1 : 1);
  return { segments, temporary };
}

Deno.test("parseFinishedName() knows every name that a finished segment can have, and no other", () => {
  for (const extension of ["ndjson", "frames", "logs.otlp", "metrics.otlp", "traces.otlp"]) {
    const original = `20261123T180000.123Z-0007.${extension}`;
    const name = { time: BEGIN + 123, original, compression: "none", temporary: false };
    assertEquals(parseFinishedName(original), name);
    assertEquals(parseFinishedName(`${original}.gz`), { ...name, compression: "gzip" });
    assertEquals(parseFinishedName(`${original}.zst`), { ...name, compression: "zstd" });
    assertEquals(parseFinishedName(`${original}.gz.tmp`), { ...name, compression: "gzip", temporary: true });
    assertEquals(parseFinishedName(`${original}.zst.tmp`), { ...name, compression: "zstd", temporary: true });
  }
  for (
    const name of [
      "20261123T180000.123Z-0007.ndjson.open",
      "20261123T180000.123Z-0007.ndjson.gz.open",
      "20261123T180000.123Z-0007.ndjson.tmp",
      "20261123T180000.123Z-0007.ndjson.bz2",
      "20261123T180000.123Z-0007.otlp",
      "20261123T180000.123Z-0007.ndjson~",
      "20261123T180000.123Z-007.ndjson",
      "20261123T180000Z-0007.ndjson",
      "20261323T180000.123Z-0007.ndjson",
      "x20261123T180000.123Z-0007.ndjson",
      "20261123T180000.123Z-0007.ndjson\n",
      "20261123T180000.123Z-0007",
      "",
    ]
  ) assertEquals(parseFinishedName(name), undefined, name);
});

Deno.test("scanSegments() finds finished segments, compressed or not, and what compressions left behind", async () => {
  await using test = await StoredSegments.create();
  await test.put(`a/${nameAt(0)}`, "1\n", 3);
  await test.put(`a/${nameAt(1)}.gz`, "not looked into", 4);
  await test.put(`a/${nameAt(2)}.zst.tmp`, "half");
  await test.put(`a/${nameAt(3)}.open`, "being written");
  await test.put(`b/${nameAt(0, "frames")}.zst`, "");
  const { segments, temporary } = await scan(test);
  assertEquals(segments, [
    {
      path: `${test.directory}/a/${nameAt(0)}`,
      original: nameAt(0),
      begun: BEGIN,
      written: BEGIN + 180_000,
      bytes: 2,
      compression: "none",
    },
    {
      path: `${test.directory}/a/${nameAt(1)}.gz`,
      original: nameAt(1),
      begun: BEGIN + 60_000,
      written: BEGIN + 240_000,
      bytes: 15,
      compression: "gzip",
    },
    {
      path: `${test.directory}/b/${nameAt(0, "frames")}.zst`,
      original: nameAt(0, "frames"),
      begun: BEGIN,
      written: BEGIN,
      bytes: 0,
      compression: "zstd",
    },
  ]);
  assertEquals(temporary, [`a/${nameAt(2)}.zst.tmp`]);
});

Deno.test("scanSegments() passes over links, directories and whatever has another name", async () => {
  await using test = await StoredSegments.create();
  const outside = await test.put("outside.txt", "precious");
  await test.put(`elsewhere/deep/${nameAt(0)}`, "deeper than sources are");
  await test.put(`a/notes.ndjson`, "somebody's");
  await test.put(nameAt(5), "beside the sources");
  await Deno.symlink(outside, `${test.directory}/a/${nameAt(1)}`);
  await Deno.mkdir(`${test.directory}/a/${nameAt(2)}`);
  const other = await Deno.makeTempDir();
  await Deno.writeTextFile(`${other}/${nameAt(0)}`, "of somebody else");
  await Deno.symlink(other, `${test.directory}/linked`);
  assertEquals(await scan(test), { segments: [], temporary: [] });
  await Deno.remove(other, { recursive: true });
});

Deno.test("scanSegments() takes a directory or file that is gone for nothing, and passes errors on", async () => {
  await using test = await StoredSegments.create();
  const { fileSystem } = test;
  await scanSegments(fileSystem, `${test.directory}/none`, { segment: () => {} });
  await test.put(`a/${nameAt(0)}`, "1\n");
  fileSystem.stat = async (path) => {
    if (path.endsWith("ndjson")) await Deno.remove(path); // between being listed and being looked at
    return await Deno.lstat(path);
  };
  assertEquals(await scan(test), { segments: [], temporary: [] });
  fileSystem.readDir = () => {
    throw new Deno.errors.PermissionDenied("no");
  };
  await assertRejects(() => scan(test), Deno.errors.PermissionDenied);
});
