// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertGreater } from "@std/assert";
import { killAgainAndAgain } from "./crash_loop.ts";

/** The long form is `deno task soak:crash`. */
const KILLS = 25;

Deno.test(`SIGKILL at ${KILLS} random moments under load: no acknowledgement was a lie, no file is torn, the order is kept`, async () => {
  const seed = crypto.getRandomValues(new Int32Array(1))[0]!;
  // deno-lint-ignore no-console -- with the seed the sizes and the moments can be had again
  console.log(`seed ${seed}`);
  const report = await killAgainAndAgain(KILLS, seed);
  // deno-lint-ignore no-console -- as above
  console.log(JSON.stringify(report));
  for (const { requests } of Object.values(report.acknowledged)) assertGreater(requests, KILLS);
  assertEquals(report.unanswered.requests, KILLS * 6);
  assertGreater(report.leftOpen, 0);
  assertEquals(report.recovered.segments, report.leftOpen);
});
