/** One sample of a family. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One metric family with all of its samples. */
export interface Family {
  readonly help: string;
  readonly type: string;
  readonly samples: readonly Sample[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|$)/y;
const SUFFIX = /_(bucket|sum|count)$/;

/**
 * Parses Prometheus' text format 0.0.4 and insists on more than a scraper does: one HELP and one TYPE before the samples
 * of each family, all samples of a family adjacent, no sample twice, no time stamps, counters named `_total`, no family
 * without samples, histogram buckets that are cumulative and end in `+Inf`, which equals `_count`.
 *
 * @throws {SyntaxError} If the text is not like that; the message names the line.
 */
export function parsePrometheus(text: string): Map<string, Family> {
  const families = new Map<string, { help: string; type: string; samples: Sample[] }>();
  let help: { name: string; text: string } | undefined;
  let current: string | undefined;
  if (!text.endsWith("\n")) throw new SyntaxError("the last line does not end");
  for (const line of text.slice(0, -1).split("\n")) {
    const refuse = (why: string) => new SyntaxError(`${why}: ${line}`);
    const comment = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line);
    if (comment !== null) {
      const [, keyword, name, rest] = comment as unknown as [string, string, string, string];
      if (!NAME.test(name)) throw refuse("bad metric name");
      if (keyword === "HELP") {
        if (help !== undefined) throw refuse("HELP without TYPE before");
        if (families.has(name)) throw refuse("second HELP, or family not adjacent");
        help = { name, text: rest };
        continue;
      }
      if (help?.name !== name) throw refuse("TYPE without HELP");
      if (!["counter", "gauge", "histogram"].includes(rest)) throw refuse("unknown type");
      if (rest === "counter" !== name.endsWith("_total")) throw refuse("only counters end in _total");
      families.set(name, { help: help.text, type: rest, samples: [] });
      current = name;
      help = undefined;
      continue;
    }
    const sample = parseSample(line);
    if (sample === undefined) throw refuse("not a sample");
    const family = current === undefined ? undefined : families.get(current);
    const owner = family?.type === "histogram" ? sample.name.replace(SUFFIX, "") : sample.name;
    if (family === undefined || owner !== current) throw refuse("sample outside of its family");
    const key = (other: Sample) => other.name + JSON.stringify(Object.entries(other.labels).sort());
    if (family.samples.some((other) => key(other) === key(sample))) throw refuse("sample twice");
    family.samples.push(sample);
  }
  for (const [name, { type, samples }] of families) {
    if (samples.length === 0) throw new SyntaxError(`${name} has no samples`);
    if (type === "histogram") checkHistogram(name, samples);
    if (type === "counter" && samples.some(({ value }) => !(value >= 0))) {
      throw new SyntaxError(`${name} is negative`);
    }
  }
  return families;
}

/** The lines of a text that are samples of this very name, in order. */
export function linesOf(text: string, name: string): string[] {
  return text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

function parseSample(line: string): Sample | undefined {
  const parts = /^([^\s{]+)(?:\{(.+)\})? (\S+)$/s.exec(line); // a value may hold what ends lines elsewhere
  if (parts === null || !NAME.test(parts[1]!)) return undefined;
  const labels: Record<string, string> = {};
  const list = parts[2] ?? "";
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < list.length) {
    const label = LABEL.exec(list);
    if (label === null || label[1]! in labels) return undefined;
    labels[label[1]!] = label[2]!.replace(/\\(.)/g, (_, char) => char === "n" ? "\n" : char);
  }
  const value = parts[3] === "+Inf" ? Infinity : Number(parts[3]);
  return Number.isNaN(value) ? undefined : { name: parts[1]!, labels, value };
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const series = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...series.get(key) ?? [], sample]);
  }
  for (const [key, members] of series) {
    const refuse = (why: string) => new SyntaxError(`${name} ${key}: ${why}`);
    const buckets = members.filter((member) => member.name === `${name}_bucket`);
    const counts = members.filter((member) => member.name === `${name}_count`);
    const sums = members.filter((member) => member.name === `${name}_sum`);
    if (counts.length !== 1 || sums.length !== 1) throw refuse("not one _count and one _sum");
    let last = { bound: -Infinity, count: 0 };
    for (const { labels, value } of buckets) {
      const bound = labels.le === "+Inf" ? Infinity : Number(labels.le);
      if (!(bound > last.bound)) throw refuse("bounds do not ascend");
      if (value < last.count) throw refuse("buckets are not cumulative");
      last = { bound, count: value };
    }
    if (last.bound !== Infinity || last.count !== counts[0]!.value) throw refuse("+Inf is not _count");
  }
}

/** What `promtool check metrics` has to say, nothing when it is not there. */
export async function promtool(text: string): Promise<string | undefined> {
  let process: Deno.ChildProcess;
  try {
    process = new Deno.Command("promtool", {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await process.output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  return code === 0 ? said : `exit code ${code}: ${said}`;
}
