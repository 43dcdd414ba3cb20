// @ts-types="./types/deno_std_assert.d.ts"
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "node:path";
import { brokenStages } from "../bench/demos/chain.ts";
import { brokenClaims as brokenFrames, comparePolicies } from "../bench/demos/drop_oldest.ts";
import { brokenClaims as brokenMemory, compareMemory } from "../bench/demos/memory.ts";
import { renderPlot } from "../bench/demos/plot.ts";
import { Screen } from "../bench/demos/screen.ts";
import { brokenClaims as brokenRequests, limitRequests } from "../bench/demos/semaphore.ts";
import { runStages } from "../bench/demos/staged_chain.ts";
import { tableLines } from "../bench/demos/table.ts";
import { read, ROOT } from "./readme_session.ts";

/** A screen whose text is thrown away. */
const NOWHERE = new Screen({ terminal: false, write() {} });

async function deno(...args: string[]): Promise<{ code: number; output: string }> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stderr: "null",
  }).output();
  return { code, output: new TextDecoder().decode(stdout) };
}

Deno.test("demo:memory: the bounded buffer never holds more than its limit, the array nearly everything", async () => {
  const options = { records: 4000, bytes: 1024, capacity: 10, produced: 40_000, consumed: 4000 };
  const runs = await compareMemory(NOWHERE, options);
  const [bounded, unbounded] = runs;
  assertEquals(bounded.mostHeld, 10);
  assertGreater(unbounded.mostHeld, 1000);
  assertEquals([bounded.consumed, unbounded.consumed], [4000, 4000]);
  assert(bounded.inOrder && unbounded.inOrder);
  assertGreater(bounded.waited, 0);
  assertEquals(unbounded.waited, 0);
  for (const { samples } of runs) assert(samples.every(({ resident }) => resident > 2 ** 20));
  assertEquals(brokenMemory(runs, options), []);
  assertEquals(brokenMemory([{ ...bounded, mostHeld: 11 }, { ...unbounded, consumed: 3999 }], options), [
    "the buffer of 10 records held 11",
    "unbounded: 3999 of 4000 records came, in order: true",
  ]);
});

Deno.test("demo:semaphore: the server never counts more than 5 requests at once, and does count 5", async () => {
  const options = { permits: 5, burst: 20, stragglers: 1 };
  const lines: string[] = [];
  const screen = new Screen({ terminal: false, write: (text) => lines.push(text) });
  const result = await limitRequests(screen, options);
  assertEquals(result.mostInFlight, 5);
  assertEquals(result.answered, 21);
  assertEquals(result.immediate + result.waited, 21);
  assertGreater(result.waited, 0);
  assertEquals(lines.filter((line) => line.includes("permit at once")).length, result.immediate);
  assertEquals(lines.filter((line) => /permit after \d+ ms/.test(line)).length, result.waited);
  assertEquals(brokenRequests(result, options), []);
});

Deno.test("demo:semaphore: with a permit too many the server counts it, and that is reported", async () => {
  const options = { permits: 6, burst: 12, stragglers: 0 };
  const result = await limitRequests(NOWHERE, options);
  assertEquals(brokenRequests(result, options), ["the server counted 6 requests at once, more than 5"]);
});

Deno.test("demo:drop-oldest: drop_oldest shows the newest frames, drop_newest keeps the first, block shows all", async () => {
  const options = { frames: 60, taken: 60, shown: 20, capacity: 8 };
  const results = await comparePolicies(NOWHERE, options);
  const [oldest, newest, blocked] = results;
  assertEquals(results.map(({ policy }) => policy), ["drop_oldest", "drop_newest", "block"]);
  const numbers = results.map(({ delivered }) => delivered.map(({ number }) => number));
  assertEquals(numbers[0]!.slice(-7), Array.from({ length: 7 }, (_, i) => 53 + i)); // the eighth was in flight
  assertEquals(oldest!.delivered.filter(({ number, offered }) => number < offered - 8), []);
  assertGreater(oldest!.evicted, 0);
  assertEquals([oldest!.dropped, oldest!.evicted + numbers[0]!.length], [0, 60]);
  assertEquals(numbers[1]!.slice(0, 8), Array.from({ length: 8 }, (_, i) => i));
  assertGreater(newest!.dropped, 0);
  assertEquals([newest!.evicted, newest!.dropped + numbers[1]!.length], [0, 60]);
  assertEquals(numbers[2], Array.from({ length: 60 }, (_, i) => i));
  assertEquals(results.map(({ mostHeld }) => mostHeld), [8, 8, 8]);
  assertEquals(brokenFrames(results, options), []);
  const stale = { ...oldest!, delivered: oldest!.delivered.map((frame) => ({ ...frame, offered: 60 })) };
  assertMatch(
    brokenFrames([stale], options)[0]!,
    /^drop_oldest: frame \d+ was shown when 60 had been offered$/,
  );
  assertEquals(brokenFrames([{ ...blocked!, dropped: 1, mostHeld: 9 }], options), [
    "block: of 60 frames 61 are accounted for",
    "block: the buffer of 8 frames held 9",
  ]);
});

Deno.test("demo:chain: the producer is never further ahead than both buffers hold, and gets going again", async () => {
  const options = { produced: 500, slow: 20, capacity: 50, phases: [400, 1200, 1000] } as const;
  const result = await runStages(options);
  assertEquals(result.mostAhead, 100);
  assert(result.beforeFirstWait - result.consumedMeanwhile <= 100);
  assertGreater(result.produced, 100);
  assertEquals(result.consumed, result.produced);
  assert(result.inOrder);
  assertGreater(result.waited, 0);
  const after = result.samples.findLast(({ at }) => at < result.slowTo)!;
  assertGreater(result.produced, after.produced + 100); // more than what the buffers would have taken
  assertEquals(brokenStages(result, options), []);
  assertEquals(brokenStages({ ...result, mostAhead: 101, beforeFirstWait: NaN }, options).length, 2);
});

Deno.test("demo tasks: a run ends with 0, shows a table and leaves a plot; a wrong argument is named", async () => {
  const directory = await Deno.makeTempDir({ prefix: "penstock-demo-" });
  try {
    const good = await deno("task", "demo:semaphore", "--quick", "--plots", directory);
    assertEquals(good.code, 0, good.output);
    assertMatch(good.output, /^requests +permits at once .*\n-+ .*\n +17 /m);
    assert(!good.output.includes("\x1b"), "control characters where there is no terminal");
    assertMatch(await Deno.readTextFile(`${directory}/semaphore.svg`), /^<svg [^]*<\/svg>\n$/);
    const bad = await deno("task", "demo:semaphore", "--quik");
    assertEquals(bad.code, 2);
    assertStringIncludes(bad.output, "unknown argument '--quik'");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("Screen.show() draws over itself on a terminal, below what stays", () => {
  let text = "";
  const terminal = new Screen({ terminal: true, columns: () => 5, write: (more) => text += more });
  terminal.show(() => ["one", "two and more"]);
  terminal.print("stays");
  assertEquals(text, "one\ntwo a\n\x1b[A\x1b[A\x1b[0Jstays\n");
});

Deno.test("Screen.show() prints plain lines elsewhere, and none too soon", () => {
  let text = "";
  const plain = new Screen({ terminal: false, write: (more) => text += more });
  plain.show(() => ["one", "two"]);
  plain.show(() => ["three"]);
  plain.print("stays");
  assertEquals(text, "one\ntwo\nstays\n");
});

Deno.test("tableLines() aligns text to the left and numbers to the right", () => {
  assertEquals(tableLines(["name", "n"], [["a", 1234.4], ["long name", 5]]), [
    "name           n",
    "---------  -----",
    "a          1 234",
    "long name      5",
  ]);
});

Deno.test("renderPlot() draws on white, names the axes, and leaves gaps", () => {
  const svg = renderPlot({
    title: "T",
    subtitle: "S",
    panels: [{
      x: { name: "time (s)" },
      y: { name: "age (ms)" },
      series: [{ name: "one", color: "#0072b2", points: [[0, 1], [1, 2], null, [2, 3], [3, 4]] }],
    }],
  });
  assertStringIncludes(svg, 'fill="#ffffff"');
  for (const text of ["time (s)", "age (ms)", ">T<", ">S<", ">one<"]) assertStringIncludes(svg, text);
  const [stroke] = svg.match(/<path d="[^"]+"[^>]*stroke="#0072b2"[^>]*>/) ?? [];
  assertEquals(stroke?.match(/M/g)?.length, 2);
});

Deno.test("docs/img: every plot of a demonstration is small and shown in docs/backpressure.md", async () => {
  const text = read("docs/backpressure.md");
  for (const name of ["chain-tcp", "chain", "drop-oldest", "memory", "overload", "semaphore"]) {
    assertLess((await Deno.stat(join(ROOT, "docs/img", `${name}.svg`))).size, 60_000);
    assertStringIncludes(text, `](img/${name}.svg)`);
  }
});

Deno.test("the daemon neither loads nor fetches the library that draws plots", async () => {
  const { code, output } = await deno("info", "--json", "main.ts");
  assertEquals(code, 0);
  const { modules } = JSON.parse(output) as { modules: { specifier: string }[] };
  const packages = modules.map(({ specifier }) => specifier).filter((specifier) =>
    specifier.startsWith("npm:")
  );
  assert(packages.some((name) => name.includes("hono")), "the daemon's own packages are told");
  assertEquals(packages.filter((name) => name.includes("echarts")), []);
  // Otherwise everything that deno.json names is fetched at the first start.
  assert(JSON.parse(read("deno.json")).unstable.includes("npm-lazy-caching"));
});
