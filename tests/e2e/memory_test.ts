// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLess, assertLessOrEqual } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import { assertBalanced, PLUG, plugStdout, post } from "./numbered_records.ts";

const MIB = 2 ** 20;
const LIMIT = 64 * MIB;
const SECONDS = 20;
const POLICIES = ["block", "drop_newest", "drop_oldest", "reject"];

Deno.test("memory stays bounded while 64 agents push at stalled sinks, under every policy at once", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    coverage: false,
    config: {
      limits: { memory: LIMIT },
      sources: { plug: PLUG, ...Object.fromEntries(POLICIES.map((policy) => [policy, { policy }])) },
      sinks: { out: { type: "stdout" } },
      shutdown: { deadline: "100ms" },
    },
  });
  for (const policy of POLICIES) assertEquals((await post(daemon, policy, "{}\n")).status, 202);
  await plugStdout(daemon);
  const base = daemon.rss();

  const pusher = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net=127.0.0.1",
      new URL("./push_bodies.ts", import.meta.url).pathname,
      daemon.url,
      "64",
      `${SECONDS}`,
      ...POLICIES,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let running = true;
  const output = pusher.output().finally(() => running = false);
  let peak = base;
  let budget = 0;
  let samples = 0;
  while (running) {
    peak = Math.max(peak, daemon.rss());
    samples++;
    if (samples % 20 === 0) {
      const { memory, sources } = await daemon.statusJson();
      budget = Math.max(budget, memory.used);
      for (const policy of POLICIES) assertBalanced(sources[policy].ledger, policy);
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const { success, stdout } = await output;
  assertEquals(success, true);
  const pushed = JSON.parse(new TextDecoder().decode(stdout));
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      `${samples} samples in ${SECONDS} s: base ${mib(base)} MiB, peak ${mib(peak)} MiB (+${
        mib(peak - base)
      }, ` +
        `limit +${mib(1.5 * LIMIT)}), budget at most ${mib(budget)} MiB; ` +
        `pushed ${mib(pushed.bytes)} MiB: ${JSON.stringify(pushed.answers)}\n`,
    ),
  );
  assertLess(peak, base + 1.5 * LIMIT);
  assertLessOrEqual(budget, LIMIT);
  // It was put to the test: buffers filled, and far more was pushed than they hold.
  assertGreater(budget, LIMIT / 2);
  assertGreater(pushed.bytes, 4 * LIMIT);
  assertGreater(samples, SECONDS * 10);
});
