// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { generatorEvidence } from "../../bench/report/generator_evidence.ts";
import { judge } from "../../bench/report/targets.ts";
import { contestant, report } from "./reports.ts";

Deno.test("judge() compares the median of the rounds' ratios with the target", () => {
  const bare = contestant("bare", [100, 100, 100]);
  const verdict = (rates: number[]) => judge(report([bare, contestant("file", rates)]))[0];
  assertEquals(verdict([75, 75, 10])?.isMet, true);
  assertEquals(verdict([74, 74, 100])?.isMet, false);
  assertEquals(verdict([74, 74, 100])?.measured, 0.74);
});

Deno.test("judge() misses 1 000 sources at more than 1.3 times the cost of one, and more than 70 MB at rest", () => {
  const sources = (cost: number) => [
    { count: 1, contestants: [contestant("file", [1, 1], 1)] },
    { count: 1000, contestants: [contestant("file", [1, 1], cost)] },
  ];
  const verdicts = (cost: number, atRest: number) =>
    judge({ cases: [], sources: sources(cost), atRest: [atRest] }).map(({ isMet }) => isMet);
  assertEquals(verdicts(1.3, 70e6), [true, true]);
  assertEquals(verdicts(1.31, 70.1e6), [false, false]);
});

Deno.test("judge() says nothing of what was not measured", () => {
  assertEquals(judge({ cases: [], sources: [], atRest: [] }), []);
  assertEquals(judge(report([contestant("bare", [100]), contestant("file", [])])), []);
});

Deno.test("generatorEvidence() takes a busy bare server, or the rate of wrk, for proof", () => {
  const rounds = (perSecond: number, cores: number) => [{ perSecond, cpuPerRecord: 1, cores }];
  const evidence = (cores: number, wrk: number) =>
    generatorEvidence({
      generator: "built-in",
      generators: [{ name: "wrk", rounds: rounds(wrk, 1) }, { name: "built-in", rounds: rounds(100, cores) }],
    });
  assertEquals(
    evidence(0.97, 200).endsWith(
      "97 % of a core of the bare server busy: it is that server that is the limit.",
    ),
    true,
  );
  assertEquals(evidence(0.9, 100).endsWith("it reaches 100 % of the rate of wrk."), true);
  assertEquals(evidence(0.9, 200).includes("ratios to it may be too high"), true);
});
