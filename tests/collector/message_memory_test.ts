// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { leastLimit, MemoryBudget } from "../../collector/memory_budget.ts";
import { CONNECTION_MEMORY, MessageMemory, messageMemory } from "../../collector/message_memory.ts";
import { makeSource } from "./sources.ts";

const READ = 64 * 1024;

/** Whether a message that comes in one frame, and in reads as large as can be, gets its memory. */
function fits(message: number, limit: number): boolean {
  const budget = new MemoryBudget({ limit });
  const account = budget.account();
  if (!account.tryReserve(CONNECTION_MEMORY)) return false;
  let refused = false;
  {
    using memory = new MessageMemory({
      source: makeSource({ policy: "reject", memory: account }),
      onWaiting: () => assert(false, "under policy reject nobody waits"),
      onRefused: () => refused = true,
    });
    for (let read = 0; read < message; read += READ) {
      const underWay = { announced: message, fragments: 1, began: read === 0, leaves: true };
      memory.read(new Uint8Array(Math.min(READ, message - read)), underWay);
      memory.expect(underWay);
    }
  }
  assertEquals(budget.used, 0);
  return !refused;
}

Deno.test("messageMemory() is what a message takes, and leastLimit() the smallest budget in which it is to be had", () => {
  for (const message of [1, 40_000, 49_000, READ, 100_000, 1_000_000, 8 * 2 ** 20]) {
    const limit = leastLimit(messageMemory(message));
    assertEquals([fits(message, limit - 1), fits(message, limit)], [message < 48_000, true], `${message}`);
  }
});
