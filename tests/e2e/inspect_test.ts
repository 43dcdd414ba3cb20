// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { resolve } from "node:path";
import type { SegmentReport } from "../../collector/inspect/segment_report.ts";
import { decodeRequest, encodeRequest, type Request } from "../collector/otlp_decoder.ts";
import { toJson } from "../collector/otlp_requests.ts";
import { waitFor } from "../wait_for.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { post } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

function inspectCommand(args: readonly string[], permissions = ["--allow-read"]): Deno.Command {
  const coverage = Deno.env.get("DENO_COVERAGE_DIR");
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--config",
      `${ROOT}deno.json`,
      ...permissions,
      `${ROOT}main.ts`,
      "inspect",
      ...args,
    ],
    env: { NO_COLOR: "1", ...(coverage !== undefined && { DENO_COVERAGE_DIR: resolve(coverage) }) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000),
  });
}

async function inspect(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { code, stdout, stderr } = await inspectCommand(args).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

async function reportsOn(files: readonly string[]): Promise<{ code: number; reports: SegmentReport[] }> {
  const { code, stdout, stderr } = await inspect("--json", ...files);
  assertEquals(stderr, "");
  return { code, reports: stdout.trim().split("\n").map((line) => JSON.parse(line)) };
}

const LINES = Array.from({ length: 3_000 }, (_, n) => `{"n":${n},"exact":${n}.10e1,"text":"grüße"}\n`);
const FRAMES = Array.from({ length: 20 }, (_, i) => new Uint8Array(i * 1_000).fill(i));

const FIRST = 1_700_000_000_000, LAST = 1_700_000_007_250;
const nano = (milliseconds: number) => `${milliseconds}000001`;
const value = { stringValue: 'not a time: "timeUnixNano":"1"' };
const OTLP: Readonly<Record<"logs" | "metrics" | "traces", { request: Request; weight: number }>> = {
  logs: {
    weight: 2,
    request: {
      resourceLogs: [{
        scopeLogs: [{
          logRecords: [{ timeUnixNano: nano(LAST), body: value }, { observedTimeUnixNano: nano(FIRST) }],
        }],
      }],
    },
  },
  metrics: {
    weight: 2,
    request: {
      resourceMetrics: [{
        scopeMetrics: [{
          metrics: [{
            name: "m",
            sum: {
              dataPoints: [
                { startTimeUnixNano: "5", timeUnixNano: nano(FIRST), asInt: "1" },
                { startTimeUnixNano: "5", timeUnixNano: nano(LAST), asDouble: 0.5 },
              ],
            },
          }],
        }],
      }],
    },
  },
  traces: {
    weight: 1,
    request: {
      resourceSpans: [{
        scopeSpans: [{
          spans: [{
            traceId: Array.from({ length: 16 }, (_, i) => i + 1),
            spanId: [1, 2, 3, 4, 5, 6, 7, 8],
            name: "s",
            startTimeUnixNano: nano(FIRST),
            endTimeUnixNano: nano(LAST),
            attributes: [{ key: "a", value }],
          }],
        }],
      }],
    },
  },
};
const SIGNALS = ["logs", "metrics", "traces"] as const;

/** Has a daemon make files of every format, and finish them. */
async function filesOf(
  compression: "none" | "gzip" | "zstd",
): Promise<{ daemon: DaemonProcess; files: string[] }> {
  const suffix = { none: "", gzip: ".gz", zstd: ".zst" }[compression];
  const daemon = await DaemonProcess.start({
    config: {
      sources: { "*": { ack: "written", batch: { linger: 0 } } },
      sinks: { disk: { type: "file", directory: "./data", maxAge: "1s", compression } },
    },
  });
  const post2xx = async (source: string, body: Uint8Array<ArrayBuffer> | string, type: string) => {
    const { status, body: answer } = await post(daemon, source, body, { headers: { "Content-Type": type } });
    assertEquals(status, 200, JSON.stringify(answer));
  };
  await post2xx("lines", LINES.join(""), "application/x-ndjson");
  for (const frame of FRAMES.slice(1)) await post2xx("cam", frame, "application/octet-stream");
  for (const signal of SIGNALS) {
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`${daemon.url}/sources/otlp/v1/${signal}`, {
        method: "POST",
        headers: { "Content-Type": "application/x-protobuf" },
        body: encodeRequest(signal, OTLP[signal].request),
      });
      assertEquals(response.status, 200);
      await response.body?.cancel();
    }
  }
  const data = `${daemon.directory}/data`;
  const pattern = new RegExp(`\\.(ndjson|frames|otlp)${suffix.replace(".", "\\.")}$`);
  const done = () => filesUnder(data).filter((path) => pattern.test(path));
  await waitFor(() => done().length >= 5 && filesUnder(data).length === done().length, {
    what: `files of every format, finished and compressed (${compression})`,
  });
  return { daemon, files: done() };
}

for (const compression of ["none", "gzip", "zstd"] as const) {
  Deno.test(`main.ts inspect tells what files of every format hold, and prints it, with compression ${compression}`, async () => {
    const { daemon, files } = await filesOf(compression);
    await using _daemon = daemon;
    const { code, reports } = await reportsOn(files);
    assertEquals(code, 0, JSON.stringify(reports));
    const sum = (format: string, key: "records" | "weight" | "bytes") =>
      reports.filter((report) => report.format === format).reduce((sum, report) => sum + report[key], 0);
    const lineBytes = new TextEncoder().encode(LINES.join("")).length;
    assertEquals([sum("json", "records"), sum("json", "weight"), sum("json", "bytes")], [
      3_000,
      3_000,
      lineBytes,
    ]);
    const frameBytes = FRAMES.reduce((sum, frame) => sum + frame.length, 0) + 19 * 4;
    assertEquals([sum("binary", "records"), sum("binary", "bytes")], [19, frameBytes]);
    for (const signal of SIGNALS) {
      const { request, weight } = OTLP[signal];
      const bytes = 3 * (encodeRequest(signal, request).length + 4);
      const format = `otlp-${signal}`;
      assertEquals([sum(format, "records"), sum(format, "weight"), sum(format, "bytes")], [
        3,
        3 * weight,
        bytes,
      ]);
      for (const { firstTime, lastTime, timesFrom } of reports.filter((report) => report.format === format)) {
        assertEquals(
          [firstTime, lastTime, timesFrom],
          [new Date(FIRST).toISOString(), new Date(LAST).toISOString(), "records"],
        );
      }
    }
    for (const report of reports) {
      const { size, mtime } = await Deno.stat(report.file);
      assertEquals([report.state, report.tornBytes, report.compression, report.open], [
        "whole",
        0,
        compression,
        false,
      ]);
      assertEquals(report.fileBytes, size);
      if (report.timesFrom === "records") continue;
      assert(report.file.includes(report.firstTime!.replaceAll(/[-:]/g, "")));
      assertEquals(report.lastTime, mtime!.toISOString());
    }

    const printed = await inspect("--print", ...files);
    assertEquals([printed.code, printed.stderr], [0, ""]);
    const expected = [
      ...LINES,
      ...FRAMES.slice(1).map((frame) => `{"record":"${frame.toBase64()}"}\n`),
    ];
    const lines = printed.stdout.split(/(?<=\n)/);
    assertEquals(lines.filter((line) => !line.startsWith('{"resource')).sort(), expected.sort());
    for (const signal of SIGNALS) {
      const key = Object.keys(OTLP[signal].request)[0]!;
      const requests = lines.filter((line) => line.startsWith(`{"${key}`)).map((line) => JSON.parse(line));
      const request = toJson(decodeRequest(signal, encodeRequest(signal, OTLP[signal].request)));
      assertEquals(requests, [request, request, request]);
    }

    const table = await inspect(...files);
    assertEquals([table.code, table.stderr], [0, ""]);
    const rows = table.stdout.trim().split("\n");
    assertEquals(rows.length, files.length + 1);
    assert(/^file +state +records +weight +bytes +on disk +first +last +times from$/.test(rows[0]!), rows[0]);
    for (const [i, file] of files.entries()) assert(rows[i + 1]!.startsWith(`${file}  `));
    await daemon.stop();
  });

  Deno.test(`main.ts inspect ends with 1 and tells what is left of a file that was cut, with compression ${compression}`, async () => {
    const { daemon, files } = await filesOf(compression);
    await using _daemon = daemon;
    await daemon.stop();
    const cuts: { file: string; at: number; of: string }[] = [];
    for (const file of files) {
      const bytes = await Deno.readFile(file);
      for (const at of [1, 3, 4, 5, 17, bytes.length >> 1, bytes.length - 9, bytes.length - 1]) {
        const copy = `${daemon.directory}/${at}/${file.slice(file.lastIndexOf("/") + 1)}`;
        await Deno.mkdir(`${daemon.directory}/${at}`, { recursive: true });
        await Deno.writeFile(copy, bytes.subarray(0, at));
        cuts.push({ file: copy, at, of: file });
      }
    }
    const whole = new Map((await reportsOn(files)).reports.map((report) => [report.file, report]));
    const { code, reports } = await reportsOn(cuts.map(({ file }) => file));
    assertEquals(code, 1);
    for (const [i, { at, of }] of cuts.entries()) {
      const report = reports[i]!;
      const before = whole.get(of)!;
      assertEquals(report.file, cuts[i]!.file);
      assertEquals(report.fileBytes, at);
      if (compression !== "none") {
        assertEquals(report.state, "broken", `${of} cut at ${at}: ${JSON.stringify(report)}`);
        assert(report.records <= before.records && report.bytes <= before.bytes);
        continue;
      }
      // What is whole of it, counted by other means.
      const bytes = (await Deno.readFile(of)).subarray(0, at);
      let end = 0;
      let records = 0;
      if (before.format === "json") {
        end = bytes.lastIndexOf(10) + 1;
        records = bytes.reduce((sum, byte) => sum + (byte === 10 ? 1 : 0), 0);
      } else {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
        while (end + 4 <= at && end + 4 + view.getUint32(end) <= at) {
          end += 4 + view.getUint32(end);
          records++;
        }
      }
      assertEquals(
        [report.state, report.records, report.bytes, report.tornBytes],
        [end === at ? "whole" : "torn", records, at, at - end],
        `${of} cut at ${at}`,
      );
    }
  });
}

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
