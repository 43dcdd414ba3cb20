// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { MemoryBudget } from "../../collector/memory_budget.ts";
import { MemoryLease } from "../../collector/memory_lease.ts";

function makeAccount() {
  return new MemoryBudget({ limit: 1_000 }).account();
}

Deno.test("MemoryLease.tryResize() reserves what is missing and gives back what is too much", () => {
  const account = makeAccount();
  const lease = new MemoryLease(account, 0);
  const sizes = [0, 100, 400, 150, 150, 0, 300];
  assertEquals(sizes.map((bytes) => lease.tryResize(bytes)), sizes.map(() => true));
  assertEquals([lease.bytes, account.used], [300, 300]);
});

Deno.test("MemoryLease.tryResize() leaves the lease as it is when there is no memory", () => {
  const account = makeAccount();
  const lease = new MemoryLease(account, 0);
  lease.tryResize(500);
  assertEquals([lease.tryResize(1_001), lease.bytes, account.used], [false, 500, 500]);
  lease[Symbol.dispose]();
  assertEquals(account.used, 0);
});

Deno.test("MemoryLease.dispose() gives back what it holds, once", () => {
  const account = makeAccount();
  {
    using lease = new MemoryLease(account, 0);
    lease.tryResize(300);
    lease[Symbol.dispose]();
    assertEquals([lease.bytes, account.used], [0, 0]);
  }
  assertEquals(account.used, 0);
});

Deno.test("MemoryLease.take() takes in what was reserved after a wait", async () => {
  const account = makeAccount();
  const lease = new MemoryLease(account, 0);
  lease.tryResize(10);
  await account.reserve(90, { timeout: 1, signal: new AbortController().signal });
  lease.take(90);
  assertEquals([lease.bytes, account.used], [100, 100]);
  lease[Symbol.dispose]();
  assertEquals(account.used, 0);
});
