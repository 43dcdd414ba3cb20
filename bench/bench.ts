/**
 * Runs the benchmarks of every way in, one after the other; fails where one of them misses a target.
 *
 * Usage: `deno task bench [--rounds N] [--seconds N]`
 */
const BENCHMARKS = ["http_bench.ts", "websocket_bench.ts", "otlp_bench.ts"];

let failed = false;
for (const name of BENCHMARKS) {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", new URL(name, import.meta.url).pathname, ...Deno.args],
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  failed ||= !success;
}
Deno.exit(failed ? 1 : 0);
