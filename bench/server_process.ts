import { RUNTIME_ENVIRONMENT, RUNTIME_FLAGS } from "../collector/runtime_settings.ts";

function path(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

/** A sink, and the permissions that it needs. */
export interface BenchSink {
  readonly config: Readonly<Record<string, unknown>>;
  readonly flags: readonly string[];
}

/**
 * Starts the daemon with sources that block and go to files; requests to `bench-json` are kept as OTLP/JSON.
 *
 * @param directory Where its config and its files are put.
 * @param sink Where the sources go instead.
 * @returns The daemon.
 */
export async function startDaemon(directory: string, sink?: BenchSink): Promise<ServerProcess> {
  const config = `${directory}/config.json`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      listen: { http: "127.0.0.1:0", websocket: "127.0.0.1:0", admin: "127.0.0.1:0" },
      sources: {
        "bench-json": { policy: "block", encoding: "json", buffer: { records: 100_000, bytes: "64MiB" } },
        "bench*": { policy: "block", buffer: { records: 100_000, bytes: "64MiB" } },
      },
      sinks: { sink: sink?.config ?? { type: "file", directory: `${directory}/data` } },
    }),
  );
  return await ServerProcess.start([
    "run",
    ...RUNTIME_FLAGS, // as the start task does
    `--config=${path("../deno.json")}`,
    "--allow-net=127.0.0.1",
    "--allow-env=WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE",
    `--allow-read=${config},${directory}/data`,
    `--allow-write=${directory}/data`,
    "--allow-sys=statfs",
    ...sink?.flags ?? [],
    path("../main.ts"),
    "start",
    "--log-format=json",
    `--config=${config}`,
  ], RUNTIME_ENVIRONMENT);
}

/**
 * Removes the files that the daemon has finished, so that those to come take their memory in the kernel's cache over: where
 * a virtual machine gets new memory from its host, a page costs more than everything that is measured here.
 *
 * @param directory What was given to {@linkcode startDaemon}.
 */
export async function removeFinishedFiles(directory: string): Promise<void> {
  const source = `${directory}/data/bench`;
  const names = await Array.fromAsync(Deno.readDir(source), ({ name }) => name);
  for (const name of names) {
    if (!name.endsWith(".open")) await Deno.remove(`${source}/${name}`);
  }
}

/** A server under measurement, as a process of its own. */
export class ServerProcess implements AsyncDisposable {
  /** Of its HTTP listener. */
  readonly url: string;
  /** Of its admin listener, where it has one. */
  readonly adminUrl: string | undefined;
  /** Of its WebSocket listener, where it has one. */
  readonly websocketUrl: string | undefined;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;

  private constructor(child: Deno.ChildProcess, line: string, log: Promise<void>) {
    this.#child = child;
    const { http, websocket, admin } = JSON.parse(line);
    this.url = http;
    this.adminUrl = admin;
    this.websocketUrl = websocket;
    this.#log = log;
  }

  /**
   * Starts a server and waits until it tells on stderr, as a line of JSON, where it listens.
   *
   * @param args Arguments of the runtime.
   * @param env Variables of its environment, beside those of this process.
   * @returns The server.
   */
  static async start(args: string[], env: Record<string, string> = {}): Promise<ServerProcess> {
    const child = new Deno.Command(Deno.execPath(), { args, env, stdout: "null", stderr: "piped" }).spawn();
    const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await lines.read();
      if (done) throw new Error(`the server ended before it listened: ${text}`);
      text += value;
      const line = /^.*"message":"listening".*$/m.exec(text)?.[0];
      if (line === undefined || !line.endsWith("}")) continue;
      const log = (async () => {
        while (!(await lines.read()).done);
      })();
      return new ServerProcess(child, line, log);
    }
  }

  /** Processor time it has used, in seconds. */
  async cpuSeconds(): Promise<number> {
    const stat = await Deno.readTextFile(`/proc/${this.#child.pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100; // in ticks of a hundredth of a second
  }

  /** The most memory that was ever resident, in bytes. */
  async peakResident(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#child.pid}/status`);
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
  }

  /** Stops it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#log;
  }
}
