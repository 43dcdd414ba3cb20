// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseOptions, USAGE } from "../../bench/options.ts";
import { OTHERS, planOf } from "../../bench/plan.ts";
import { caseNames } from "../../bench/run.ts";

Deno.test("parseOptions() reads names with commas between, and numbers", () => {
  const options = parseOptions(["--only", "http-1,at-rest", "--rounds", "3", "--seconds=0.5", "--out", "f"]);
  const { only, rounds, seconds, out, quick } = options;
  assertEquals({ only, rounds, seconds, out, quick }, {
    only: ["http-1", "at-rest"],
    rounds: 3,
    seconds: 0.5,
    out: "f",
    quick: false,
  });
});

Deno.test("parseOptions() refuses what it does not understand, and names it", () => {
  const refused: [string[], string][] = [
    [["--fast"], "--fast"],
    [["http-1"], "http-1"],
    [["--rounds", "many"], "--rounds must be a positive number, current value is 'many'"],
    [["--rounds", "1.5"], "--rounds must be an integer, current value is 1.5"],
    [["--seconds", "0"], "--seconds must be a positive number, current value is '0'"],
    [["--generator", "ab"], "--generator must be wrk or built-in, current value is 'ab'"],
    [["--out"], "--out needs a value"],
  ];
  for (const [args, message] of refused) assertThrows(() => parseOptions(args), TypeError, message);
});

Deno.test("bench --help names every case and every option", () => {
  for (const name of [...caseNames(), ...OTHERS]) assertStringIncludes(USAGE, name);
  for (const option of Object.keys(parseOptions([]))) assertStringIncludes(USAGE, `--${option}`);
});

Deno.test("planOf() measures all, less when it is to be quick, and just what is named", () => {
  const plan = (...args: string[]) => planOf(parseOptions(args), caseNames(), "built-in");
  assertEquals(plan().cases, caseNames());
  assertEquals(plan().sources, [1, 10, 100, 1000]);
  assertEquals(plan("--quick").cases.every((name) => caseNames().includes(name)), true);
  assertEquals([plan("--quick").nowhere, plan("--quick").peers], [false, false]);
  const one = plan("--only", "ws-200B");
  assertEquals([one.cases, one.sources, one.connections, one.starts], [["ws-200B"], [], [], 0]);
  assertEquals(plan("--only", "sources", "--quick").cases, []);
  assertThrows(
    () => plan("--only", "http-2,rest"),
    TypeError,
    "there is no http-2, rest; there are http-1, ",
  );
});
