import { RUNTIME_ENVIRONMENT } from "../../collector/runtime_settings.ts";
import { LogCollector, type LogEntry } from "./log_collector.ts";
import { cpuSeconds, filesUnder, residentBytes } from "./process_files.ts";

export type { LogEntry };

const ROOT = new URL("../../", import.meta.url);
const LOOPBACK = "127.0.0.1:0";

/** Options of {@linkcode DaemonProcess.start}. */
export interface DaemonOptions {
  /**
   * The config, or what makes it from the path of the temporary directory. The daemon's working directory is that
   * one, so `"directory": "./data"` of a file sink is where `files()` and `recordsOf()` look. Every listener that is not
   * given gets a free port on loopback.
   */
  config: Record<string, unknown> | ((directory: string) => Record<string, unknown>);
  /**
   * What becomes of the daemon's standard output. `piped`: the test reads `readStdout()`. `stalled`: nobody reads, so
   * that the daemon's writes block after the 64 KiB of the kernel's pipe, until `resumeStdout()`.
   *
   * @default {"null"}
   */
  stdout?: "piped" | "null" | "stalled";
  /** Further arguments of the daemon's command line. */
  args?: string[];
  /**
   * How long the daemon may take to listen, in milliseconds.
   *
   * @default {20000}
   */
  startTimeout?: number;
  /**
   * Whether the daemon contributes to the coverage of a test run that measures it. Turn it off where time or memory are measured.
   * A daemon writes its coverage at a clean exit only: end it with `stop()`.
   *
   * @default {true}
   */
  coverage?: boolean;
  /**
   * The program to run instead of the daemon's own.
   *
   * @default {"main.ts"}
   */
  main?: string;
  /** More variables of the daemon's environment. */
  env?: Record<string, string>;
}

/** How a daemon ended. */
export interface ExitReport {
  /** Exit code. */
  readonly code: number;
  /** The log entry with the message `ledger`, if there was one. */
  readonly ledger: LogEntry | undefined;
}

/** The daemon as a process of its own, with real sockets, files and permissions. */
export class DaemonProcess implements AsyncDisposable {
  /** Of the HTTP listener, without a path. */
  readonly url: string;
  /** Of the admin listener, without a path. */
  readonly adminUrl: string;
  /** Of the WebSocket listener as the log tells it, if it does. */
  readonly websocketUrl: string | undefined;
  /** Temporary directory, the daemon's working directory. Removed at the end. */
  readonly directory: string;
  /** Resolves when the process has ended. */
  readonly status: Promise<Deno.CommandStatus>;
  readonly #child: Deno.ChildProcess;
  readonly #log: LogCollector;
  #running = true;

  private constructor(child: Deno.ChildProcess, log: LogCollector, directory: string, listening: LogEntry) {
    this.#child = child;
    this.#log = log;
    this.directory = directory;
    this.url = String(listening["http"]);
    this.adminUrl = String(listening["admin"]);
    this.websocketUrl = listening["websocket"] === undefined ? undefined : String(listening["websocket"]);
    this.status = child.status.finally(() => this.#running = false);
  }

  /**
   * Starts a daemon with the permissions that it asks for itself, and waits until it listens.
   *
   * @param options See there.
   * @returns The daemon, to be declared with `await using`.
   * @throws {Error} If it ends or does not listen in time. The message holds the end of its log.
   */
  static async start(options: DaemonOptions): Promise<DaemonProcess> {
    const { config, stdout = "null", args = [], startTimeout = 20_000, coverage = true } = options;
    const main = options.main ?? new URL("main.ts", ROOT).pathname;
    const directory = await Deno.makeTempDir({ prefix: "penstock-e2e-" });
    let child: Deno.ChildProcess | undefined;
    try {
      const given = typeof config === "function" ? config(directory) : config;
      const file = `${directory}/config.json`;
      const listen = {
        http: LOOPBACK,
        websocket: LOOPBACK,
        admin: LOOPBACK,
        ...given["listen"] as object | undefined,
      };
      await Deno.writeTextFile(file, JSON.stringify({ ...given, listen }, null, 2));
      // Not inherited but copied: an empty DENO_COVERAGE_DIR means the working directory, so it has to be left out.
      const common = { cwd: directory, env: environment(coverage), clearEnv: true, stdin: "null" } as const;
      const env = { ...common.env, ...RUNTIME_ENVIRONMENT, ...options.env };
      const permissions = await askPermissions(main, file, common);
      child = new Deno.Command(Deno.execPath(), {
        ...common,
        env,
        args: [...runArgs(permissions), main, "start", "--config", file, "--log-format", "json", ...args],
        stdout: stdout === "null" ? "null" : "piped",
        stderr: "piped",
      }).spawn();
      const log = new LogCollector(child.stderr);
      const listening = await log.waitFor((entry) => entry.message === "listening", startTimeout);
      return new DaemonProcess(child, log, directory, listening);
    } catch (error) {
      if (child !== undefined) await end(child, stdout !== "null");
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** The newest lines on standard error. */
  get logs(): readonly string[] {
    return this.#log.lines;
  }

  /** The newest lines on standard error that are JSON, parsed. */
  logEntries(): LogEntry[] {
    return this.#log.entries();
  }

  /**
   * Waits for a log entry, one that came before included.
   *
   * @param predicate Whether an entry is the one.
   * @param timeoutMs How long to wait at most.
   * @returns The first such entry.
   * @throws {Error} If none comes in time, or the daemon ends before.
   */
  waitForLog(predicate: (entry: LogEntry) => boolean, timeoutMs: number = 20_000): Promise<LogEntry> {
    return this.#log.waitFor(predicate, timeoutMs);
  }

  /** Resident memory in bytes. */
  rss(): number {
    return residentBytes(this.pid);
  }

  /** Time of processors spent so far, in seconds, to a hundredth. */
  cpu(): number {
    return cpuSeconds(this.pid);
  }

  /** Sends a signal. */
  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /**
   * Sends SIGTERM, if the daemon still runs, and waits for its end.
   *
   * @param timeoutMs How long to wait at most.
   * @throws {Error} If it takes longer.
   */
  async stop(timeoutMs: number = 30_000): Promise<ExitReport> {
    if (this.#running) this.#child.kill("SIGTERM");
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`Daemon still runs ${timeoutMs} ms after SIGTERM:\n${this.#log.tail()}`)),
      timeoutMs,
    );
    try {
      const { code } = await Promise.race([this.status, late.promise]);
      await Promise.race([this.#log.done, late.promise]);
      return { code, ledger: this.#log.entries().findLast((entry) => entry.message === "ledger") };
    } finally {
      clearTimeout(timer);
    }
  }

  /** Standard output, where `stdout` is `piped`. Whoever asks for it has to read it to its end. */
  readStdout(): ReadableStream<Uint8Array> {
    return this.#child.stdout;
  }

  /** Reads standard output to its end, where `stdout` is `stalled`. */
  async resumeStdout(): Promise<string> {
    return await new Response(this.#child.stdout as ReadableStream<Uint8Array<ArrayBuffer>>).text();
  }

  /** Paths of the files of a source under `data/` in the temporary directory, sorted. */
  files(source: string): string[] {
    return filesUnder(`${this.directory}/data/${source}`);
  }

  /** What the files of a source hold, in the order of their names. */
  async recordsOf(source: string): Promise<Uint8Array<ArrayBuffer>> {
    const contents = this.files(source).map((path) => Deno.readFileSync(path));
    return await new Blob(contents).bytes();
  }

  /**
   * A JSON answer of the daemon.
   *
   * @param path A path on the admin listener, or a whole URL.
   * @param init As for `fetch`; it gets 10 seconds unless it has a signal.
   * @throws {Error} If the status is not 2xx, with the body.
   */
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  async fetchJson(path: string, init?: RequestInit): Promise<any> {
    return JSON.parse(await this.#fetchText(path, init));
  }

  /** The body of `/status`. */
  // deno-lint-ignore no-explicit-any -- as above
  statusJson(): Promise<any> {
    return this.fetchJson("/status");
  }

  /** The body of `/metrics`. */
  metrics(): Promise<string> {
    return this.#fetchText("/metrics");
  }

  async #fetchText(path: string, init: RequestInit = {}): Promise<string> {
    const response = await fetch(new URL(path, this.adminUrl), {
      signal: AbortSignal.timeout(10_000),
      ...init,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text;
  }

  /** Kills the process if it still runs, waits for its end and removes the temporary directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child, true);
    await this.#log.done;
    await Deno.remove(this.directory, { recursive: true });
  }
}

function runArgs(permissions: readonly string[]): string[] {
  // The working directory is elsewhere, so the project's config has to be named.
  return ["run", "--quiet", "--no-prompt", "--config", new URL("deno.json", ROOT).pathname, ...permissions];
}

/** `deno test --coverage=DIR` tells its children of DIR by a variable, but in the form in which it was given. */
function environment(coverage: boolean): Record<string, string> {
  const { DENO_COVERAGE_DIR: directory, ...others } = Deno.env.toObject();
  if (directory === undefined || !coverage) return { ...others, NO_COLOR: "1" };
  const absolute = directory.startsWith("/") ? directory : `${Deno.cwd()}/${directory}`;
  return { ...others, NO_COLOR: "1", DENO_COVERAGE_DIR: absolute };
}

async function askPermissions(main: string, file: string, common: Deno.CommandOptions): Promise<string[]> {
  // All permissions here alone: what is tested is the daemon that runs with the answer.
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    ...common,
    args: [...runArgs(["--allow-all"]), main, "permissions", "--config", file],
  }).output();
  if (code !== 0) throw new Error(`Cannot ask for permissions: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).split(/\s+/).filter((flag) => flag !== "");
}

async function end(child: Deno.ChildProcess, piped: boolean): Promise<void> {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended before.
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
  await child.status;
  if (!piped) return;
  try {
    await child.stdout.cancel();
  } catch {
    // Not piped, or a reader of the test's holds it: it then comes to its end by itself.
  }
}
