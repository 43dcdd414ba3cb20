import { setImmediate } from "node:timers";
import { FileSink } from "../../sinks/file.ts";
import type { FileSinkOptions } from "../../sinks/file_options.ts";
import { FaultyFileSystem } from "./faulty_file_system.ts";

/** Taken before anybody fakes it. */
const realNow = performance.now.bind(performance);

/** The wall clock of {@linkcode FileSinks}: `20261123T180000.123Z`. */
export const START = Date.UTC(2026, 10, 23, 18, 0, 0, 123);

/** A directory in which file sinks are tried, one after the other or side by side. */
export class FileSinks implements AsyncDisposable {
  readonly directory: string;
  readonly fileSystem = new FaultyFileSystem();
  /** What the sinks have told, each as `level message`, with the fields. */
  readonly told: [text: string, fields: Readonly<Record<string, unknown>>][] = [];

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes a directory. */
  static async create(): Promise<FileSinks> {
    return new FileSinks(await Deno.makeTempDir());
  }

  /** Makes a sink that writes there. */
  sink(options: Partial<FileSinkOptions> = {}): FileSink {
    const { directory, fileSystem } = this;
    return new FileSink({
      directory,
      fileSystem,
      now: () => START,
      tell: (level, message, fields) => this.told.push([`${level} ${message}`, fields]),
      ...options,
    });
  }

  /** The files of a source and what is in them, in the order of their names. */
  async files(source: string): Promise<[name: string, text: string][]> {
    const files: [string, string][] = [];
    for await (const { name } of Deno.readDir(`${this.directory}/${source}`)) {
      files.push([name, await Deno.readTextFile(`${this.directory}/${source}/${name}`)]);
    }
    return files.sort(([a], [b]) => a < b ? -1 : 1);
  }

  /** What is in the files of a source, in the order of their names. */
  async texts(source: string): Promise<string[]> {
    return (await this.files(source)).map(([, text]) => text);
  }

  /** Puts a file where a source has its files. */
  async put(source: string, name: string, content: string | Uint8Array): Promise<void> {
    await Deno.mkdir(`${this.directory}/${source}`, { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(`${this.directory}/${source}/${name}`, bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** What a sink tells of itself, by name, with the labels where there are any. */
export function figuresOf(sink: FileSink): Record<string, number> {
  return Object.fromEntries(
    Array.from(sink.figures(), ({ name, labels, value }) => {
      return [[name, ...Object.values(labels ?? {})].join(" "), value];
    }),
  );
}

/**
 * Waits until something is the case that real files have to do with, while time is faked.
 *
 * @param condition Whether it is.
 * @param what It, in words.
 */
export async function untilReally(condition: () => boolean, what: string): Promise<void> {
  const end = realNow() + 10_000;
  while (!condition()) {
    if (realNow() > end) throw new Error(`Waited 10 s in vain for ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
