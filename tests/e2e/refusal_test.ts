// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { type EndlessBody, pushEndlessly } from "./endless_agent.ts";
import { RawHttp } from "./raw_http.ts";
import { waitFor } from "../wait_for.ts";

const MIB = 2 ** 20;
const AGENTS = 50;
/** What a refused agent may get rid of before it is cut off. */
const MOST_BYTES = 8 * MIB;
/** What refusing an agent may cost, in seconds of a processor. It takes about 2 ms; reading on took 140 ms and more. */
const MOST_CPU = 0.03;

const CONFIG = {
  // Small: what is read before the refusal makes the kernel widen the agent's window, to 8 MiB and more after a mebibyte.
  limits: { body: "128KiB", record: "64KiB" },
  sources: {
    good: { policy: "block", sinks: ["disk"] },
    full: {
      policy: "reject",
      buffer: { records: 100, bytes: "128KiB" },
      batch: { records: 1, bytes: 1 },
      sinks: ["console"],
    },
  },
  sinks: { disk: { type: "file", directory: "./data" }, console: { type: "stdout", envelope: false } },
  shutdown: { deadline: "5s" },
};

interface Case extends EndlessBody {
  readonly name: string;
  readonly status: number;
  readonly code: string;
}

const TIB = 2 ** 40;
const INGEST = "/v1/ingest/good";

const CASES: Case[] = [
  { name: "an unknown route", path: "/nowhere", status: 404, code: "not_found" },
  { name: "an unknown route, with a length", path: "/nowhere", length: TIB, status: 404, code: "not_found" },
  { name: "an unknown source", path: "/v1/ingest/unknown", status: 404, code: "unknown_source" },
  {
    name: "an unknown source, with a length",
    path: "/v1/ingest/unknown",
    length: TIB,
    status: 404,
    code: "unknown_source",
  },
  {
    name: "a name that no source can have",
    path: "/v1/ingest/.x",
    length: TIB,
    status: 400,
    code: "invalid_source_name",
  },
  { name: "PUT", method: "PUT", path: INGEST, length: TIB, status: 405, code: "method_not_allowed" },
  { name: "a length over the limit", path: INGEST, length: TIB, status: 413, code: "too_large" },
  {
    name: "a body over the limit",
    path: INGEST,
    headers: { "Content-Type": "application/json" },
    status: 413,
    code: "too_large",
  },
  {
    name: "a record over the limit in a stream",
    path: INGEST,
    repeated: "x",
    start: '"',
    status: 413,
    code: "too_large",
  },
  {
    name: "a content type",
    path: INGEST,
    headers: { "Content-Type": "text/html" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    name: "a coding, with a length",
    path: INGEST,
    headers: { "Content-Encoding": "lz4" },
    length: TIB,
    status: 415,
    code: "unsupported_media_type",
  },
  {
    name: "an invalid record in a stream",
    path: INGEST,
    start: "{}\n".repeat(100) + "nil\n",
    status: 400,
    code: "invalid_record",
  },
  {
    name: "a stream that is not gzip",
    path: INGEST,
    headers: { "Content-Encoding": "gzip" },
    status: 400,
    code: "invalid_encoding",
  },
  { name: "a full buffer", path: "/v1/ingest/full", status: 503, code: "overloaded" },
];

async function check(daemon: DaemonProcess, { name, status, code, ...body }: Case): Promise<void> {
  const cpu = daemon.cpu();
  const stopped = await Promise.all(Array.from({ length: AGENTS }, () => pushEndlessly(daemon.url, body)));
  for (const { response, bytes, cutOff } of stopped) {
    assertEquals(response.status, status, name);
    assert(response.complete, `${name}: the answer breaks off`);
    assertEquals(response.json().error.code, code, name);
    assertEquals(response.headers.get("retry-after"), status === 503 ? "1" : null, name);
    assert(cutOff, `${name}: was not cut off after ${bytes} bytes`);
    assertLessOrEqual(bytes, MOST_BYTES, name);
  }
  assertLess((daemon.cpu() - cpu) / AGENTS, MOST_CPU, `${name}: CPU seconds for each`);
}

/** Has the daemon's standard output stall, and fills the source that goes there: first its bytes, then its records. */
async function fill(daemon: DaemonProcess): Promise<void> {
  for (const body of [`"${"x".repeat(30_000)}"\n`, "{}\n"]) {
    await waitFor(async () => {
      const response = await fetch(`${daemon.url}/v1/ingest/full`, { method: "POST", body });
      await response.body?.cancel();
      return response.status === 503;
    }, { what: "the source to be full", interval: 1 });
  }
}

Deno.test("HttpIngest answers 50 agents at once that push endless bodies, and cuts each off within 8 MiB", async (t) => {
  await using daemon = await DaemonProcess.start({ config: CONFIG, stdout: "stalled", coverage: false });
  await fill(daemon);
  const { memory } = await daemon.statusJson();
  for (const each of CASES) await t.step(each.name, () => check(daemon, each));

  await t.step("and those that come back do not keep others out", async () => {
    let pushing = true;
    const back = Array.from({ length: AGENTS }, async () => {
      let refused = 0;
      for (; refused < 4 && pushing; refused++) {
        const { response, bytes } = await pushEndlessly(daemon.url, { path: "/nowhere", length: TIB });
        assertEquals(response.status, 404);
        assertLessOrEqual(bytes, MOST_BYTES);
      }
      return refused;
    });
    const answers: number[] = [];
    for (let i = 0; i < 200; i++) {
      const response = await fetch(`${daemon.url}${INGEST}`, { method: "POST", body: "{}\n" });
      await response.body?.cancel();
      answers.push(response.status);
    }
    pushing = false;
    assert((await Promise.all(back)).every((refused) => refused > 0));
    assertEquals(answers, Array(200).fill(202));
  });

  const down = await t.step("while it shuts down", async () => {
    const isAsBefore = async () => (await daemon.statusJson()).memory.used <= memory.used;
    await waitFor(isAsBefore, { what: "what refused agents reserved to be given back" });
    daemon.kill("SIGTERM");
    await daemon.waitForLog(({ message }) => message === "draining");
    await check(daemon, { name: "shutdown", path: INGEST, status: 503, code: "shutting_down" });
  });
  if (!down) return;
  await daemon.status; // another signal would end it at once
  const { code, ledger } = await daemon.stop();
  assertEquals(code, 1); // what standard output did not take
  assert(ledger !== undefined);
  assertEquals(daemon.logEntries().filter(({ level }) => level === "error"), []);
});

Deno.test("HttpIngest ends the connection of an agent that sends a body with GET, which nobody can hold", async () => {
  await using daemon = await DaemonProcess.start({ config: CONFIG, coverage: false });
  const agents = Array.from(
    { length: AGENTS },
    () => pushEndlessly(daemon.url, { method: "GET", path: INGEST, length: TIB }),
  );
  for (const { response, bytes, cutOff } of await Promise.all(agents)) {
    assertEquals([response.status, response.json().error.code, cutOff], [405, "method_not_allowed", true]);
    assertLessOrEqual(bytes, MOST_BYTES);
  }
});

Deno.test("HttpIngest keeps the connection of a refused agent with a small body", async () => {
  await using daemon = await DaemonProcess.start({ config: CONFIG, stdout: "stalled", coverage: false });
  await fill(daemon);
  using http = await RawHttp.connect(daemon.url);
  const refused: [status: number, method: string, path: string, body: string, type?: string][] = [
    [404, "POST", "/nowhere", "{}\n".repeat(1000)],
    [404, "POST", "/v1/ingest/unknown", "x".repeat(64 * 1024)],
    [400, "POST", "/v1/ingest/.x", "{}\n"],
    [405, "PUT", INGEST, "{}\n"],
    [415, "POST", INGEST, "<a/>", "text/html"],
    [413, "POST", INGEST, "x".repeat(64 * 1024 + 1), "image/png"],
    [413, "POST", INGEST, "1\n".repeat(20_000)],
    [400, "POST", INGEST, "{]\n"],
    [503, "POST", "/v1/ingest/full", `"${"x".repeat(30_000)}"\n`],
  ];
  for (const [status, method, path, body, type = "application/x-ndjson"] of refused) {
    await http.sendHead(method, path, { "Content-Type": type, "Content-Length": `${body.length}` });
    await http.send(body);
    const response = await http.readResponse();
    assertEquals([response.status, response.headers.get("connection")], [status, null], path);
    await http.sendHead("POST", INGEST, { "Content-Length": "3" });
    await http.send("{}\n");
    assertEquals((await http.readResponse()).status, 202, `after ${status} of ${method} ${path}`);
  }
});

Deno.test("HttpIngest tells a refused agent with a large unread body that it will close the connection, and does", async () => {
  await using daemon = await DaemonProcess.start({ config: CONFIG, coverage: false });
  for (const path of ["/nowhere", "/v1/ingest/unknown"]) {
    using http = await RawHttp.connect(daemon.url);
    await http.sendHead("POST", path, { "Content-Length": `${MIB}` });
    await http.send(new Uint8Array(MIB).fill(0x20));
    const response = await http.readResponse();
    assertEquals([response.status, response.complete], [404, true]);
    assertEquals(new Set(response.headers.get("connection")?.split(", ")), new Set(["close"]));
    await http.readToEnd();
  }
});
