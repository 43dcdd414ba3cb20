// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { waitFor } from "../wait_for.ts";
import { decompressed } from "../sinks/decompressed.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { filesUnder } from "./process_files.ts";

const KILLS = 12;
const SEGMENTS = 6;

function textOf(segment: number): string {
  return Array.from({ length: 60_000 }, (_, n) => `{"segment":${segment},"n":${n},"value":${Math.sqrt(n)}}\n`)
    .join("");
}

Deno.test(`segments are compressed once and whole by a daemon that is killed ${KILLS} times while it does so`, async () => {
  const directory = await Deno.makeTempDir({ prefix: "penstock-e2e-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));
  await Deno.mkdir(`${directory}/a`);
  const nameOf = (segment: number) => `${directory}/a/20261123T180000.000Z-000${segment}.ndjson`;
  for (let i = 0; i < SEGMENTS; i++) await Deno.writeTextFile(nameOf(i), textOf(i));
  const start = () =>
    DaemonProcess.start({
      config: { sources: { "*": {} }, sinks: { disk: { type: "file", directory, compression: "gzip" } } },
    });
  const isCompressing = () => {
    const files = filesUnder(directory);
    return files.some((file) => file.endsWith(".gz.tmp")) || files.every((file) => file.endsWith(".gz"));
  };
  const states = new Set<string>();
  for (let kill = 0; kill < KILLS; kill++) {
    await using daemon = await start();
    // Every other time not before a segment is being compressed: when that begins is for the machine to say.
    if (kill % 2 === 0) await waitFor(isCompressing, { what: "a segment to be compressed" });
    else await new Promise((resolve) => setTimeout(resolve, kill * 25));
    daemon.kill("SIGKILL");
    await daemon.status;
    const files = filesUnder(directory);
    for (const file of files) states.add(file.slice(file.indexOf(".ndjson") + 7) || "original");
    // Whatever was cut short: of each segment there is the original, or the whole of what became of it.
    for (let i = 0; i < SEGMENTS; i++) {
      if (files.includes(nameOf(i))) assertEquals(await Deno.readTextFile(nameOf(i)), textOf(i));
      else assertEquals(await decompressed(`${nameOf(i)}.gz`), textOf(i));
    }
  }
  // deno-lint-ignore no-console -- what was met is told
  console.log(`what the kills have left behind: ${[...states].sort().join(", ")}`);
  assert(states.has(".gz.tmp"), "no kill came while a segment was compressed");
  await using daemon = await start();
  const compressed = Array.from({ length: SEGMENTS }, (_, i) => `${nameOf(i)}.gz`);
  await waitFor(() => filesUnder(directory).join() === compressed.join(), { what: "all to be compressed" });
  for (let i = 0; i < SEGMENTS; i++) assertEquals(await decompressed(compressed[i]!), textOf(i));
  assertEquals((await daemon.stop()).code, 0);
});
