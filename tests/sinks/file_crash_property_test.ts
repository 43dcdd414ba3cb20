// @ts-types="../types/deno_std_assert.d.ts"
import { assert } from "@std/assert";
import fc from "fast-check";
import { CrashRun } from "./crash_run.ts";
import { scenario } from "./crash_scenario.ts";

Deno.test("FileSink keeps what it has acknowledged, once, whole and in order, whatever fails, is killed or interferes", async () => {
  const root = await Deno.makeTempDir();
  const seen = { runs: 0, faults: 0, records: 0, severalLeftOpen: 0 };
  try {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const run = new CrashRun(`${root}/${seen.runs++}`, given);
        for (const step of given.steps) {
          if (step.type === "write") await run.write(step);
          else if (step.type === "age") run.age();
          else if (step.type === "interfere") await run.interfere(step);
          else await run.end(step.how, step.luck);
        }
        await run.finish();
        seen.faults += run.faults;
        seen.records += run.truth.required.size;
        if (run.mostLeftOpen > 1) seen.severalLeftOpen++;
        await run.truth.check(run.directory);
        await Deno.remove(run.directory, { recursive: true }).catch(() => {});
      }),
      { numRuns: 150 },
    );
    assert(
      seen.faults > 1_000 && seen.records > 1_000 && seen.severalLeftOpen > 10,
      JSON.stringify(seen),
    );
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});
