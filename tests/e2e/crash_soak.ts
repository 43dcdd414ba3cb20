// deno-lint-ignore-file no-console -- a report on standard output is what this is for
/**
 * The long form of `crash_test.ts`: kills a daemon 200 times.
 *
 * Usage: `deno task soak:crash [KILLS] [SEED]`
 */
import { killAgainAndAgain } from "./crash_loop.ts";

const [kills = "200", seed = `${crypto.getRandomValues(new Int32Array(1))[0]}`] = Deno.args;
if (!/^[1-9]\d*$/.test(kills) || !/^-?\d+$/.test(seed)) {
  console.error(`Usage: deno task soak:crash [KILLS] [SEED], both integers; given: ${Deno.args.join(" ")}`);
  Deno.exit(2);
}
console.log(`${kills} kills, seed ${seed}`);
const start = performance.now();
const report = await killAgainAndAgain(Number(kills), Number(seed));
console.log(JSON.stringify(report, null, 2));
console.log(`Every acknowledged record was there, ${Math.round((performance.now() - start) / 1000)} s`);
