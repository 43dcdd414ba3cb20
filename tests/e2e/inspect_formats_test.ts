// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { decodeRequest, encodeRequest } from "../collector/otlp_decoder.ts";
import { toJson } from "../collector/otlp_requests.ts";
import { filesOf, FIRST, FRAMES, LAST, LINES, OTLP, SIGNALS } from "./files_of_every_format.ts";
import { inspect, reportsOn } from "./inspect_command.ts";

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
