// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { type Signal, SIGNALS } from "../../collector/otlp_signal.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { type Item, itemsInLines, itemsInMessages, sorted } from "./otlp_items.ts";

const MODULE = new URL("./otlp_go_agent/", import.meta.url).pathname;

/** How many spans, log records and series of each of four metrics are exported. */
const COUNT: Readonly<Record<Signal, number>> = { logs: 3_000, metrics: 1_000, traces: 3_000 };

async function go(args: string[]): Promise<{ success: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command("go", {
    args,
    cwd: MODULE,
    // Of the tools that are here: nothing newer is fetched, and nothing is written next to the sources.
    env: { GOTOOLCHAIN: "local", GOFLAGS: "-mod=readonly -buildvcs=false" },
    signal: AbortSignal.timeout(180_000),
  }).output();
  return { success, output: new TextDecoder().decode(success ? stdout : stderr).trim() };
}

/** Why there is no agent to be had here; nothing if there is one. */
async function absence(): Promise<string | undefined> {
  try {
    const { output } = await go(["env", "GOVERSION"]);
    const { success, output: reason } = await go(["mod", "download"]);
    if (success) return undefined;
    const why = reason.split("\n").at(-1) || "they did not come in time";
    return `${output} is here, but the modules cannot be had: ${why}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no go here";
    throw error;
  }
}

/** Runs the agent, to its end. */
async function run(program: string, args: string[], env: Record<string, string> = {}): Promise<Item[]> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    env,
    signal: AbortSignal.timeout(120_000),
  }).output();
  if (!success) throw new Error(`The agent failed: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout));
}

const missing = await absence();

Deno.test({
  name:
    `SDK for Go, default settings: all that is exported arrives as it was, and the Collector's decoders read it${
      missing === undefined ? "" : ` (ignored: ${missing})`
    }`,
  ignore: missing !== undefined,
  async fn(t) {
    const directory = await Deno.makeTempDir();
    const program = `${directory}/agent`;
    try {
      const { success, output } = await go(["build", "-o", program, "."]);
      assert(success, output);
      for (const signal of SIGNALS) {
        for (
          const [kind, encoding, compression] of [["otlp", "received", "none"], ["ndjson", "json", "gzip"]]
        ) {
          await t.step(`${signal}, kept as .${kind}, compression ${compression}`, async () => {
            await using daemon = await DaemonProcess.start({
              config: {
                sources: { "*": { kind: "traces", encoding } },
                sinks: { disk: { type: "file", directory: "./data" } },
              },
            });
            const sent = await run(program, ["export", signal, `${COUNT[signal]}`], {
              OTEL_EXPORTER_OTLP_ENDPOINT: daemon.url,
              OTEL_EXPORTER_OTLP_COMPRESSION: compression!,
            });
            assertEquals(sent.length, COUNT[signal] * (signal === "metrics" ? 4 : 1));
            assertEquals((await daemon.stop()).code, 0);
            const source = `otlp-${signal}`;
            const files = daemon.files(source);
            assert(files.length > 0 && files.every((path) => path.endsWith(`.${kind}`)), files.join());
            const bytes = await daemon.recordsOf(source);
            const arrived = kind === "otlp" ? itemsInMessages(signal, bytes) : itemsInLines(signal, bytes);
            assertSame(sorted(arrived), sorted(sent));
            assertSame(sorted(await run(program, ["read", signal, ...files])), sorted(sent));
          });
        }
      }
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});

/** Without printing thousands of items where they differ. */
function assertSame(actual: readonly string[], expected: readonly string[]): void {
  assertEquals(actual.length, expected.length);
  for (const [index, item] of expected.entries()) assertEquals(actual[index], item);
}
