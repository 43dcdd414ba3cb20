// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual, assertStringIncludes } from "@std/assert";
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { DaemonProcess } from "./daemon_process.ts";
import { untilSource } from "./numbered_records.ts";
import { RawHttp } from "./raw_http.ts";

const KINDS = ["metrics", "logs", "traces"] as const;
const FOLDER = new URL("../fixtures/", import.meta.url);
const encoder = new TextEncoder();

/** The records as they are in the fixture, without white space around the values. */
const FIXTURES = KINDS.map((kind) => {
  const text = Deno.readTextFileSync(new URL(`${kind}.ndjson`, FOLDER));
  const records = text.trimEnd().split("\n").map((line) => line.replace(/^[ \t\r]+|[ \t\r]+$/g, ""));
  return { kind, text, records };
});

type Bytes = Uint8Array<ArrayBuffer>;
interface Format {
  readonly type: string;
  readonly coding?: string;
  readonly chunked?: boolean;
  body(text: string, records: string[]): Bytes | Promise<Bytes>;
}

const ndjson = (text: string) => encoder.encode(text);
const NDJSON = "application/x-ndjson";
const JSON_TYPE = "application/json; charset=utf-8";
const FORMATS: Record<string, Format> = {
  "ndjson": { type: NDJSON, body: ndjson },
  "ndjson-crlf": { type: "application/jsonl", body: (text) => ndjson(text.replaceAll("\n", "\r\n\n")) },
  "array": { type: JSON_TYPE, body: (_, records) => encoder.encode(`[${records.join(",")}]`) },
  "array-spread": {
    type: JSON_TYPE,
    body: (_, records) => encoder.encode(`[\n\t${records.join(" ,\n")}\n]\n`),
  },
  // In a series of values an array stands for its elements, so a record that is one has to be wrapped.
  "concatenated": {
    type: JSON_TYPE,
    body: (_, records) =>
      encoder.encode(records.map((record) => record.startsWith("[") ? `[${record}]` : record).join(" ")),
  },
  "gzip": { type: NDJSON, coding: "gzip", body: async (text) => await tool("gzip", gzipSync)(ndjson(text)) },
  "deflate": { type: NDJSON, coding: "deflate", body: (text) => new Uint8Array(deflateSync(ndjson(text))) },
  "br": { type: NDJSON, coding: "br", body: (text) => tool("brotli", brotliCompressSync)(ndjson(text)) },
  "zstd": { type: NDJSON, coding: "zstd", body: (text) => tool("zstd", zstdCompressSync)(ndjson(text)) },
  "array-gzip": {
    type: JSON_TYPE,
    coding: "gzip",
    body: (_, records) => tool("gzip", gzipSync)(encoder.encode(`[${records.join(", ")}]`)),
  },
  "chunked": { type: NDJSON, chunked: true, body: ndjson },
  "chunked-gzip": {
    type: NDJSON,
    coding: "gzip",
    chunked: true,
    body: (text) => tool("gzip", gzipSync)(ndjson(text)),
  },
};

function say(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

const absent = new Set<string>();

/** Runs a program over some bytes; nothing when it is not installed. */
async function run(command: string, args: string[], input: Bytes): Promise<Bytes | undefined> {
  if (absent.has(command)) return undefined;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(command, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    absent.add(command);
    say(`${command} is not installed: something equivalent is used`);
    return undefined;
  }
  const [, { code, stdout, stderr }] = await Promise.all([
    new Blob([input]).stream().pipeTo(child.stdin).catch(() => {}),
    child.output(),
  ]);
  assertEquals(code, 0, `${command}: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/** Compresses with a program of the same name, or with a function of the runtime where it is not installed. */
function tool(command: string, instead: (data: Bytes) => Uint8Array): (data: Bytes) => Promise<Bytes> {
  return async (data) => await run(command, ["-c"], data) ?? new Uint8Array(instead(data));
}

/** Posts with a real curl, or through a raw socket. */
async function send(
  url: string,
  { type, coding, chunked = false }: Omit<Format, "body">,
  body: Bytes,
): Promise<string> {
  const headers: [string, string][] = [["Content-Type", type]];
  if (coding !== undefined) headers.push(["Content-Encoding", coding]);
  if (chunked) headers.push(["Transfer-Encoding", "chunked"]);
  const fields = headers.flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const args = ["-sS", "--max-time", "60", "-X", "POST", ...fields, "-w", " %{http_code}"];
  // What curl uploads from its standard input is streamed as it comes; what it posts as data has a length.
  const upload = chunked ? ["-T", "-"] : ["--data-binary", "@-"];
  const output = await run("curl", [...args, ...upload, url], body);
  if (output !== undefined) return new TextDecoder().decode(output);
  using http = await RawHttp.connect(url);
  const length: [string, string][] = chunked ? [] : [["Content-Length", `${body.length}`]];
  await http.sendHead("POST", new URL(url).pathname, [...headers, ...length]);
  if (chunked) {
    for (let at = 0; at < body.length; at += 5000) await http.sendChunk(body.subarray(at, at + 5000));
    await http.endChunks();
  } else await http.send(body);
  const response = await http.readResponse();
  return `${response.text()} ${response.status}`;
}

function assertBytes(actual: Bytes, expected: Bytes, what: string): void {
  const at = expected.findIndex((byte, i) => byte !== actual[i]);
  const around = (bytes: Bytes) => new TextDecoder().decode(bytes.subarray(Math.max(0, at - 40), at + 40));
  assert(at === -1, `${what} differs from byte ${at} on: ${around(actual)} in place of ${around(expected)}`);
  assertEquals(actual.length, expected.length, what);
}

const DISK = { disk: { type: "file", directory: "./data" } };

Deno.test("real agents' records are on disk byte for byte and in order, in whatever format they came", async (t) => {
  assertGreaterOrEqual(FIXTURES.reduce((sum, { records }) => sum + records.length, 0), 2000);
  await using daemon = await DaemonProcess.start({
    config: { sources: { "*": { policy: "block" } }, sinks: DISK },
  });
  for (const [name, format] of Object.entries(FORMATS)) {
    await t.step(name, async () => {
      for (const { kind, text, records } of FIXTURES) {
        const source = `${kind}-${name}`;
        const body = await format.body(text, records);
        const answer = await send(`${daemon.url}/v1/ingest/${source}`, format, body);
        assertEquals(answer, `{"accepted":${records.length},"dropped":0,"evicted":0}\n 202`, source);
        await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records === records.length);
        const expected = encoder.encode(records.map((record) => record + "\n").join(""));
        assertBytes(await daemon.recordsOf(source), expected, source);
      }
    });
  }
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger?.["undelivered"]], [0, 0]);
});

/** Frames of many sizes, of random bytes. */
function randomFrames(): Bytes[] {
  return [1, 2, 3, 4, 5, 255, 1000, 4096, 65_535, 65_536, 65_537, 300_000, 2 ** 20].map((size) => {
    const frame = new Uint8Array(size);
    for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(frame.subarray(at, at + 65_536));
    return frame;
  });
}

Deno.test("frames are on disk byte for byte, each after its length in four bytes, big-endian", async () => {
  await using daemon = await DaemonProcess.start({
    config: { sources: { cam: { kind: "frames", policy: "block" } }, sinks: DISK },
  });
  const parts: Bytes[] = [];
  const frames = [...randomFrames(), ...randomFrames()];
  for (const [i, frame] of frames.entries()) {
    const type = ["application/octet-stream", "image/jpeg", "video/h264"][i % 3]!;
    const answer = await send(`${daemon.url}/v1/ingest/cam`, { type, chunked: i % 4 === 3 }, frame);
    assertEquals(answer, '{"accepted":1,"dropped":0,"evicted":0}\n 202');
    const prefix = new Uint8Array(4);
    new DataView(prefix.buffer).setUint32(0, frame.length, false);
    parts.push(prefix, frame);
  }
  await untilSource(daemon, "cam", ({ ledger }) => ledger.delivered.records === frames.length);
  assert(daemon.files("cam").every((file) => file.endsWith(".frames.open")), daemon.files("cam").join());
  assertBytes(await daemon.recordsOf("cam"), await new Blob(parts).bytes(), "cam");
});

/** Sends every fixture and every frame to a daemon with a standard output as its sink. */
async function printed(envelope: boolean): Promise<{ lines: string[]; frames: Bytes[] }> {
  await using daemon = await DaemonProcess.start({
    stdout: "piped",
    config: { sources: { "*": { policy: "block" } }, sinks: { out: { type: "stdout", envelope } } },
  });
  const output = new Response(daemon.readStdout() as ReadableStream<Bytes>).text();
  const frames = randomFrames();
  for (const { kind, text } of FIXTURES) {
    assertStringIncludes(
      await send(`${daemon.url}/v1/ingest/${kind}`, { type: NDJSON }, ndjson(text)),
      " 202",
    );
    await untilSource(daemon, kind, ({ buffer }) => buffer.records === 0);
  }
  for (const frame of frames) {
    assertStringIncludes(await send(`${daemon.url}/v1/ingest/cam`, { type: "image/png" }, frame), " 202");
  }
  assertEquals((await daemon.stop()).code, 0);
  const lines = (await output).split("\n");
  assertEquals(lines.pop(), "");
  return { lines, frames };
}

Deno.test("stdout: an envelope tells source and time, and the record in it is byte for byte as it came", async () => {
  const { lines, frames } = await printed(true);
  let next = 0;
  for (const { kind, records } of FIXTURES) {
    for (const record of records) {
      const line = lines[next++]!;
      const { source, received } = JSON.parse(line);
      assertEquals(source, kind);
      assertEquals(new Date(received).toISOString(), received);
      assert(line === `{"source":"${kind}","received":"${received}","record":${record}}`, line);
    }
  }
  for (const frame of frames) {
    const { source, record } = JSON.parse(lines[next++]!);
    assertEquals(source, "cam");
    assertBytes(Uint8Array.fromBase64(record), frame, `frame of ${frame.length} bytes`);
  }
  assertEquals(lines.length, next);
});

Deno.test("stdout: without envelope a line is the record, and a frame is an object with its base64", async () => {
  const { lines, frames } = await printed(false);
  const expected = [
    ...FIXTURES.flatMap(({ records }) => records),
    ...frames.map((frame) => `{"record":"${frame.toBase64()}"}`),
  ];
  assertEquals(lines.length, expected.length);
  const at = lines.findIndex((line, i) => line !== expected[i]);
  assertEquals(at, -1, `line ${at}: ${lines[at]?.slice(0, 200)}`);
});
