// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { brokenWire } from "../../bench/demos/chain.ts";
import { brokenClaims } from "../../bench/demos/overload.ts";
import { runOverload } from "../../bench/demos/overload_run.ts";
import { RECORD_BYTES, runWire } from "../../bench/demos/wire_chain.ts";

const MIB = 2 ** 20;

Deno.test("demo:chain: a stalled standard output blocks the agent's write, and everything comes out in the end", async () => {
  const options = { sent: 16 * MIB, capacity: MIB, phases: [300, 500, 300] } as const;
  const result = await runWire(options);
  assertEquals(result.status, 202);
  assertEquals(result.answer, { accepted: result.sent, dropped: 0, evicted: 0 });
  assertEquals(result.received, result.sent);
  assert(result.inOrder);
  assertEquals(result.ledger?.delivered, { records: result.sent, bytes: result.sent * RECORD_BYTES });
  assertGreater(result.mostBuffered, MIB / 2);
  assertLessOrEqual(result.mostBuffered, MIB);
  const most = Math.max(...result.samples.map(({ written, read }) => written - read));
  assertGreater(most, MIB); // more than the buffer holds: the rest is in the kernel
  assertGreater(result.sent * RECORD_BYTES, most); // the agent got going again
  assertEquals(brokenWire(result, options), []);
  assertEquals(
    brokenWire({ ...result, received: 1, exitCode: 1, status: 503, mostBuffered: MIB + 1 }, options).length,
    4,
  );
});

Deno.test("demo: each policy does its own, and every ledger balances with what agents and collector counted", async () => {
  const options = { sent: 200, throttled: 160, capacity: 50, phases: [300, 1500, 500] } as const;
  const result = await runOverload(options);
  assertEquals(result.exitCode, 0);
  assertEquals(brokenClaims(result), []);
  const { block, drop_newest, drop_oldest, reject } = result.sources;
  for (const { ledger, arrived } of [block, drop_newest, drop_oldest, reject]) {
    assertEquals([ledger!.buffered.records, ledger!.delivered.records], [0, arrived]);
  }
  assertEquals([block.ledger!.dropped.records, block.ledger!.rejected.records], [0, 0]);
  assertGreater(drop_newest.agent.dropped, 0);
  assertEquals([drop_newest.agent.evicted, drop_newest.ledger!.rejected.records], [0, 0]);
  assertGreater(drop_oldest.agent.evicted, 0);
  assertEquals([drop_oldest.agent.dropped, drop_oldest.ledger!.rejected.records], [0, 0]);
  assertGreater(reject.agent.refused, 0);
  assertEquals(reject.ledger!.dropped.records, 0);
  for (const { sources } of result.samples) {
    for (const { buffered } of Object.values(sources)) assertLessOrEqual(buffered, 50);
  }
  const lost = { ...result, sources: { ...result.sources, block: { ...block, arrived: block.arrived - 1 } } };
  assertEquals(brokenClaims(lost), [
    `orders (block): ${block.ledger!.delivered.records} records delivered, ${block.arrived - 1} arrived`,
  ]);
});
