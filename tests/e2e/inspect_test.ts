// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inspect, inspectCommand, reportsOn } from "./inspect_command.ts";

Deno.test("main.ts inspect tells of an open segment, of bad records, and of what is no segment", async () => {
  const directory = await Deno.makeTempDir();
  const put = async (name: string, text: string) => {
    await Deno.writeTextFile(`${directory}/${name}`, text);
    return `${directory}/${name}`;
  };
  const open = await put("20261123T180000.123Z-0000.ndjson.open", '{"a":1}\n{"b"');
  const bad = await put("bad.ndjson", '1\n{"a":}\n\n2\n');
  const otlp = await put("bad.logs.otlp", "\0\0\0\x03abc");
  const other = await put("notes.txt", "hello");
  const noGzip = await put("a.ndjson.gz", "hello");
  const noZstd = await put("a.ndjson.zst", "hello");
  const { code, reports } = await reportsOn([
    open,
    bad,
    otlp,
    other,
    noGzip,
    noZstd,
    `${directory}/none.ndjson`,
    directory,
  ]);
  assertEquals(code, 1);
  assertEquals(
    reports.map((
      { state, open, records, invalidRecords, tornBytes },
    ) => [state, open, records, invalidRecords, tornBytes]),
    [
      ["torn", true, 1, 0, 4],
      ["damaged", false, 4, 2, 0],
      ["damaged", false, 1, 1, 0],
      ["unreadable", false, 0, 0, 0],
      ["broken", false, 0, 0, 0],
      ["broken", false, 0, 0, 0],
      ["unreadable", false, 0, 0, 0],
      ["unreadable", false, 0, 0, 0],
    ],
  );
  assertEquals(reports[0]!.firstTime, "2026-11-23T18:00:00.123Z");
  assertEquals(reports[1]!.firstTime, null);
  const table = await inspect(open, other);
  assertEquals(table.code, 1);
  assertStringIncludes(table.stdout, "torn, open");
  assertStringIncludes(table.stdout, `${open}: 4 bytes behind the last whole record\n`);
  assertStringIncludes(table.stdout, `${other}: its name does not end in .ndjson, .frames,`);
  // Records that are not valid are not printed, and it is told that they are not.
  assertEquals(await inspect("--print", bad, open), {
    code: 1,
    stdout: '1\n2\n{"a":1}\n',
    stderr: `${bad}: 2 records are not valid\n${open}: 4 bytes behind the last whole record\n`,
  });
  await Deno.remove(directory, { recursive: true });
});

Deno.test("main.ts inspect ends with 2 where it was used in another way", async () => {
  for (
    const [args, told] of [
      [[], "inspect needs the name of a file"],
      [["--verbose", "a.ndjson"], "Unknown option --verbose"],
      [["--json", "--print", "a.ndjson"], "--json and --print exclude each other"],
    ] as const
  ) {
    const { code, stdout, stderr } = await inspect(...args);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, told);
  }
  const { code, stdout } = await inspect("--help");
  assertEquals(code, 0);
  assertStringIncludes(stdout, "inspect FILE");
});

Deno.test("main.ts inspect --print streams, in bounded memory, and ends quietly when nobody reads any more", async () => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/large.ndjson.zst`;
  // 400 MB of lines in some kilobytes.
  const line = `{"text":"${"x".repeat(990)}"}\n`;
  const lines = new TextEncoder().encode(line.repeat(1_000));
  const zstd = new Deno.Command("zstd", { args: ["-q", "-o", file], stdin: "piped" }).spawn();
  const writer = zstd.stdin.getWriter();
  for (let i = 0; i < 400; i++) await writer.write(lines);
  await writer.close();
  assert((await zstd.status).success);

  const child = inspectCommand(["--print", file]).spawn();
  const reader = child.stdout.getReader();
  let read = 0;
  let peak = 0;
  while (read < 200_000_000) {
    const { value, done } = await reader.read();
    assert(!done);
    read += value.length;
    const rss = /^VmHWM:\s+(\d+) kB$/m.exec(await Deno.readTextFile(`/proc/${child.pid}/status`))?.[1];
    peak = Number(rss) * 1024;
  }
  assert(peak < 250 * 2 ** 20, `${peak} bytes of memory at most`);
  await reader.cancel();
  const { code } = await child.status;
  const stderr = await new Response(child.stderr).text();
  assertEquals([code, stderr], [0, ""]);
  await Deno.remove(directory, { recursive: true });
});
