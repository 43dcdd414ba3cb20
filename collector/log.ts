/** How important a line of the log is, least first. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** How important a line of the log is. */
export type LogLevel = typeof LOG_LEVELS[number];

/** How the lines of the log look. */
export const LOG_FORMATS = ["text", "json"] as const;

/** How the lines of the log look. */
export type LogFormat = typeof LOG_FORMATS[number];

/** Options of {@linkcode Log}. */
export interface LogOptions {
  /** Lines less important than this are left out. @default {"info"} */
  readonly level?: LogLevel;
  /** How lines look. @default {"text"} */
  readonly format?: LogFormat;
  /** Where lines go, each with its line feed. @default {stderr} */
  readonly write?: (line: Uint8Array) => void;
}

/** What a line tells beside its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The daemon's own log: one line for each event, on stderr, because stdout may be a sink. */
export class Log {
  readonly #least: number;
  readonly #format: LogFormat;
  readonly #write: (line: Uint8Array) => void;
  readonly #encoder = new TextEncoder();

  /** @param options What is written, how, and where to. */
  constructor({ level = "info", format = "text", write = writeToStderr }: LogOptions = {}) {
    this.#least = LOG_LEVELS.indexOf(level);
    this.#format = format;
    this.#write = write;
  }

  /** Tells what is only of interest when something is searched for. */
  debug(message: string, fields?: LogFields): void {
    this.#log("debug", message, fields);
  }

  /** Tells what happens in the normal course of things. */
  info(message: string, fields?: LogFields): void {
    this.#log("info", message, fields);
  }

  /** Tells what somebody should look at. */
  warn(message: string, fields?: LogFields): void {
    this.#log("warn", message, fields);
  }

  /** Tells what went wrong. */
  error(message: string, fields?: LogFields): void {
    this.#log("error", message, fields);
  }

  /**
   * Says whether lines of a level are written, for events that are costly to describe.
   *
   * @param level The level.
   * @returns Whether they are.
   */
  writes(level: LogLevel): boolean {
    return LOG_LEVELS.indexOf(level) >= this.#least;
  }

  #log(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (!this.writes(level)) return;
    const time = new Date().toISOString();
    const own = { time, level, message };
    const line = this.#format === "json"
      ? JSON.stringify({ ...own, ...fields, ...own }) // in this order, whatever fields are called
      : [time, level.toUpperCase().padEnd(5), message, ...Object.entries(fields).map(toText)].join(" ");
    this.#write(this.#encoder.encode(line.replace(UNPRINTABLE, escape) + "\n"));
  }
}

/** What ends a line, or means something to a terminal: a line of the log must not become two, or hide another one. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/gu;

function escape(character: string): string {
  if (character === "\n") return "\\n";
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function toText([key, value]: [string, unknown]): string {
  if (typeof value !== "string") return `${key}=${JSON.stringify(value)}`;
  return `${key}=${/^$|[\s"=]/.test(value) ? JSON.stringify(value) : value}`;
}

function writeToStderr(line: Uint8Array): void {
  try {
    let written = 0;
    while (written < line.length) written += Deno.stderr.writeSync(line.subarray(written));
  } catch {
    // Whoever read stderr is gone. The daemon goes on without a log: its work is worth more than its words.
  }
}
