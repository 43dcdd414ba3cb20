function path(name: string): string {
  return new URL(name, import.meta.url).pathname;
}

/**
 * Starts the daemon with sources that block and go to files; requests to `bench-json` are kept as OTLP/JSON.
 *
 * @param directory Where its config and its files are put.
 * @returns The daemon.
 */
export async function startDaemon(directory: string): Promise<ServerProcess> {
  const config = `${directory}/config.json`;
  await Deno.writeTextFile(
    config,
    JSON.stringify({
      listen: { http: "127.0.0.1:0", admin: "127.0.0.1:0" },
      sources: {
        "bench-json": { policy: "block", encoding: "json", buffer: { records: 100_000, bytes: "64MiB" } },
        "bench*": { policy: "block", buffer: { records: 100_000, bytes: "64MiB" } },
      },
      sinks: { disk: { type: "file", directory: `${directory}/data` } },
    }),
  );
  return await ServerProcess.start([
    "run",
    "--v8-flags=--optimize-for-size", // as the start task does
    `--config=${path("../deno.json")}`,
    "--allow-net=127.0.0.1",
    `--allow-read=${config}`,
    `--allow-write=${directory}/data`,
    path("../main.ts"),
    "start",
    "--log-format=json",
    `--config=${config}`,
  ]);
}

/** A server under measurement, as a process of its own. */
export class ServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #child: Deno.ChildProcess;
  readonly #log: Promise<void>;

  private constructor(child: Deno.ChildProcess, url: string, log: Promise<void>) {
    this.#child = child;
    this.url = url;
    this.#log = log;
  }

  /**
   * Starts a server and waits until it tells on stderr, as a line of JSON, where it listens.
   *
   * @param args Arguments of the runtime.
   * @returns The server.
   */
  static async start(args: string[]): Promise<ServerProcess> {
    const child = new Deno.Command(Deno.execPath(), { args, stdout: "null", stderr: "piped" }).spawn();
    const lines = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await lines.read();
      if (done) throw new Error(`the server ended before it listened: ${text}`);
      text += value;
      const http = /"message":"listening","http":"([^"]+)"/.exec(text)?.[1];
      if (http === undefined) continue;
      const log = (async () => {
        while (!(await lines.read()).done);
      })();
      return new ServerProcess(child, http, log);
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
