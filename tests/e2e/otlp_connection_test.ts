// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { DaemonProcess } from "./daemon_process.ts";
import { RawHttp } from "./raw_http.ts";

const encoder = new TextEncoder();
const GOOD = encoder.encode('{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"n"}]}]}]}');
const JSON_TYPE = "application/json", PROTOBUF_TYPE = "application/x-protobuf";
const gzip = new Uint8Array(gzipSync(GOOD));

interface Case {
  readonly status: number;
  readonly type: string;
  readonly body: Uint8Array<ArrayBuffer>;
  readonly method?: string;
  readonly path?: string;
  readonly coding?: string;
}

/** What is wrong in as many ways as there are answers, and what only looks as if it were. */
const CASES: readonly Case[] = [
  { status: 400, type: JSON_TYPE, body: encoder.encode("{") },
  { status: 400, type: JSON_TYPE, body: new Uint8Array(0) },
  { status: 200, type: PROTOBUF_TYPE, body: new Uint8Array(0) },
  { status: 400, type: PROTOBUF_TYPE, body: Uint8Array.of(10, 100, 1) },
  { status: 400, type: JSON_TYPE, coding: "gzip", body: gzip.slice(0, -5) },
  { status: 400, type: JSON_TYPE, coding: "gzip", body: Uint8Array.of(...gzip, 1, 2, 3, 4) },
  { status: 200, type: "Application/JSON; charset=utf-8", coding: "GZIP", body: gzip },
  { status: 404, type: PROTOBUF_TYPE, path: "/sources/other/v1/traces", body: Uint8Array.of(10, 0) },
  { status: 405, type: PROTOBUF_TYPE, method: "PUT", body: Uint8Array.of(10, 0) },
  { status: 413, type: JSON_TYPE, coding: "gzip", body: new Uint8Array(gzipSync(new Uint8Array(100_000))) },
  { status: 415, type: "text/plain", body: GOOD },
  { status: 415, type: PROTOBUF_TYPE, coding: "snappy", body: Uint8Array.of(10, 0) },
];

Deno.test("OTLP on either listener: a connection goes on after every refused request, and the next one is kept", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      limits: { body: "64KiB", record: "64KiB" },
      sources: { "otlp-*": { policy: "reject" } },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  const urls = [daemon.url, daemon.websocketUrl!.replace("ws:", "http:")];
  for (const url of urls) {
    using http = await RawHttp.connect(url);
    const answer = async (
      { type, body, method = "POST", path = "/v1/traces", coding }: Omit<Case, "status">,
    ) => {
      const headers = { "Content-Type": type, "Content-Length": `${body.length}` };
      await http.sendHead(
        method,
        path,
        coding === undefined ? headers : { ...headers, "Content-Encoding": coding },
      );
      await http.send(body);
      const { status, headers: told } = await http.readResponse();
      return [status, told.get("content-type")];
    };
    for (const { status, ...request } of CASES) {
      const answeredIn = request.type === PROTOBUF_TYPE ? PROTOBUF_TYPE : JSON_TYPE;
      assertEquals(await answer(request), [status, answeredIn], JSON.stringify(request));
      assertEquals(await answer({ type: JSON_TYPE, body: GOOD }), [200, JSON_TYPE]);
    }
  }
  assertEquals((await daemon.stop()).code, 0);
  const lines = new TextDecoder().decode(await daemon.recordsOf("otlp-traces")).split("\n").slice(0, -1);
  assertEquals(lines, new Array(urls.length * (CASES.length + 1)).fill(new TextDecoder().decode(GOOD)));
});
