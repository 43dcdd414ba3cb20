// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { waitFor } from "../wait_for.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { runSdkAgent } from "./otlp_agents.ts";
import type { AgentReport } from "./otlp_sdk_agent.ts";
import { type Item, itemsInLines, sorted } from "./otlp_items.ts";

/** 10 requests of 512 spans, 5 of which the buffer holds. */
const SPANS = 5_120, BATCH = 512, CAPACITY = 2_600;
const OVERLOAD_MS = 2_000;

interface Outcome {
  readonly report: AgentReport;
  readonly arrived: Item[];
  // deno-lint-ignore no-explicit-any -- as `statusJson()` has it
  readonly ledger: any;
}

/** Lets the SDK export while nothing can be written for two seconds, which fills the buffer, and writes everything then. */
async function overload(rule: Record<string, unknown>): Promise<Outcome> {
  await using daemon = await DaemonProcess.start({
    config: {
      sources: { "*": { kind: "traces", encoding: "json", buffer: { records: CAPACITY }, ...rule } },
      sinks: { console: { type: "stdout", envelope: false } },
    },
    stdout: "stalled",
  });
  const url = `${daemon.url}/v1/traces`;
  const agent = runSdkAgent({ url, signal: "traces", encoding: "proto", count: SPANS, batch: BATCH });
  const source = async () => (await daemon.statusJson()).sources["otlp-traces"];
  await waitFor(async () => {
    const { buffer, producersBlocked, ledger } = await source() ?? {};
    return buffer?.records > 0 && producersBlocked + ledger.rejected.records + ledger.dropped.records > 0;
  }, { what: "a full buffer" });
  await delay(OVERLOAD_MS);
  const output = daemon.resumeStdout();
  const report = await agent;
  const { code, ledger } = await daemon.stop();
  assertEquals([code, ledger!["undelivered"]], [0, 0]);
  const arrived = itemsInLines("traces", new TextEncoder().encode(await output));
  const { sources } = ledger as unknown as { sources: Record<string, unknown> };
  return { report, arrived, ledger: sources["otlp-traces"] };
}

function assertBalanced({ ledger }: Outcome): void {
  const { received, rejected, dropped, delivered, buffered } = ledger;
  for (const unit of ["records", "bytes"]) {
    assertEquals(received[unit], rejected[unit] + dropped[unit] + delivered[unit] + buffered[unit], unit);
  }
}

Deno.test("SDK, 2 s of overload under reject: it retries, and nothing is lost or there twice", async () => {
  const outcome = await overload({ policy: "reject" });
  const { report, arrived, ledger } = outcome;
  assertEquals(report.exports.map(({ code }) => code), new Array(SPANS / BATCH).fill(0));
  assert(Math.max(...report.exports.map(({ ms }) => ms)) >= OVERLOAD_MS);
  // The five requests that did not fit were refused at least twice: at once, and a second later.
  assertGreaterOrEqual(ledger.rejected.records, 2 * 5 * BATCH);
  assertEquals([report.items.length, arrived.length, ledger.delivered.records], [SPANS, SPANS, SPANS]);
  assertEquals(sorted(arrived), sorted(report.items));
  assertBalanced(outcome);
});

Deno.test("SDK, 2 s of overload under block: exports are slow and do not fail", async () => {
  const outcome = await overload({ policy: "block", blockTimeout: "20s" });
  const { report, arrived, ledger } = outcome;
  assertEquals(report.exports.map(({ code }) => code), new Array(SPANS / BATCH).fill(0));
  const slow = report.exports.filter(({ ms }) => ms >= OVERLOAD_MS);
  assertEquals(slow.length, 5);
  assertEquals([ledger.rejected.records, ledger.dropped.records], [0, 0]);
  assertEquals(sorted(arrived), sorted(report.items));
  assertBalanced(outcome);
});

Deno.test("SDK, overload under drop_newest: it logs how many spans were rejected, and does not send them again", async () => {
  const outcome = await overload({ policy: "drop_newest" });
  const { report, arrived, ledger } = outcome;
  assertEquals(report.exports.map(({ code }) => code), new Array(SPANS / BATCH).fill(0));
  const warnings = report.logged.filter((line) =>
    line.startsWith("warn Received Partial Success response: ")
  );
  const told = warnings.map((line) => JSON.parse(line.slice(line.indexOf("{"))));
  assertEquals(told.map(({ rejectedSpans }) => Number(rejectedSpans)), new Array(5).fill(BATCH));
  assertEquals(told[0].errorMessage, "the buffer of the collector was full");
  assertEquals([arrived.length, ledger.dropped.records], [SPANS - 5 * BATCH, 5 * BATCH]);
  const sent = new Set(sorted(report.items));
  assert(sorted(arrived).every((item) => sent.delete(item)), "something arrived twice, or was not sent");
  assertBalanced(outcome);
});
