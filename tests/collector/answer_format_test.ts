// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertNotStrictEquals } from "@std/assert";
import { OWN_ANSWERS } from "../../collector/answer_format.ts";

async function partsOf(answer: Response): Promise<unknown[]> {
  return [answer.status, answer.headers.get("content-type"), await answer.text()];
}

Deno.test("OWN_ANSWERS.accepted() answers each request by itself, though the answers are the same", async () => {
  const counts = { accepted: 1, dropped: 2, evicted: 3 };
  const body = '{"accepted":1,"dropped":2,"evicted":3}\n';
  const answers = Array.from({ length: 5 }, (_, i) => OWN_ANSWERS.accepted(counts, i % 2 === 0));
  assertNotStrictEquals(answers[0], answers[2]);
  answers[0]!.headers.set("content-type", "text/plain");
  assertEquals(await partsOf(answers[0]!), [200, "text/plain", body]);
  for (const [i, answer] of answers.entries()) {
    if (i > 0) assertEquals(await partsOf(answer), [i % 2 === 0 ? 200 : 202, "application/json", body]);
  }
});

Deno.test("OWN_ANSWERS.accepted() tells the right counts, however many different ones there were", async () => {
  for (let round = 0; round < 2; round++) {
    for (let accepted = 0; accepted < 600; accepted++) {
      const answer = OWN_ANSWERS.accepted({ accepted, dropped: 0, evicted: 0 }, false);
      assertEquals(await answer.json(), { accepted, dropped: 0, evicted: 0 });
    }
  }
});

Deno.test("OWN_ANSWERS.accepted() takes no answer for that to other counts, however large they are", async () => {
  const numbers = [0, 1, 2, 1023, 1024, 1025, 1024 * 1024, 2 ** 31, Number.MAX_SAFE_INTEGER];
  for (let round = 0; round < 2; round++) {
    for (const accepted of numbers) {
      for (const dropped of numbers) {
        for (const evicted of numbers) {
          const counts = { accepted, dropped, evicted };
          assertEquals(await OWN_ANSWERS.accepted(counts, false).json(), counts);
        }
      }
    }
  }
});
