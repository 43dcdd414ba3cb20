// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { Lingering } from "../../collector/lingering.ts";

/** Makes bodies that note when they are let go of. */
function makeBodies(): { body: (name: string) => { cancel(): Promise<void> }; gone: string[] } {
  const gone: string[] = [];
  const body = (name: string) => ({
    cancel: () => {
      gone.push(name);
      return name === "broken" ? Promise.reject(new Error("connection reset")) : Promise.resolve();
    },
  });
  return { body, gone };
}

Deno.test("Lingering.hold() lets go of each body after its time, the first first", async () => {
  using time = new FakeTime();
  const { body, gone } = makeBodies();
  const lingering = new Lingering({ time: 1000, limit: 10 });
  lingering.hold(body("a"));
  await time.tickAsync(400);
  lingering.hold(body("broken"));
  lingering.hold(body("b"));
  await time.tickAsync(599);
  assertEquals(gone, []);
  await time.tickAsync(1);
  assertEquals(gone, ["a"]);
  await time.tickAsync(399);
  assertEquals(gone, ["a"]);
  await time.tickAsync(1);
  assertEquals(gone, ["a", "broken", "b"]);
  lingering.hold(body("c"));
  await time.tickAsync(1000);
  assertEquals(gone.at(-1), "c");
});

Deno.test("Lingering.hold() lets go of the oldest when it would hold more than its limit", async () => {
  using time = new FakeTime();
  const { body, gone } = makeBodies();
  const lingering = new Lingering({ time: 1000, limit: 2 });
  for (const name of ["a", "b", "c", "d"]) lingering.hold(body(name));
  assertEquals(gone, ["a", "b"]);
  await time.tickAsync(1000);
  assertEquals(gone, ["a", "b", "c", "d"]);
});
