// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { allCases, httpCase } from "../../bench/cases/cases.ts";
import { measureLatency, measureRound } from "../../bench/cases/measure.ts";
import { runCase } from "../../bench/cases/run_case.ts";
import { BARE } from "../../bench/servers/bare.ts";
import { PENSTOCK } from "../../bench/servers/penstock.ts";

const EFFORT = {
  generator: "built-in",
  rounds: 1,
  seconds: 0.2,
  latencyRounds: 1,
  latencySeconds: 0.2,
} as const;

Deno.test("bench: what the generators sent is what the daemon's ledger received, over HTTP, OTLP and WebSocket", async () => {
  const cases = allCases().filter(({ name }) => ["http-10", "otlp-json", "ws-200B"].includes(name));
  assertEquals(cases.length, 3);
  const toFiles = PENSTOCK[0]!;
  for (const benchCase of cases) {
    await using daemon = await toFiles.start(benchCase);
    const closed = await measureRound(daemon, benchCase, { generator: "built-in", seconds: 0.2 });
    const open = await measureLatency(daemon, benchCase, 500, 0.2);
    assertGreater(closed.sent, 0);
    // 0.2 s to warm up come before.
    if (benchCase.transport === "http") assertEquals([open.sent, open.latency.samples], [200, 100]);
    const books = await daemon.books();
    assertEquals(books, { received: (closed.sent + open.sent) * benchCase.records, lost: 0 }, benchCase.name);
  }
});

Deno.test("bench: a case is measured from end to end, beside a bare server and with a sink to nowhere", async () => {
  const report = await runCase(httpCase(10), [BARE, ...PENSTOCK], EFFORT);
  assertEquals(report.contestants.map(({ name, error }) => [name, error]), [
    ["bare", undefined],
    ["file", undefined],
    ["nowhere", undefined],
  ]);
  assertEquals(report.bytes, 2000);
  assertGreater(report.steadyPerSecond!, 0);
  for (const { name, rounds, peakResident } of report.contestants) {
    assertEquals(rounds.length, 1, name);
    assert(rounds.every(({ perSecond, cpuPerRecord }) => perSecond > 0 && cpuPerRecord > 0), name);
    assertGreater(peakResident, 10e6, name);
  }
  const { latency } = report.contestants.find(({ name }) => name === "file")!;
  assertEquals(latency?.length, 1);
  const { p50, p99, p999, max } = latency![0]!;
  assert(0 < p50 && p50 <= p99 && p99 <= p999 && p999 <= max);
});

Deno.test("bench: a server that refuses is reported as failed, and the others are measured all the same", async () => {
  const elsewhere = { ...httpCase(1), path: "/nowhere" };
  const report = await runCase(elsewhere, [BARE, PENSTOCK[0]!], EFFORT);
  const [bare, file] = report.contestants;
  assertEquals([bare?.error, bare?.rounds.length], [undefined, 1]);
  assert(file?.error?.includes("failed"), file?.error);
  assertEquals(file?.rounds, []);
});
