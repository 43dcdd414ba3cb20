// deno-lint-ignore-file no-console -- a report on standard output is what this is for
/**
 * Reports the line coverage of a test run and fails when it is too low.
 *
 * Run with `deno run -A .ci/coverage.ts DIRECTORY`, after `deno test --coverage=DIRECTORY`. Daemons that tests ran as
 * processes of their own count too, if they ended cleanly: Deno merges what every process has written there.
 *
 * @module
 */
const ROOT = new URL("../", import.meta.url).pathname;
const FOLDERS = ["collector", "policies", "sinks"];
const MINIMUM_PERCENT = 90;
const WORST = 10;

interface FileCoverage {
  readonly file: string;
  readonly lines: number;
  readonly covered: number;
  /** Numbers of the lines that never ran. */
  readonly missed: readonly number[];
}

/** Reads what `deno coverage --lcov` prints: `SF:` begins a file, `DA:line,count` is one of its lines. */
function parseLcov(text: string): Map<string, FileCoverage> {
  const files = new Map<string, FileCoverage>();
  for (const record of text.split("end_of_record\n")) {
    const path = /^SF:(.*)$/m.exec(record)?.[1];
    if (!path?.startsWith(ROOT)) continue;
    const file = path.slice(ROOT.length);
    const lines = [...record.matchAll(/^DA:(\d+),(\d+)/gm)];
    const missed = lines.filter((line) => Number(line[2]) === 0).map((line) => Number(line[1]));
    files.set(file, { file, lines: lines.length, covered: lines.length - missed.length, missed });
  }
  return files;
}

/**
 * Whether a path is one of those whose coverage matters. What WebAssembly is made of (`.as.ts`) is not: which lines of
 * that run is not recorded.
 */
function matters(file: string): boolean {
  return FOLDERS.some((folder) => file.startsWith(folder + "/")) && file.endsWith(".ts") &&
    !file.endsWith(".d.ts") && !file.endsWith(".as.ts");
}

async function lcov(directory: string): Promise<Map<string, FileCoverage>> {
  const include = `^file://${ROOT}(${FOLDERS.join("|")})/`;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--lcov", `--include=${include}`, directory],
    cwd: ROOT,
  }).output();
  const message = new TextDecoder().decode(stderr);
  if (code === 0) return parseLcov(new TextDecoder().decode(stdout));
  if (message.includes("No covered files included in the report")) return new Map();
  throw new Error(`Cannot read coverage in ${directory}: ${message}`);
}

async function* sourceFiles(folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(ROOT + folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(path);
    else if (matters(path)) yield path;
  }
}

/** Lines with anything but white space and comments on them: what there is to go by in a file that does not even load. */
function countCodeLines(text: string): number {
  const withoutComments = text.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
  return withoutComments.split("\n").filter((line) => line.trim() !== "").length;
}

/**
 * Measures files that no test has loaded, by loading them. So their lines are counted as those of all others, and a file of
 * types alone, of which nothing is left to run, has none.
 */
async function measureUnloaded(files: readonly string[]): Promise<FileCoverage[]> {
  const directory = await Deno.makeTempDir({ prefix: "penstock-coverage-" });
  try {
    const broken = new Set<string>();
    // Each on its own, so that one that does not load does not hide the others.
    for (const file of files) {
      const script = `${directory}/load.js`;
      await Deno.writeTextFile(
        script,
        `await import(${JSON.stringify(`file://${ROOT}${file}`)});\nDeno.exit(0);\n`,
      );
      const { code } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", `${ROOT}deno.json`, `--coverage=${directory}/raw`, script],
        stdin: "null",
        stdout: "null",
        stderr: "null",
      }).output();
      if (code !== 0) broken.add(file);
    }
    const measured = files.length > broken.size
      ? await lcov(`${directory}/raw`)
      : new Map<string, FileCoverage>();
    return files.map((file) => {
      const lines = broken.has(file)
        ? countCodeLines(Deno.readTextFileSync(ROOT + file))
        : measured.get(file)?.lines ?? 0;
      return { file, lines, covered: 0, missed: [] };
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** `3-5, 9`, cut after a few ranges. */
function ranges(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  const texts = found.map(([from, to]) => from === to ? `${from}` : `${from}-${to}`);
  return texts.slice(0, 8).join(", ") + (texts.length > 8 ? ", ..." : "");
}

function percent(covered: number, lines: number): number {
  return lines === 0 ? 100 : covered / lines * 100;
}

const directory = Deno.args[0];
if (directory === undefined) {
  console.error("Usage: deno run -A .ci/coverage.ts DIRECTORY");
  Deno.exit(2);
}

const measured = await lcov(await Deno.realPath(directory));
const loaded = [...measured.values()].filter(({ file }) => matters(file));
const unloaded: string[] = [];
for (const folder of FOLDERS) {
  for await (const file of sourceFiles(folder)) if (!measured.has(file)) unloaded.push(file);
}
const files = [...loaded, ...await measureUnloaded(unloaded)].filter(({ lines }) => lines > 0);
files.sort((a, b) => percent(a.covered, a.lines) - percent(b.covered, b.lines) || b.lines - a.lines);

console.log(`\nLine coverage of ${FOLDERS.join(", ")}: the ${WORST} worst of ${files.length} files`);
for (const { file, lines, covered, missed } of files.slice(0, WORST)) {
  const share = percent(covered, lines).toFixed(1).padStart(6);
  const note = covered === 0 && missed.length === 0
    ? "loaded by no test"
    : missed.length > 0
    ? `not: ${ranges(missed)}`
    : "";
  console.log(`${share} % ${`${covered}/${lines}`.padStart(10)}  ${file}  ${note}`);
}
const lines = files.reduce((sum, file) => sum + file.lines, 0);
const covered = files.reduce((sum, file) => sum + file.covered, 0);
const total = percent(covered, lines);
console.log(`${total.toFixed(1).padStart(6)} % ${`${covered}/${lines}`.padStart(10)}  total\n`);
if (total < MINIMUM_PERCENT) {
  console.error(`Line coverage is ${total.toFixed(2)} %, under ${MINIMUM_PERCENT} %`);
  Deno.exit(1);
}
