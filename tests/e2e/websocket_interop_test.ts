// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
// @ts-types="npm:@types/ws@8.18.2"
import { WebSocket as WsClient } from "ws";
import { DaemonProcess } from "./daemon_process.ts";
import {
  filesOf,
  fragmentsOf,
  type MessageKind,
  messageOf,
  sendNumbered,
  type StandardClient,
} from "./interop_messages.ts";
import { untilSource } from "./numbered_records.ts";
import { waitFor } from "../wait_for.ts";

const COUNT = 4000;
const KINDS: MessageKind[] = ["text", "binary"];
const PROTOCOLS = ["", "penstock.v1"];
/** As generous as a machine can be slow; a client that hangs ends the test all the same. */
const TIMEOUT = 120_000;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function start(): Promise<DaemonProcess> {
  return DaemonProcess.start({
    config: {
      sources: { "*": { policy: "block", blockTimeout: "60s", buffer: { records: 1000, bytes: "1MiB" } } },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
}

/** Has a client send every kind of message, plain and with the subprotocol, and looks at what is in the files. */
async function exchange(
  t: Deno.TestContext,
  daemon: DaemonProcess,
  client: string,
  send: (url: string, protocol: string, kind: MessageKind, fragments: number) => Promise<void>,
  fragmentCounts: readonly number[],
): Promise<void> {
  for (const protocol of PROTOCOLS) {
    for (const kind of KINDS) {
      for (const fragments of fragmentCounts) {
        const how = `${kind}${protocol && "-v1"}${fragments > 1 ? `-in-${fragments}` : ""}`;
        await t.step(how, async () => {
          const source = `${client}-${how}`;
          await send(`${daemon.websocketUrl}/v1/ingest/${source}`, protocol, kind, fragments);
          await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records === COUNT, TIMEOUT);
          const [actual, expected] = [await daemon.recordsOf(source), await filesOf(kind, COUNT)];
          const at = expected.findIndex((byte, i) => byte !== actual[i]);
          assertEquals([at, actual.length], [-1, expected.length], `${source} differs from that byte on`);
        });
      }
    }
  }
  await waitFor(async () => {
    const { memory, websocket } = await daemon.statusJson();
    return memory.used === 0 && websocket.connections === 0;
  }, { what: "all connections to be gone, and their memory" });
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger?.["undelivered"]], [0, 0]);
}

Deno.test("Deno's WebSocket: what it sends is in the files, byte for byte and in order", async (t) => {
  await using daemon = await start();
  await exchange(t, daemon, "deno", async (url, protocol, kind) => {
    const client = protocol === "" ? new WebSocket(url) : new WebSocket(url, protocol);
    await sendNumbered(client, (message) => client.send(message), kind, COUNT);
    assertEquals(client.protocol, protocol);
  }, [1]);
});

Deno.test("ws's client: what it sends is in the files, byte for byte and in order, fragments too", async (t) => {
  await using daemon = await start();
  await exchange(t, daemon, "ws", async (url, protocol, kind, fragments) => {
    // It offers compression, which the daemon declines.
    const client = protocol === "" ? new WsClient(url) : new WsClient(url, protocol);
    const binary = kind === "binary";
    await sendNumbered(
      client as unknown as StandardClient,
      (message) => {
        const parts = fragments === 1 ? [message] : fragmentsOf(message, fragments);
        for (const [i, part] of parts.entries()) client.send(part, { binary, fin: i === parts.length - 1 });
      },
      kind,
      COUNT,
    );
    assertEquals([client.protocol, client.extensions], [protocol, ""]);
  }, [1, 3]);
});

/** Runs a program; nothing where there is none of that name. */
async function run(command: string, args: string[]): Promise<Deno.CommandOutput | undefined> {
  const signal = AbortSignal.timeout(TIMEOUT);
  try {
    return await new Deno.Command(command, { args, stdin: "null", stdout: "piped", stderr: "piped", signal })
      .output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

const decoder = new TextDecoder();

/** The Python that has `websockets`: which one `python3` is differs, and the system's has what the system installed. */
async function pythonWithWebSockets(): Promise<string | undefined> {
  for (const python of ["python3", "/usr/bin/python3"]) {
    const output = await run(python, ["-c", "import websockets; print(websockets.__version__)"]);
    if (output?.success !== true) continue;
    say(`${python} has websockets ${decoder.decode(output.stdout).trim()}`);
    return python;
  }
  return undefined;
}

Deno.test("Python's websockets: what it sends is in the files, byte for byte and in order, fragments too", async (t) => {
  const python = await pythonWithWebSockets();
  if (python === undefined) {
    say("NOT TESTED: no Python here has the package websockets");
    return;
  }
  await using daemon = await start();
  const script = new URL("./interop_client.py", import.meta.url).pathname;
  await exchange(t, daemon, "python", async (url, protocol, kind, fragments) => {
    const output = await run(python, [script, url, protocol, kind, `${COUNT}`, `${fragments}`]);
    assert(output?.success, decoder.decode(output?.stderr));
    assertEquals(decoder.decode(output.stdout), "1000\n");
  }, [1, 3]);
});

Deno.test("wscat: what it sends is in the files, byte for byte and in order", async (t) => {
  const version = await run("wscat", ["--version"]);
  if (version?.success !== true) {
    const why = version === undefined ? "is not installed" : "is installed, but does not run";
    const errors = /^Error: .*/m.exec(decoder.decode(version?.stderr))?.[0] ?? "";
    say(`NOT TESTED: wscat ${why} ${errors}`);
    return;
  }
  await using daemon = await start();
  for (const protocol of PROTOCOLS) {
    await t.step(protocol || "plain", async () => {
      const source = `wscat${protocol && "-v1"}`;
      const url = `${daemon.websocketUrl}/v1/ingest/${source}`;
      // It sends text alone, and one message for each time it is run; what is an argument must not be longer than this.
      const count = 900;
      const text = Array.from({ length: count }, (_, n) => messageOf("text", n)).join("\n");
      const args = ["--no-color", "-c", url, ...(protocol ? ["-s", protocol] : []), "-w", "1", "-x", text];
      const output = await run("wscat", args);
      assert(output?.success, decoder.decode(output?.stderr));
      const answers = protocol ? [`{"type":"hello"`, `"seq":1,"accepted":${count},`] : [];
      for (const answer of answers) assert(decoder.decode(output.stdout).includes(answer), answer);
      await untilSource(daemon, source, ({ ledger }) => ledger.delivered.records === count, TIMEOUT);
      assertEquals(await daemon.recordsOf(source), await filesOf("text", count));
    });
  }
});
