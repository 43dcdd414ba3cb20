// @ts-types="./collector/types/deno_std_cli.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { type Config, type ConfigError, formatConfigError } from "./collector/config.ts";
import { readConfig } from "./collector/config_file.ts";
import { configWarnings } from "./collector/config_warnings.ts";
import { Log, LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./collector/log.ts";
import { missingPermissions, runtimeFlags } from "./collector/permissions.ts";
import { environmentPrefix } from "./collector/runtime_settings.ts";
import { shellWord } from "./collector/shell_word.ts";
import { findMissingVariables } from "./collector/sink_headers.ts";

const USAGE = `Usage: main.ts COMMAND [OPTIONS]

Commands:
  start        run the collector until SIGTERM or SIGINT
  check        check the config and say how to start with just the permissions that it needs
  permissions  print the flags of the runtime that grant these permissions and keep it small
  inspect FILE…  tell what files of a file sink hold, compressed or not: records, bytes, times, and whether they are whole

Options:
  --config FILE        the config; config.json when left out, config.example.json when that does not exist
  --log-level LEVEL    ${LOG_LEVELS.join(", ")} (default: info)
  --log-format FORMAT  ${LOG_FORMATS.join(", ")} (default: text)
  --help               print this

Options of inspect:
  --json   tell it as JSON, one line for each file
  --print  write the records instead, as NDJSON: frames in base64, OTLP as OTLP/JSON
`;

/** What a shell takes for a mistake on the command line or in the config; 1 is for records that were not delivered. */
const EXIT_USAGE = 2;

/**
 * Signals within so many milliseconds of the first are the same one: a terminal sends Ctrl-C to the whole group of
 * processes, and the task runner passes it on once more.
 */
const SAME_SIGNAL = 500;

interface Options {
  readonly command: string;
  readonly config: string | undefined;
  readonly level: LogLevel;
  readonly format: LogFormat;
}

function tell(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function fail(text: string): never {
  tell(text);
  Deno.exit(EXIT_USAGE);
}

function parseOptions(args: string[]): Options {
  const unknown: string[] = [];
  const parsed = parseArgs(args, {
    string: ["config", "log-level", "log-format"],
    boolean: ["help"],
    unknown: (arg: string) => {
      if (arg.startsWith("-")) unknown.push(arg);
    },
  });
  if (parsed.help) {
    print(USAGE);
    Deno.exit(0);
  }
  if (unknown.length > 0) fail(`Unknown option ${unknown.join(", ")}\n\n${USAGE}`);
  const { config, "log-level": level = "info", "log-format": format = "text" } = parsed;
  if (config === "") fail("--config needs the name of a file");
  if (!isOneOf(level, LOG_LEVELS)) {
    fail(`--log-level is '${level}', but must be one of ${LOG_LEVELS.join(", ")}`);
  }
  if (!isOneOf(format, LOG_FORMATS)) {
    fail(`--log-format is '${format}', but must be one of ${LOG_FORMATS.join(", ")}`);
  }
  const [command, ...rest] = parsed._;
  if (rest.length > 0) fail(`Unexpected argument ${rest.join(", ")}\n\n${USAGE}`);
  return { command: String(command ?? ""), config, level, format };
}

function isOneOf<Value extends string>(value: string, values: readonly Value[]): value is Value {
  return (values as readonly string[]).includes(value);
}

async function configOrExit(path: string | undefined): Promise<{ file: string; config: Config }> {
  const result = await readConfig(path);
  return result.ok ? result : refuseConfig(result.file, result.errors);
}

function refuseConfig(file: string, errors: readonly ConfigError[]): never {
  const problems = errors.map((error) => `  ${formatConfigError(error)}`).join("\n");
  fail(`Cannot use config ${file}:\n${problems}`);
}

function howToStart(file: string, config: Config): string {
  const flags = runtimeFlags(config, file).map(shellWord).join(" ");
  return `${environmentPrefix()} deno run ${flags} main.ts start --config ${shellWord(file)}`;
}

/** For `$(…)` in a shell, which takes apart what has white space in it, whether it is in quotes or not. */
function printFlags(file: string, config: Config): void {
  const flags = runtimeFlags(config, file);
  const torn = flags.find((flag) => /\s/.test(flag));
  if (torn === undefined) return print(flags.join(" "));
  fail(
    `Cannot print flags for a shell: '${torn}' has white space in it, at which it would be taken apart: ` +
      `use a path without, or start it with: ${howToStart(file, config)}`,
  );
}

async function start({ config: path, level, format }: Options): Promise<void> {
  const { file, config } = await configOrExit(path);
  const missing = missingPermissions(config);
  if (missing.length > 0) {
    fail(
      `Cannot start: config ${file} needs permissions that this process was not given: ${
        missing.join(" ")
      }\n` +
        `Start it with: ${howToStart(file, config)}`,
    );
  }
  const errors = findMissingVariables(config, (name) => Deno.env.get(name));
  if (errors.length > 0) refuseConfig(file, errors);
  const log = new Log({ level, format });
  // Not before: to be loaded, its libraries need some of the permissions.
  const { Daemon } = await import("./collector/daemon.ts");
  const daemon = await Daemon.create(config, log);
  let drainingSince: number | undefined;
  const onSignal = async (signal: Deno.Signal, status: number) => {
    if (drainingSince !== undefined) {
      if (performance.now() - drainingSince < SAME_SIGNAL) return;
      log.warn("second signal, exiting at once", { signal });
      Deno.exit(status);
    }
    drainingSince = performance.now();
    log.info("signal", { signal });
    try {
      const { sources, undelivered } = await daemon.drain();
      log.info("ledger", { sources, undelivered });
      Deno.exit(undelivered === 0 ? 0 : 1);
    } catch (error) {
      log.error("cannot drain", {
        error: error instanceof Error ? error.stack ?? error.message : String(error),
      });
      Deno.exit(1);
    }
  };
  // 128 plus the number of the signal, as shells tell it.
  Deno.addSignalListener("SIGTERM", () => void onSignal("SIGTERM", 143));
  Deno.addSignalListener("SIGINT", () => void onSignal("SIGINT", 130));
  // A defect in one request or flush is told and must not take the records of all others with it.
  for (const type of ["error", "unhandledrejection"] as const) {
    globalThis.addEventListener(type, (event) => {
      event.preventDefault();
      const error = event instanceof ErrorEvent ? event.error : (event as PromiseRejectionEvent).reason;
      log.error("defect", { error: error instanceof Error ? error.stack ?? error.message : String(error) });
    });
  }
  log.info("starting", { config: file, pid: Deno.pid });
  for (const { path, message } of configWarnings(config)) {
    log.warn("config allows what cannot be", { key: path, reason: message });
  }
  try {
    await daemon.start();
  } catch (error) {
    log.error("cannot start", { error: error instanceof Error ? error.message : String(error) });
    Deno.exit(EXIT_USAGE);
  }
}

async function check({ config: path }: Options): Promise<void> {
  const { file, config } = await configOrExit(path);
  // A variable may be read where its permission was given, and then it can be told what is missing.
  const unread: string[] = [];
  const errors = findMissingVariables(config, (variable) => {
    if (Deno.permissions.querySync({ name: "env", variable }).state === "granted") {
      return Deno.env.get(variable);
    }
    unread.push(variable);
    return "unread";
  });
  if (errors.length > 0) refuseConfig(file, errors);
  const sources = config.sources.map(({ pattern, policy, sinks }) =>
    `${pattern} (${policy} -> ${sinks.join(", ")})`
  );
  print(`${file} is a valid config.`);
  print(`Sources: ${sources.join("; ")}`);
  if (unread.length > 0) print(`Not checked, for want of --allow-env: ${[...new Set(unread)].join(", ")}`);
  for (const warning of configWarnings(config)) print(`Warning: ${formatConfigError(warning)}`);
  print(`Start it with: ${howToStart(file, config)}`);
}

async function inspectFiles(args: string[]): Promise<never> {
  const unknown: string[] = [];
  const { help, json, print: records, _: files } = parseArgs(args, {
    boolean: ["help", "json", "print"],
    string: ["_"], // a name of digits is a name
    unknown: (arg: string) => {
      if (arg.startsWith("-")) unknown.push(arg);
    },
  });
  if (help) {
    print(USAGE);
    Deno.exit(0);
  }
  if (unknown.length > 0) fail(`Unknown option ${unknown.join(", ")}\n\n${USAGE}`);
  if (files.length === 0) fail(`inspect needs the name of a file\n\n${USAGE}`);
  if (json && records) fail("--json and --print exclude each other: give one of them");
  const { inspect } = await import("./collector/inspect/inspect.ts");
  const output = json ? "json" : records ? "records" : "table";
  Deno.exit(await inspect({ files: files.map(String), output }) ? 0 : 1);
}

if (Deno.args[0] === "inspect") await inspectFiles(Deno.args.slice(1));
const options = parseOptions(Deno.args);
switch (options.command) {
  case "start":
    await start(options);
    break;
  case "check":
    await check(options);
    break;
  case "permissions": {
    const { file, config } = await configOrExit(options.config);
    printFlags(file, config);
    break;
  }
  default:
    fail(USAGE);
}
