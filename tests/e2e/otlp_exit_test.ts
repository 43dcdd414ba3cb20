// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { post } from "./numbered_records.ts";

/** How long the runtime may wait for the answer to one export, in milliseconds. */
const EXPORT_TIMEOUT = 1_000;

/** An endpoint that takes every connection and all that is sent, and never answers. */
class SilentEndpoint implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #connections: Deno.Conn[] = [];
  readonly #done: Promise<unknown>;
  bytes = 0;

  constructor() {
    this.#done = this.#accept();
  }

  get url(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  async #accept(): Promise<void> {
    const readers: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.push(connection);
      readers.push(this.#read(connection));
    }
    await Promise.all(readers);
  }

  async #read(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await connection.read(buffer)) !== null;) this.bytes += count;
    } catch (error) {
      // The daemon is gone, or the test is over.
      if (!(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BadResource)) {
        throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#done;
  }
}

// With metrics, an interval of a minute, the default, keeps a collection out of the moment of the exit; with this one of
// 100 ms the runtime would wait for ever if it exported any. See docs/otlp.md.
const WITHOUT_METRICS = { OTEL_DENO_METRICS: "false", OTEL_METRIC_EXPORT_INTERVAL: "100" };

for (
  const [name, env, exports] of [["true", {}, 3], [
    "without metrics",
    WITHOUT_METRICS,
    2,
  ]] as const
) {
  Deno.test(`OTEL_DENO ${name}: a daemon whose endpoint never answers ends with its exit code, OTEL_EXPORTER_OTLP_TIMEOUT later`, async () => {
    await using endpoint = new SilentEndpoint();
    await using daemon = await DaemonProcess.start({
      config: {
        sources: { "*": { kind: "logs", batch: { linger: 0 } } },
        sinks: { disk: { type: "file", directory: "./data" } },
      },
      env: {
        OTEL_DENO: "true",
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url,
        OTEL_EXPORTER_OTLP_TIMEOUT: `${EXPORT_TIMEOUT}`,
        ...env,
      },
    });
    assertEquals((await post(daemon, "app", '{"n":1}\n')).status, 202);
    daemon.kill("SIGTERM");
    const ledger = await daemon.waitForLog(({ message }) => message === "ledger");
    assertEquals(ledger["undelivered"], 0);
    const start = performance.now();
    const { code } = await daemon.status;
    assertEquals(code, 0);
    assertGreater(endpoint.bytes, 0); // it did try
    // One after the other, spans, logs and metrics; and as much again for a busy machine.
    assertLess(performance.now() - start, 2 * exports * EXPORT_TIMEOUT + 10_000);
  });
}
