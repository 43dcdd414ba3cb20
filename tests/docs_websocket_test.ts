// @ts-types="./types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import { z } from "zod";
import type { connectToPenstock } from "../docs/examples/websocket_browser.js";
import { DaemonProcess } from "./e2e/daemon_process.ts";
import { read, ROOT } from "./readme_session.ts";
import { waitFor } from "./wait_for.ts";

const PAGE = "docs/websocket.md";
const SCHEMA = "docs/websocket.schema.json";
/** Where the daemon listens in the page. */
const WEBSOCKET = "ws://127.0.0.1:4319";

/** The code blocks of the page in a language. */
function blocks(language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, "gm");
  return [...read(PAGE).matchAll(pattern)].map(([, block]) => block!);
}

/** The one block in a language that mentions something. */
function blockWith(language: string, text: string): string {
  const found = blocks(language).filter((block) => block.includes(text));
  assertEquals(found.length, 1, `${found.length} blocks of '${language}' have '${text}'`);
  return found[0]!;
}

const startDefault = () =>
  DaemonProcess.start({
    config: { sources: { "*": {} }, sinks: { disk: { type: "file", directory: "./data" } } },
  });

/** What a source's files are to hold in the end. */
async function untilOnDisk(daemon: DaemonProcess, source: string, text: string): Promise<void> {
  const size = new TextEncoder().encode(text).length;
  await waitFor(async () => (await daemon.recordsOf(source)).length >= size, { what: "the records on disk" });
  assertEquals(new TextDecoder().decode(await daemon.recordsOf(source)), text);
}

/** Runs a command of the page, from where the page says, on another daemon and other input. */
async function runCommand(daemon: DaemonProcess, input: string) {
  const file = join(daemon.directory, "records.ndjson");
  await Deno.writeTextFile(file, input);
  const [command] = blockWith("console", "websocket_client.ts").split("\n");
  const here = command!.replace("$ deno ", `'${Deno.execPath()}' `).replace(WEBSOCKET, daemon.websocketUrl!)
    .replace("records.ndjson", `'${file}'`);
  // Without the variable that would make it contribute to coverage, which it has no permission for.
  const { DENO_COVERAGE_DIR: _, ...env } = Deno.env.toObject();
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    args: ["-c", here],
    cwd: ROOT,
    env: { ...env, NO_COLOR: "1" },
    clearEnv: true,
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("docs/websocket.md: the example client sends the lines of a file, and tells which were refused", async () => {
  await using daemon = await startDefault();
  const lines = Array.from({ length: 3000 }, (_, n) => `{"n":${n},"text":"Zürich ${"x".repeat(n % 300)}"}\n`);
  assertEquals(await runCommand(daemon, lines.join("")), { code: 0, stdout: "", stderr: "" });
  await untilOnDisk(daemon, "app", lines.join(""));

  // The last line lacks its line feed.
  const { code, stderr } = await runCommand(daemon, '{"n":3000}\n{"n":\n{"n":3001}');
  assertEquals([code, stderr], [
    1,
    'refused, record 1, byte 6: unexpected end, expected a value: {"n":\n',
  ]);
  await untilOnDisk(daemon, "app", `${lines.join("")}{"n":3000}\n{"n":3001}\n`);
});

Deno.test("docs/websocket.md: the snippets for browsers and for plain clients send what they say", async () => {
  await using daemon = await startDefault();
  /** Runs a snippet as a module of its own. */
  const run = async (name: string, snippet: string) => {
    const path = join(daemon.directory, name);
    const examples = new URL("../docs/examples/", import.meta.url).href;
    const here = snippet.replace(WEBSOCKET, daemon.websocketUrl!).replace("./examples/", examples);
    await Deno.writeTextFile(path, here);
    return await import(`file://${path}`);
  };

  const browser = blockWith("js", "websocket_browser.js");
  const { penstock } = await run("browser.js", `${browser}export { penstock };\n`) as {
    penstock: ReturnType<typeof connectToPenstock>;
  };
  assertEquals(penstock.pending(), 1);
  await waitFor(() => penstock.pending() === 0, { what: "the acknowledgement" });
  penstock.close();
  await untilOnDisk(daemon, "app", '{"clicked":"buy"}\n');

  const plain = blockWith("js", "new WebSocket");
  const { socket } = await run("plain.js", `${plain}export { socket };\n`) as { socket: WebSocket };
  await untilOnDisk(daemon, "metrics-web01", '{"cpu":0.42}\n');
  const closed = new Promise((resolve) => socket.onclose = resolve);
  socket.close();
  await closed;
});

/** A client that only keeps what it is told. */
async function open(daemon: DaemonProcess, source: string) {
  const socket = new WebSocket(`${daemon.websocketUrl}/v1/ingest/${source}`, "penstock.v1");
  const received: string[] = [];
  socket.onmessage = ({ data }) => received.push(data);
  const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
  await waitFor(() => received.length === 1, { what: "the greeting" });
  /** Waits until so many messages were received. */
  const until = (count: number) => waitFor(() => received.length >= count, { what: `message ${count}` });
  return { socket, received, closed, until };
}

Deno.test("docs/websocket.md: the session goes as it says", async () => {
  await using daemon = await startDefault();
  const lines = blockWith("text", '< {"type":"hello"').trimEnd().split("\n");
  const { socket, received, closed, until } = await open(daemon, "app");
  const seen: string[] = [];
  let told = 0;
  for (const line of lines) {
    if (line.startsWith("> ")) {
      socket.send(line.slice(2));
      seen.push(line);
    } else {
      await until(told + 1);
      seen.push(`< ${received[told++]}`);
    }
  }
  assertEquals(seen, lines);
  assertEquals(lines.length, 10);
  socket.close();
  await closed;
  assertEquals(received.length, told);
});

Deno.test("docs/websocket.schema.json is what the page has", () => {
  assertEquals(blocks("json"), [read(SCHEMA)]);
});

interface ObjectSchema {
  readonly properties: { readonly type: { readonly const: string } } & Record<string, unknown>;
  readonly required: readonly string[];
}

const schema = JSON.parse(read(SCHEMA)) as { readonly $defs: Record<string, ObjectSchema> };
const validator = z.fromJSONSchema(schema as unknown as Parameters<typeof z.fromJSONSchema>[0]);

/** Which kind of message it is by the schema, which leaves room for further members; here there must be none. */
function kindOf(text: string): string {
  const message = JSON.parse(text);
  validator.parse(message);
  const members = Object.keys(message).sort();
  const kinds = Object.entries(schema.$defs).filter(([, { properties, required }]) =>
    properties.type.const === message.type && required.toSorted().join() === members.join()
  );
  assertEquals(kinds.length, 1, `${text} is of ${kinds.length} kinds`);
  return message.type === "nack" ? `${kinds[0]![0]} ${message.code}` : kinds[0]![0];
}

Deno.test("docs/websocket.schema.json: holds for everything that a daemon sends", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      sources: {
        broken: { ack: "written" },
        // What is in the buffer stays there.
        full: { policy: "reject", buffer: { records: 2 }, batch: { records: 2, linger: "60s" } },
      },
      sinks: { disk: { type: "file", directory: "./data", retry: { maxElapsed: 0 } } },
    },
  });
  // Where the sink would make a directory.
  await Deno.mkdir(join(daemon.directory, "data"), { recursive: true });
  await Deno.writeTextFile(join(daemon.directory, "data/broken"), "");
  const broken = await open(daemon, "broken");
  broken.socket.send("{}");
  await broken.until(3);
  const full = await open(daemon, "full");
  for (const [message, received] of [["1", 2], ["2\n3", 4], ["nil", 6], ["4\n5\n6", 8]] as const) {
    full.socket.send(message);
    await full.until(received); // the credit is two
  }

  daemon.kill("SIGTERM");
  const kinds = [];
  for (const { received, closed } of [broken, full]) {
    assertEquals((await closed).code, 1001);
    const last = JSON.parse(received.at(-1)!);
    assertEquals([last.type, last.credit], ["ack", 0]);
    kinds.push(...received.map(kindOf));
  }
  const sorted = [...new Set(kinds)].sort();
  const all = ["invalid_record", "too_large"].map((code) => `refused ${code}`)
    .concat(["not_written", "overloaded"].map((code) => `tryAgain ${code}`));
  assertEquals(sorted, ["ack", "hello", ...all]);
});

Deno.test("docs/websocket.schema.json: holds for nothing else", () => {
  const ack = { type: "ack", seq: 1, accepted: 1, dropped: 0, evicted: 0, credit: 1 };
  const nack = { type: "nack", seq: 1, code: "too_large", message: "m" };
  assert(validator.safeParse(ack).success && validator.safeParse(nack).success);
  const wrong = [
    { type: "bye" },
    { type: "hello" },
    { type: "hello", credit: 0 },
    { ...ack, seq: -1 },
    { ...ack, accepted: "1" },
    { ...ack, credit: 1.5 },
    { ...ack, evicted: undefined },
    { ...nack, seq: 0 },
    { ...nack, code: "overloaded" }, // when to send it again is not told
    { ...nack, code: "other", retryAfterMs: 1 },
    { ...nack, message: undefined },
    [ack],
    "ack",
  ];
  assertEquals(wrong.filter((message) => validator.safeParse(message).success), []);
});
