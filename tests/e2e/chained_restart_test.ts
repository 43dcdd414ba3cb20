// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { stopAndBalance } from "./chain.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { freePort } from "./free_port.ts";
import { assertNumbers, numbered, numbersIn, post, untilSource } from "./numbered_records.ts";
import { filesUnder } from "./process_files.ts";

const RULE = { policy: "block", blockTimeout: "1m", ack: "written", batch: { linger: "5ms" } };
const AGENTS = 8;
/** Records in a request. */
const REQUEST = 50;
const RESTARTS = 3;
/** Records that have to be acknowledged between two restarts, so that each comes in the middle of something. */
const BETWEEN = 100 * REQUEST;
/** The numbers of an agent's records begin at its own number times this. */
const APART = 1_000_000;

/** A daemon that can be started again where it was: on the same port, with the same files. */
class Restarted implements AsyncDisposable {
  readonly url = `http://127.0.0.1:${freePort()}`;
  readonly directory: string;
  daemon: DaemonProcess;

  private constructor(directory: string) {
    this.directory = directory;
    this.daemon = undefined!;
  }

  static async start(): Promise<Restarted> {
    const restarted = new Restarted(await Deno.makeTempDir({ prefix: "penstock-core-" }));
    await restarted.run();
    return restarted;
  }

  async run(): Promise<void> {
    this.daemon = await DaemonProcess.start({
      config: {
        listen: { http: this.url.slice("http://".length) },
        sources: { s: RULE },
        sinks: { disk: { type: "file", directory: this.directory } },
      },
    });
  }

  /** Every record in its files, a line that the end cut off left out. */
  numbers(): number[] {
    return filesUnder(`${this.directory}/s`).flatMap((path) => {
      const text = Deno.readTextFileSync(path);
      return numbersIn(text.slice(0, text.lastIndexOf("\n") + 1));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.daemon[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Agents that send side by side, each one request after the other, acknowledged when it is written on the other side. */
class Agents {
  /** Behind the last number of each that was acknowledged. */
  readonly acknowledged = Array.from({ length: AGENTS }, (_, agent) => agent * APART);
  stopped = false;
  readonly #daemon: DaemonProcess;

  constructor(daemon: DaemonProcess) {
    this.#daemon = daemon;
  }

  /** How many records were acknowledged. */
  get total(): number {
    return this.acknowledged.reduce((sum, to, agent) => sum + to - agent * APART, 0);
  }

  /** Every number that was acknowledged, and no other. */
  get ranges(): [from: number, to: number][] {
    return this.acknowledged.map((to, agent) => [agent * APART, to]);
  }

  async run(): Promise<void> {
    await Promise.all(this.acknowledged.map((_, agent) => this.#run(agent)));
  }

  async #run(agent: number): Promise<void> {
    while (!this.stopped) {
      const from = this.acknowledged[agent]!;
      const { status, body } = await post(this.#daemon, "s", numbered(from, from + REQUEST));
      assertEquals([status, body], [200, { accepted: REQUEST, dropped: 0, evicted: 0 }]);
      this.acknowledged[agent]! += REQUEST;
    }
  }
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`chain: ${signal} of the other side loses nothing that was acknowledged as written`, async () => {
    await using core = await Restarted.start();
    await using edge = await DaemonProcess.start({
      config: {
        sources: { s: RULE },
        sinks: {
          upstream: {
            type: "http",
            url: `${core.url}/v1/ingest/{source}`,
            retry: { initial: "20ms", max: "200ms" },
            breaker: { failures: 0 },
          },
        },
      },
    });
    const agents = new Agents(edge);
    const running = agents.run();
    const untilMore = async () => {
      const goal = agents.total + BETWEEN;
      await Promise.race([running, untilSource(edge, "s", () => agents.total >= goal)]);
    };
    const lied: number[] = [];
    for (let restart = 0; restart < RESTARTS; restart++) {
      await untilMore();
      core.daemon.kill(signal);
      await core.daemon.status;
      // Nobody writes now: what was acknowledged has to be there.
      const there = new Set(core.numbers());
      for (const [from, to] of agents.ranges) {
        for (let n = from; n < to; n++) if (!there.has(n)) lied.push(n);
      }
      await core.daemon[Symbol.asyncDispose]();
      await core.run();
    }
    await untilMore();
    agents.stopped = true;
    await running;
    assertEquals(lied, []);

    const { total } = agents;
    const books = await stopAndBalance(edge, "s");
    assertEquals([books.received.records, books.delivered.records], [total, total]);
    await stopAndBalance(core.daemon, "s");
    const numbers = core.numbers();
    const seen = new Set<number>();
    const first = numbers.filter((n) => !seen.has(n) && seen.add(n));
    for (const [agent, range] of agents.ranges.entries()) {
      assertNumbers(first.filter((n) => Math.floor(n / APART) === agent), range);
    }
    assertEquals(first.length, total);
    // Twice is what was written and not answered before the end came: a batch at most each time.
    const twice = numbers.length - total;
    if (signal === "SIGTERM") assertEquals(twice, 0);
    else assertLessOrEqual(twice, RESTARTS * AGENTS * REQUEST);
    assertGreater(total, RESTARTS * BETWEEN);
    const failed = edge.logEntries().some(({ message }) => message === "sink fails");
    assert(failed, "no request ever failed: the restarts were not in the middle of anything");
    Deno.stdout.writeSync(
      new TextEncoder().encode(`${signal}, ${RESTARTS} restarts: ${total} records, ${twice} of them twice\n`),
    );
  });
}
