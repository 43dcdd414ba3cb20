// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertLess } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { MessageFlood } from "./message_flood.ts";
import {
  assertBalanced,
  assertNumbers,
  numbersIn,
  PLUG,
  plugStdout,
  untilSource,
} from "./numbered_records.ts";
import { RawWebSocket } from "./raw_websocket.ts";
import { countConnections } from "./tcp_connections.ts";
import { waitFor } from "../wait_for.ts";

/** Milliseconds of silence after which a client is asked; after as many again it is gone. */
const KEEP_ALIVE = 1000;

/** A client in a process of its own. */
class Agent implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
  }

  static async start(mode: "idle" | "flood" | "flood-v1", url: string, from: number = 0): Promise<Agent> {
    const path = (name: string) => new URL(name, import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "--allow-net=127.0.0.1", "--config", path("../../deno.json")]
        .concat(path("./websocket_agent.ts"), mode, url, `${from}`),
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const agent = new Agent(child);
    const reader = child.stdout.getReader();
    const { done } = await reader.read();
    await reader.cancel();
    if (!done) return agent;
    await agent[Symbol.asyncDispose]();
    throw new Error(`The agent ended before it was connected to ${url}`);
  }

  /** Sends it a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill("SIGKILL"); // also one that is stopped
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error; // it has ended
    }
    await this.#child.status;
  }
}

async function startStalled(): Promise<DaemonProcess> {
  const daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      websocket: { keepAlive: KEEP_ALIVE },
      sources: {
        plug: PLUG,
        s: { policy: "block", blockTimeout: "600s", buffer: { records: 100_000, bytes: "1MiB" } },
      },
      sinks: { out: { type: "stdout" } },
    },
  });
  await plugStdout(daemon);
  return daemon;
}

function portOf(daemon: DaemonProcess): number {
  return Number(new URL(daemon.websocketUrl!).port);
}

async function untilConnections(daemon: DaemonProcess, count: number): Promise<void> {
  const what = `${count} connections`;
  await waitFor(() => countConnections(portOf(daemon)) === count, { what, timeout: 60_000 });
}

async function untilUsed(daemon: DaemonProcess, bytes: number): Promise<void> {
  const what = `the memory in use to be ${bytes} bytes`;
  await waitFor(async () => (await daemon.statusJson()).memory.used === bytes, { what });
}

Deno.test("keepAlive: a blocked penstock.v1 client that is killed is noticed, and what it waits with is given up", async () => {
  await using daemon = await startStalled();
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  using first = await MessageFlood.start(url);
  await first.untilBlocked();
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 1);
  const before = await daemon.statusJson();

  await using agent = await Agent.start("flood-v1", url, 10_000_000);
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 2);
  assertGreater((await daemon.statusJson()).memory.used, before.memory.used);
  assertEquals(countConnections(portOf(daemon)), 2);
  agent.kill("SIGKILL");
  await untilConnections(daemon, 1);
  const { ledger } = await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 1);
  assertEquals(ledger.rejectedBy, { aborted: { records: 1, bytes: 200 } });
  await untilUsed(daemon, before.memory.used);

  // The one that lives was blocked for longer, answered no ping all the while, and is not to be ended for it.
  assertEquals(countConnections(portOf(daemon)), 1);
  const stopped = first.stop();
  const output = daemon.resumeStdout();
  await stopped;
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === first.messages, 60_000);
  assertEquals((await daemon.stop()).code, 0);
  assertNumbers(numbersIn(await output, "s"), [0, first.messages]);
});

Deno.test("keepAlive: a blocked plain client that is killed is noticed, and what was read of it still arrives", async () => {
  await using daemon = await startStalled();
  await using agent = await Agent.start("flood", `${daemon.websocketUrl}/v1/ingest/s`);
  await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 1);
  await untilConnections(daemon, 1);
  agent.kill("SIGKILL");
  await untilConnections(daemon, 0);

  // Nobody can send it again, so it goes on waiting.
  const { buffer } = await untilSource(daemon, "s", ({ producersBlocked }) => producersBlocked === 1);
  const output = daemon.resumeStdout();
  await untilSource(daemon, "s", ({ buffer, producersBlocked }) => buffer.records + producersBlocked === 0);
  await waitFor(async () => (await daemon.statusJson()).memory.used === 0, {
    what: "all memory to be given back",
  });
  const { code, ledger } = await daemon.stop();
  assertEquals(code, 0);
  // deno-lint-ignore no-explicit-any -- as the daemon logs it
  const books = (ledger!["sources"] as any).s;
  assertBalanced(books, "s");
  assertEquals(books.delivered, books.received);
  assertGreater(books.delivered.records, buffer.records);
  assertNumbers(numbersIn(await output, "s"), [0, books.delivered.records]);
});

Deno.test("keepAlive: an idle client that is stopped, and answers no ping, is ended; one that answers stays", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      websocket: { keepAlive: KEEP_ALIVE },
      sources: { "*": {} },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  const url = `${daemon.websocketUrl}/v1/ingest/s`;
  await using agent = await Agent.start("idle", url);
  const alive = new WebSocket(url);
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<CloseEvent>();
  let isClosed = false;
  alive.onopen = () => opened.resolve();
  alive.onclose = (event) => {
    isClosed = true;
    closed.resolve(event);
  };
  await opened.promise;
  await untilConnections(daemon, 2);
  const memory = (await daemon.statusJson()).memory.used;

  // Both answer: nobody is ended, however often they are asked.
  const start = performance.now();
  await waitFor(() => {
    assertEquals(countConnections(portOf(daemon)), 2);
    return performance.now() - start > 4 * KEEP_ALIVE;
  }, { what: "four keep-alives to pass" });

  agent.kill("SIGSTOP");
  const stopped = performance.now();
  await untilConnections(daemon, 1);
  // From the last sign of life it takes one keep-alive at least; that may have come a moment before.
  const took = performance.now() - stopped;
  assertGreaterOrEqual(took, KEEP_ALIVE / 2);
  await untilUsed(daemon, memory / 2);
  Deno.stdout.writeSync(new TextEncoder().encode(`ended ${took.toFixed(0)} ms after it was stopped\n`));

  assert(!isClosed);
  alive.send('{"n":0}');
  await untilSource(daemon, "s", ({ ledger }) => ledger.delivered.records === 1);
  alive.close();
  assertEquals((await closed.promise).wasClean, true);
  await untilConnections(daemon, 0);
});

Deno.test("keepAlive: a raw client that does not answer is ended without a close frame", async () => {
  await using daemon = await DaemonProcess.start({
    config: {
      websocket: { keepAlive: KEEP_ALIVE },
      sources: { "*": {} },
      sinks: { disk: { type: "file", directory: "./data" } },
    },
  });
  const start = performance.now();
  using websocket = await RawWebSocket.connect(`${daemon.websocketUrl}/v1/ingest/s`);
  let pings = 0;
  for (let next; (next = await websocket.readFrame(60_000)) !== undefined;) {
    assertEquals([next.opcode, next.payload.length], [9, 0]);
    assertEquals(++pings, 1); // it is asked once, and then ended
  }
  assertEquals(pings, 1);
  assertGreaterOrEqual(performance.now() - start, KEEP_ALIVE * 0.9);
  assertLess(countConnections(portOf(daemon)), 1);
});
