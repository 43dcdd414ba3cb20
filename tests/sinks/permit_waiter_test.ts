// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { type Permit, PermitWaiter, Semaphore } from "../../sinks/semaphore.ts";

Deno.test("Semaphore.wait() serves those who wait again and again in turn, and those who use promises with them", async () => {
  const semaphore = new Semaphore({ permits: 1, lanes: ["a"] });
  const permits: Permit[] = [];
  const order: string[] = [];
  const [x, y] = ["x", "y"].map((name) =>
    new PermitWaiter("a", (permit) => {
      order.push(name);
      permits.push(permit);
    })
  );
  permits.push(semaphore.tryAcquire("a")!);
  semaphore.wait(x!);
  const promised = semaphore.acquire({ lane: "a" }).then((permit) => {
    order.push("promise");
    permits.push(permit);
  });
  semaphore.wait(y!);
  assertEquals([semaphore.waiting, semaphore.leave(y!), semaphore.leave(y!)], [3, true, false]);
  permits.shift()![Symbol.dispose]();
  assertEquals(order, ["x"], "in the turn of who gave it back");
  semaphore.wait(x!);
  permits.shift()![Symbol.dispose]();
  await promised;
  permits.shift()![Symbol.dispose]();
  assertEquals([order, semaphore.inUse, semaphore.waiting], [["x", "promise", "x"], 1, 0]);
  permits.shift()![Symbol.dispose]();
  assertEquals([semaphore.inUse, semaphore.immediate, semaphore.waited], [0, 1, 3]);
});

Deno.test("Semaphore.wait() grants however many permits that are given back at once, in order and in one loop", () => {
  const semaphore = new Semaphore({ permits: 1, lanes: ["a"] });
  const held = semaphore.tryAcquire("a")!;
  const order: number[] = [];
  for (let i = 0; i < 100_000; i++) { // a call in a call for each would be too deep
    semaphore.wait(
      new PermitWaiter("a", (permit) => {
        order.push(i);
        permit[Symbol.dispose]();
      }),
    );
  }
  held[Symbol.dispose]();
  assertEquals([order.length, semaphore.inUse, semaphore.waiting], [100_000, 0, 0]);
  assert(order.every((number, i) => number === i));
});
