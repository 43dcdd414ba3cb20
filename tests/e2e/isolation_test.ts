// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { DaemonProcess } from "./daemon_process.ts";
import {
  assertNumbers,
  numbered,
  numbersIn,
  PLUG,
  plugStdout,
  post,
  untilSource,
} from "./numbered_records.ts";

const MIB = 2 ** 20;
const STALLED = 6;
const AGENTS = 4;
const REQUESTS = 1000;

Deno.test("a stalled sink holds up the sources that use it and no others", async () => {
  await using daemon = await DaemonProcess.start({
    stdout: "stalled",
    config: {
      limits: { memory: "64MiB" },
      // More sources than permits on the stalled sink, and more buffer than there is memory.
      pool: { permits: 4 },
      sources: {
        plug: { ...PLUG, sinks: ["out"] },
        "stalled-*": { policy: "reject", sinks: ["out"], buffer: { records: 100_000, bytes: "32MiB" } },
        "waiting-*": {
          policy: "block",
          blockTimeout: "60s",
          sinks: ["out"],
          buffer: { records: 10, bytes: "1MiB" },
        },
        // `reject` answers 503 at once where `block` would wait, for memory too: with both, no wait can be missed.
        "healthy-reject": { policy: "reject", sinks: ["disk"] },
        "healthy-block": { policy: "block", blockTimeout: "60s", sinks: ["disk"] },
      },
      sinks: { out: { type: "stdout" }, disk: { type: "file", directory: "./data" } },
    },
  });
  await plugStdout(daemon);
  const waiting: Promise<unknown>[] = [];
  for (let i = 0; i < STALLED; i++) {
    assertEquals((await post(daemon, `waiting-${i}`, numbered(0, 10))).status, 202);
    waiting.push(post(daemon, `waiting-${i}`, numbered(10, 20)));
    await untilSource(daemon, `waiting-${i}`, ({ producersBlocked }) => producersBlocked === 1);
  }
  // In turns, until none of them gets anything more, however small.
  for (const size of [512 * 1024, 64 * 1024, 4096, 256]) {
    const open = new Set(Array.from({ length: STALLED }, (_, i) => `stalled-${i}`));
    while (open.size > 0) {
      for (const source of open) {
        const { status } = await post(daemon, source, numbered(0, size / 256, 256));
        if (status !== 202) open.delete(source);
      }
    }
  }
  const { pool, memory } = await daemon.statusJson();
  assertGreater(memory.used, 56 * MIB);
  assertLessOrEqual(memory.used, memory.limit);
  assertGreater(pool.waiting, 0);
  assertEquals(pool.inUse, 3); // one is kept for the sink that works

  let running = true;
  const watch = (async () => {
    while (running) {
      const { sources } = await daemon.statusJson();
      for (const source of ["healthy-block", "healthy-reject"]) {
        assertEquals(sources[source]?.producersBlocked ?? 0, 0);
      }
      for (let i = 0; i < STALLED; i++) assertEquals(sources[`waiting-${i}`].producersBlocked, 1);
    }
  })();
  // 4 agents x 1000 requests x 2 records: fewer than the 10 000 that the buffers hold, so that they cannot fill up.
  const perAgent = REQUESTS * 2;
  await Promise.all(
    ["healthy-reject", "healthy-block"].flatMap((source) =>
      Array.from({ length: AGENTS }, async (_, agent) => {
        for (let i = 0; i < REQUESTS; i++) {
          const from = agent * perAgent + i * 2;
          const { status, body } = await post(daemon, source, numbered(from, from + 2));
          assertEquals([status, body], [202, { accepted: 2, dropped: 0, evicted: 0 }]);
        }
      })
    ),
  );
  running = false;
  await watch;
  for (const source of ["healthy-reject", "healthy-block"]) {
    await untilSource(daemon, source, ({ buffer }) => buffer.records === 0);
    const numbers = numbersIn(await daemon.recordsOf(source));
    assertEquals(numbers.length, AGENTS * perAgent);
    for (let agent = 0; agent < AGENTS; agent++) {
      const [from, to] = [agent * perAgent, (agent + 1) * perAgent];
      assertNumbers(numbers.filter((n) => n >= from && n < to), [from, to]);
    }
  }
  assertStringIncludes(
    await daemon.metrics(),
    'penstock_block_duration_seconds_count{source="healthy-block"} 0\n',
  );
  for (let i = 0; i < STALLED; i++) {
    await untilSource(daemon, `waiting-${i}`, ({ producersBlocked }) => producersBlocked === 1);
  }

  const output = daemon.resumeStdout();
  await Promise.all(waiting);
  const { code } = await daemon.stop();
  assertEquals(code, 0);
  const text = await output;
  for (let i = 0; i < STALLED; i++) assertNumbers(numbersIn(text, `waiting-${i}`), [0, 20]);
});
