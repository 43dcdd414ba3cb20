/**
 * Makes the figures, tables and plots of docs/benchmarks.md from a saved report. What is written there by hand stays.
 *
 * Usage: `deno run -A bench/report.ts REPORT`
 */
import { parseReport } from "./report/comparison.ts";
import { insertInto, pageOf } from "./report/page.ts";
import { print } from "./print.ts";

const [file, ...rest] = Deno.args;
if (file === undefined || rest.length > 0) throw new TypeError("Usage: deno run -A bench/report.ts REPORT");
const page = new URL("../docs/benchmarks.md", import.meta.url);
const report = parseReport(await Deno.readTextFile(file), file);
await Deno.writeTextFile(page, insertInto(await Deno.readTextFile(page), pageOf(report, {})));
const { success, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "--quiet", page.pathname],
})
  .output();
if (!success) throw new Error(`Cannot format the page: ${new TextDecoder().decode(stderr)}`);
print(`Made docs/benchmarks.md from ${file}.`);
