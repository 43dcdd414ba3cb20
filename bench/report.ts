/**
 * Makes the figures, tables and plots of docs/benchmarks.md from a saved report, and from that of a soak. What is written there by
 * hand stays.
 *
 * Usage: `deno run -A bench/report.ts REPORT [SOAK_REPORT]`
 */
import { print } from "./print.ts";
import { insertInto, pageOf } from "./report/page.ts";
import { growthPlot, latencyPlot, ratioPlot, soakPlot } from "./report/plots.ts";
import { parseReport, parseSoakReport } from "./report/saved_report.ts";

const [file, soakFile, ...rest] = Deno.args;
if (file === undefined || rest.length > 0) {
  throw new TypeError("Usage: deno run -A bench/report.ts REPORT [SOAK_REPORT]");
}
const docs = new URL("../docs/", import.meta.url);
const page = new URL("benchmarks.md", docs);
const report = parseReport(await Deno.readTextFile(file), file);
const soak = soakFile === undefined
  ? undefined
  : parseSoakReport(await Deno.readTextFile(soakFile), soakFile);
const plots = {
  ratios: ratioPlot(report),
  latency: latencyPlot(report),
  growth: growthPlot(report),
  soak: soak === undefined ? undefined : soakPlot(soak),
};
for (const plot of Object.values(plots)) {
  if (plot !== undefined) await Deno.writeTextFile(new URL(`img/${plot.file}`, docs), plot.svg);
}
const generated = pageOf({ report, soak, plots });
await Deno.writeTextFile(page, insertInto(await Deno.readTextFile(page), generated));
const { success, stderr } = await new Deno.Command(Deno.execPath(), {
  args: ["fmt", "--quiet", page.pathname],
})
  .output();
if (!success) throw new Error(`Cannot format the page: ${new TextDecoder().decode(stderr)}`);
print(`Made docs/benchmarks.md from ${[file, soakFile].filter((name) => name !== undefined).join(" and ")}.`);
