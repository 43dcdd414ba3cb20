// @ts-types="./types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { join, normalize } from "node:path";
import { parseConfig } from "../collector/config.ts";
import { readConfig } from "../collector/config_file.ts";
import { configSchema } from "../collector/config_schema.ts";
import { waitFor } from "./wait_for.ts";

const ROOT = new URL("../", import.meta.url).pathname;
/** The heading whose ```console blocks are run: `$ ` begins a command, what follows it is what it prints. */
const SESSION = "## A first session";
const CONFIG = "docs/examples/overload.json";
const DENO = "npx --yes deno@2.9.6";
const HTTP = "127.0.0.1:4318";
const ADMIN = "127.0.0.1:4320";

interface Step {
  readonly command: string;
  /** What it prints, with a line feed behind each line. */
  readonly output: string;
}

function read(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

/** The commands of the ```console blocks of one section. */
function stepsOf(text: string, heading: string): Step[] {
  const start = text.indexOf(heading);
  assert(start >= 0, `there is no heading '${heading}'`);
  const end = text.indexOf("\n## ", start);
  const section = text.slice(start, end < 0 ? undefined : end);
  const steps: Step[] = [];
  for (const [, block] of section.matchAll(/^```console\n([^]*?)^```$/gm)) {
    for (const part of block!.split(/^(?=\$ )/m)) {
      const lineEnd = part.indexOf("\n");
      assert(part.startsWith("$ "), `a console block has to begin with a command: ${part}`);
      steps.push({ command: part.slice(2, lineEnd), output: part.slice(lineEnd + 1) });
    }
  }
  return steps;
}

/** Takes out what differs from run to run. */
function normalized(output: string): string {
  return output
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>")
    .replaceAll(/after \d+\.\d+ s/g, "after <n> s")
    .replaceAll(/pid=\d+/g, "pid=<n>")
    .replaceAll(/^date: .*$/gm, "date: <date>")
    .replaceAll("\r", "");
}

function has(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** What the commands get: not what would make them contribute to coverage, as the daemon may be killed in the end. */
function environment(): Record<string, string> {
  const { DENO_COVERAGE_DIR: _, ...env } = Deno.env.toObject();
  return { ...env, NO_COLOR: "1" };
}

/** One shell that runs one command after the other, so that what one defines the next one can use. */
class Shell implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #output: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #count = 0;

  constructor(path: string) {
    this.#child = new Deno.Command("sh", {
      cwd: ROOT,
      clearEnv: true,
      env: { ...environment(), PATH: path },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.getReader();
  }

  /** Runs a command and returns what it prints. */
  async run(command: string): Promise<string> {
    const mark = `--- end of command ${++this.#count}\n`;
    await this.#input.write(new TextEncoder().encode(`${command}\nprintf '%s' '${mark}'\n`));
    for (;;) {
      const end = this.#rest.indexOf(mark);
      if (end >= 0) {
        const output = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + mark.length);
        return output;
      }
      const { done, value } = await this.#output.read();
      assert(!done, `the shell ended at '${command}'`);
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#output.cancel();
    await this.#child.status;
  }
}

/** The daemon of the session, started by the README's own command line in a shell, with its pipe. */
class SessionDaemon implements AsyncDisposable {
  /** What it logged so far. */
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #done: Promise<void>;

  constructor(command: string) {
    this.#child = new Deno.Command("sh", {
      args: ["-c", command],
      cwd: ROOT,
      clearEnv: true,
      env: environment(),
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#done = this.#collect();
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const piece of this.#child.stderr) this.log += decoder.decode(piece, { stream: true });
  }

  /** What stands behind `name=` in the log, once it is there. */
  async field(name: string): Promise<string> {
    const pattern = new RegExp(` ${name}=(\\S+)`);
    await waitFor(() => pattern.test(this.log), { what: `${name}= in the log of the daemon` });
    return pattern.exec(this.log)![1]!;
  }

  /** The first lines of its log, without what the runtime itself says. */
  lines(count: number): string {
    const lines = this.log.split("\n").filter((line) => /^\d{4}-/.test(line));
    return lines.slice(0, count).map((line) => `${line}\n`).join("");
  }

  /** Ends it as Ctrl-C does, and waits until its pipe is empty. */
  async interrupt(): Promise<void> {
    Deno.kill(Number(await this.field("pid")), "SIGINT");
    await this.#child.status;
    await this.#done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const pid = / pid=(\d+)/.exec(this.log)?.[1];
    for (const id of [Number(pid ?? this.#child.pid), this.#child.pid]) {
      try {
        Deno.kill(id, "SIGKILL");
      } catch {
        // It has ended before.
      }
    }
    await this.#child.status;
    await this.#done;
  }
}

/** Makes a program `curl` in a directory that does with `fetch` what the README's commands ask of curl. */
async function makeCurl(directory: string): Promise<void> {
  const program = `${directory}/curl.mjs`;
  await Deno.writeTextFile(
    program,
    `
const options = { headers: {} };
const rest = [...Deno.args];
for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
  if (arg === "-w") options.format = rest.shift();
  else if (arg === "--data-binary" && rest.shift() === "@-") options.body = await new Response(Deno.stdin.readable).bytes();
  else if (arg === "-si") options.head = true;
  else if (arg === "-H") {
    const [name, value] = rest.shift().split(": ");
    options.headers[name] = value;
  } else if (arg.startsWith("http:")) options.url = arg;
  else if (arg !== "-s") throw new Error("curl is not installed, and its stand-in knows no option " + arg);
}
const { url, headers, body, head, format } = options;
const start = performance.now();
const response = await fetch(url, { method: body ? "POST" : "GET", headers, body });
const text = await response.text();
const lines = [...response.headers].filter(([name]) => name !== "vary").map(([name, value]) => name + ": " + value + "\\n");
const time = ((performance.now() - start) / 1000).toFixed(6);
await new Response(
  (head ? "HTTP/1.1 " + response.status + " " + response.statusText + "\\n" + lines.join("") + "\\n" : "") + text +
    (format ?? "").replace("%{http_code}", response.status).replace("%{time_total}", time).replaceAll("\\\\n", "\\n"),
).body.pipeTo(Deno.stdout.writable);
`,
  );
  await Deno.writeTextFile(
    `${directory}/curl`,
    `#!/bin/sh\nexec '${Deno.execPath()}' run --quiet --no-config --no-lock --allow-net=127.0.0.1 '${program}' "$@"\n`,
    { mode: 0o755 },
  );
}

/** An answer's headers may come in any order and case. */
function comparable(output: string): string {
  const head = /^(HTTP\/1\.1 .*\n)((?:[\w-]+: .*\n)+)\n/.exec(output);
  if (head === null) return output;
  const headers = head[2]!.trim().split("\n").map((line) => line.replace(/^[^:]+/, (n) => n.toLowerCase()));
  return `${head[1]}${headers.sort().join("\n")}\n\n${output.slice(head[0].length)}`;
}

Deno.test("README: every command of the first session prints what it says", async (t) => {
  const directory = await Deno.makeTempDir({ prefix: "penstock-readme-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));

  // The documented ports may be taken, and so may the directory.
  const config = await readConfig(join(ROOT, CONFIG));
  assert(config.ok);
  const file = `${directory}/overload.json`;
  const free = `"listen": { "http": "127.0.0.1:0", "admin": "127.0.0.1:0" },`;
  await Deno.writeTextFile(file, read(CONFIG).replace(/^\{\n/m, `{\n${free}\n`));
  let http = "127.0.0.1:0";
  let admin = "127.0.0.1:0";
  const here = (command: string) =>
    command.replaceAll("/tmp/penstock", directory).replaceAll(DENO, `'${Deno.execPath()}'`)
      .replaceAll("--allow-read=docs", `--allow-read=${directory}`).replaceAll(CONFIG, file).replaceAll(
        HTTP,
        http,
      ).replaceAll(ADMIN, admin);
  const there = (output: string) =>
    output.replaceAll(http, HTTP).replaceAll(admin, ADMIN).replaceAll(directory, "/tmp/penstock")
      .replaceAll("/tmp/penstock/overload.json", CONFIG);

  let path = Deno.env.get("PATH") ?? "";
  if (!has("curl")) {
    Deno.stdout.writeSync(
      new TextEncoder().encode("curl is not installed: its requests are made by fetch\n"),
    );
    await makeCurl(directory);
    path = `${directory}:${path}`;
  }
  await using shell = new Shell(path);
  let daemon: SessionDaemon | undefined;
  cleanup.defer(() => daemon?.[Symbol.asyncDispose]());

  const steps = stepsOf(read("README.md"), SESSION);
  assertGreater(steps.length, 10);
  for (const { command, output } of steps) {
    const ok = await t.step(command.length > 100 ? `${command.slice(0, 100)}…` : command, async () => {
      if (command.includes("main.ts start")) {
        daemon = new SessionDaemon(here(command));
        http = new URL(await daemon.field("http")).host;
        admin = new URL(await daemon.field("admin")).host;
        await daemon.field("agents"); // the last field of the line
        await waitFor(() => daemon!.log.endsWith("\n"), { what: "the end of the line" });
        const lines = output.split("\n").length - 1;
        assertEquals(normalized(there(daemon.lines(lines))), normalized(output));
        return;
      }
      const printed = there(await shell.run(here(command)));
      assertEquals(comparable(normalized(printed)), comparable(normalized(output)));
      if (printed.includes("was full for 2000 ms")) {
        const seconds = Number(/after (\S+) s/.exec(printed)?.[1]);
        assertGreaterOrEqual(seconds, 2);
      }
      if (command.startsWith("touch ")) await drained(admin); // a slow machine may need longer than it says
    });
    if (!ok) return; // what follows builds on it
  }
  assert(daemon !== undefined);
  await t.step("Ctrl-C", async () => {
    await daemon!.interrupt();
    assertMatch(daemon!.log.trimEnd().split("\n").at(-1)!, / ledger .*undelivered=0$/);
  });
});

/** Waits until every buffer is empty and what left them is in the file. */
async function drained(admin: string): Promise<void> {
  await waitFor(async () => {
    const response = await fetch(`http://${admin}/status`);
    const { sources } = await response.json() as { sources: Record<string, { buffer: { records: number } }> };
    return Object.values(sources).every(({ buffer }) => buffer.records === 0);
  }, { what: "empty buffers", interval: 100 });
}

/** The pages that are checked. */
function pages(): string[] {
  const docs = [...Deno.readDirSync(join(ROOT, "docs"))].map(({ name }) => `docs/${name}`);
  return ["README.md", ...docs.filter((name) => name.endsWith(".md")).sort()];
}

/** The anchors of a page's headings, as repositories on the web make them. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
  return headings.map((heading) =>
    heading.toLowerCase().replaceAll(/[^\p{Letter}\p{Number} _-]/gu, "").replaceAll(" ", "-")
  );
}

Deno.test("README, docs: every relative link leads to a file, and to a heading where it names one", () => {
  const broken: string[] = [];
  let links = 0;
  for (const page of pages()) {
    const text = read(page).replaceAll(/^```[^]*?^```$/gm, "");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      links++;
      const [file, anchor] = target!.split("#") as [string, string?];
      const path = file === "" ? page : normalize(join(page, "..", file));
      try {
        Deno.statSync(join(ROOT, path));
        if (anchor !== undefined && !anchorsOf(read(path)).includes(anchor)) {
          broken.push(`${page}: ${target}`);
        }
      } catch {
        broken.push(`${page}: ${target}`);
      }
    }
  }
  assertEquals(broken, []);
  assertGreater(links, 5);
});

/** The keys that the schema knows, as paths in which NAME stands for the name of a source or a sink. */
function schemaKeys(): string[] {
  interface Part {
    readonly properties?: Record<string, Part>;
    readonly additionalProperties?: Part | boolean;
    readonly anyOf?: readonly Part[];
    readonly oneOf?: readonly Part[];
  }
  const keys = new Set<string>();
  const visit = (part: Part, path: string) => {
    const { properties, additionalProperties, anyOf = [], oneOf = [] } = part;
    for (const [key, inner] of Object.entries(properties ?? {})) {
      visit(inner, path === "" ? key : `${path}.${key}`);
    }
    if (typeof additionalProperties === "object") visit(additionalProperties, `${path}.NAME`);
    for (const inner of [...anyOf, ...oneOf]) visit(inner, path);
    const leaf = properties === undefined && typeof additionalProperties !== "object" &&
      anyOf.length + oneOf.length === 0;
    if (leaf) keys.add(path);
  };
  visit(configSchema.toJSONSchema({ unrepresentable: "any", io: "input" }) as Part, "");
  return [...keys].sort();
}

/** The keys in the first column of the tables of docs/config.md, under the heading that each table belongs to. */
function documentedKeys(): string[] {
  const keys = new Set<string>();
  for (const section of read("docs/config.md").split(/^## /m).slice(1)) {
    const heading = /^`(\w+)`/.exec(section)?.[1];
    if (heading === undefined) continue;
    const prefix = heading === "sources" || heading === "sinks" ? `${heading}.NAME` : heading;
    for (const [, key] of section.matchAll(/^\| `([\w.]+)` /gm)) keys.add(`${prefix}.${key}`);
  }
  return [...keys].sort();
}

Deno.test("docs/config.md has every key of the schema and no other", () => {
  assertEquals(documentedKeys(), schemaKeys());
});

Deno.test("README names no config key that the schema does not have", () => {
  const known = schemaKeys();
  const named = [...read("README.md").matchAll(/`((?:listen|limits|sources|sinks|pool|shutdown)\.[\w.]+)`/g)];
  assertGreater(named.length, 5);
  const unknown = named.map(([, key]) => key!).filter((key) =>
    !key.endsWith(".ts") && !known.some((other) => other === key || other.startsWith(`${key}.`))
  );
  assertEquals(unknown, []);
});

Deno.test("docs/examples: every config is valid", async () => {
  for await (const { name } of Deno.readDir(join(ROOT, "docs/examples"))) {
    const result = await readConfig(join(ROOT, "docs/examples", name));
    assert(result.ok, JSON.stringify(result));
  }
  assert(!parseConfig({}).ok); // it does check
});
