// @ts-types="./types/deno_std_assert.d.ts"
import { assert } from "@std/assert";
import { join } from "node:path";
import { waitFor } from "./wait_for.ts";

export const ROOT = new URL("../", import.meta.url).pathname;
/** The heading whose ```console blocks are run: `$ ` begins a command, what follows it is what it prints. */
export const SESSION = "## A first session";
export const CONFIG = "docs/examples/overload.json";
export const DENO = "npx --yes deno@2.9.6";
export const HTTP = "127.0.0.1:4318";
export const WEBSOCKET = "127.0.0.1:4319";
export const ADMIN = "127.0.0.1:4320";

export interface Step {
  readonly command: string;
  /** What it prints, with a line feed behind each line. */
  readonly output: string;
}

export function read(path: string): string {
  return Deno.readTextFileSync(join(ROOT, path));
}

/** The commands of the ```console blocks of one section. */
export function stepsOf(text: string, heading: string): Step[] {
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
export function normalized(output: string): string {
  return output
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, "<time>")
    .replaceAll(/after \d+\.\d+ s/g, "after <n> s")
    .replaceAll(/pid=\d+/g, "pid=<n>")
    .replaceAll(/^date: .*$/gm, "date: <date>")
    .replaceAll("\r", "");
}

export function has(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** What the commands get: not what would make them contribute to coverage, as the daemon may be killed in the end. */
export function environment(): Record<string, string> {
  const { DENO_COVERAGE_DIR: _, ...env } = Deno.env.toObject();
  return { ...env, NO_COLOR: "1" };
}

/** One shell that runs one command after the other, so that what one defines the next one can use. */
export class Shell implements AsyncDisposable {
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
export class SessionDaemon implements AsyncDisposable {
  /** What it logged so far. */
  log = "";
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
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
    this.#reader = this.#child.stderr.getReader();
    this.#done = this.#collect();
  }

  async #collect(): Promise<void> {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      this.log += decoder.decode(value, { stream: true });
    }
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
    // Not its log: what the command line put behind it may hold that open, and this is after a failure anyway.
    await this.#reader.cancel();
    await this.#done;
  }
}

/** Makes a program `curl` in a directory that does with `fetch` what the README's commands ask of curl. */
export async function makeCurl(directory: string): Promise<void> {
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
export function comparable(output: string): string {
  const head = /^(HTTP\/1\.1 .*\n)((?:[\w-]+: .*\n)+)\n/.exec(output);
  if (head === null) return output;
  const headers = head[2]!.trim().split("\n").map((line) => line.replace(/^[^:]+/, (n) => n.toLowerCase()));
  return `${head[1]}${headers.sort().join("\n")}\n\n${output.slice(head[0].length)}`;
}
