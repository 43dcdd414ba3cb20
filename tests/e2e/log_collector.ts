/** One line of the daemon's log, in the form that `--log-format json` gives it. */
export interface LogEntry {
  readonly time?: string;
  readonly level?: string;
  readonly message?: string;
  readonly [field: string]: unknown;
}

interface Waiter {
  readonly predicate: (entry: LogEntry) => boolean;
  readonly resolve: (entry: LogEntry) => void;
  readonly reject: (error: Error) => void;
}

/** How many lines are kept; the oldest go first. A test that floods the log must not fill the memory of the tests. */
export const MAX_LINES = 10_000;
/** Where a line is cut, in characters. */
export const MAX_LINE_LENGTH = 64 * 1024;

/** Reads a log line by line, keeps the newest lines and wakes those who wait for one. */
export class LogCollector {
  /** The newest lines, without line feeds. */
  readonly lines: string[] = [];
  /** Resolves when the log has ended. */
  readonly done: Promise<void>;
  readonly #waiters = new Set<Waiter>();
  #ended = false;

  /** @param stream The log in UTF-8. It is read to its end. */
  constructor(stream: ReadableStream<Uint8Array>) {
    this.done = this.#read(stream);
  }

  /** The lines that hold a JSON object, parsed. */
  entries(): LogEntry[] {
    return this.lines.map(parseEntry).filter((entry) => entry !== undefined);
  }

  /** The last lines as one text, for messages of errors. */
  tail(count = 20): string {
    return this.lines.slice(-count).join("\n");
  }

  /**
   * Waits for an entry, one that came before included.
   *
   * @param predicate Whether an entry is the one.
   * @param timeoutMs How long to wait at most.
   * @returns The first such entry.
   * @throws {Error} If none comes in time, or the log ends before. The message holds the last lines.
   */
  async waitFor(predicate: (entry: LogEntry) => boolean, timeoutMs: number): Promise<LogEntry> {
    const found = this.entries().find(predicate);
    if (found !== undefined) return found;
    if (this.#ended) throw this.#missing("the log has ended");
    const { promise, resolve, reject } = Promise.withResolvers<LogEntry>();
    const waiter: Waiter = { predicate, resolve, reject };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => reject(this.#missing(`none within ${timeoutMs} ms`)), timeoutMs);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  #missing(why: string): Error {
    return new Error(`No such log entry: ${why}. The last lines are:\n${this.tail()}`);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    let rest = "";
    try {
      // The types of TextDecoderStream ask for BufferSource, which a plain Uint8Array is not quite.
      const text = stream.pipeThrough(
        new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>,
      );
      for await (const piece of text) {
        const parts = (rest + piece).split("\n");
        rest = parts.pop()!.slice(0, MAX_LINE_LENGTH);
        for (const line of parts) this.#add(line);
      }
      if (rest !== "") this.#add(rest);
    } finally {
      this.#ended = true;
      for (const waiter of this.#waiters) waiter.reject(this.#missing("the log has ended"));
    }
  }

  #add(text: string): void {
    const line = text.slice(0, MAX_LINE_LENGTH);
    this.lines.push(line);
    if (this.lines.length > MAX_LINES) this.lines.splice(0, this.lines.length - MAX_LINES);
    const entry = parseEntry(line);
    if (entry === undefined) return;
    for (const waiter of this.#waiters) {
      try {
        if (waiter.predicate(entry)) waiter.resolve(entry);
      } catch (error) {
        waiter.reject(error as Error);
      }
    }
  }
}

function parseEntry(line: string): LogEntry | undefined {
  // Warnings of the runtime itself are plain text.
  if (!line.startsWith("{")) return undefined;
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
