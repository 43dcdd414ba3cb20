import { denoStoreFileSystem, type StoreFileSystem } from "../../sinks/store_file_system.ts";

/** The time that {@linkcode nameAt} counts from: 2026-11-23T18:00:00Z. */
export const BEGIN = Date.UTC(2026, 10, 23, 18);

/** The name of a segment that was begun so many minutes after {@linkcode BEGIN}. */
export function nameAt(minutes: number, extension = "ndjson"): string {
  const time = new Date(BEGIN + minutes * 60_000).toISOString().replaceAll(/[-:]/g, "");
  return `${time}-0000.${extension}`;
}

/** A directory of a file sink, made by hand. */
export class StoredSegments implements AsyncDisposable {
  readonly directory: string;
  /** What was told, each as `level message`, with the fields. */
  readonly told: [text: string, fields: Readonly<Record<string, unknown>>][] = [];
  /** The real file system; what a test replaces is faulty. */
  readonly fileSystem: { -readonly [Key in keyof StoreFileSystem]: StoreFileSystem[Key] } = {
    ...denoStoreFileSystem,
  };

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Makes a directory. */
  static async create(): Promise<StoredSegments> {
    return new StoredSegments(await Deno.makeTempDir());
  }

  /** What a store, or a part of it, is made with. */
  get options() {
    return {
      directory: this.directory,
      storeFileSystem: this.fileSystem,
      tell: (level: string, message: string, fields: Readonly<Record<string, unknown>>) => {
        this.told.push([`${level} ${message}`, fields]);
      },
    };
  }

  /** Puts a file there, last written to so many minutes after {@linkcode BEGIN}. Returns its path. */
  async put(path: string, content: string | Uint8Array, minutes = 0): Promise<string> {
    const whole = `${this.directory}/${path}`;
    await Deno.mkdir(whole.slice(0, whole.lastIndexOf("/")), { recursive: true });
    await Deno.writeFile(whole, typeof content === "string" ? new TextEncoder().encode(content) : content);
    const time = new Date(BEGIN + minutes * 60_000);
    await Deno.utime(whole, time, time);
    return whole;
  }

  /** The paths of all files in the directory, relative to it and sorted. */
  async files(): Promise<string[]> {
    const found: string[] = [];
    const look = async (directory: string, prefix: string) => {
      for await (const entry of Deno.readDir(directory)) {
        if (entry.isDirectory) await look(`${directory}/${entry.name}`, `${prefix}${entry.name}/`);
        else found.push(prefix + entry.name);
      }
    };
    await look(this.directory, "");
    return found.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** What something tells of itself, by name, with the labels where there are any. */
export function figuresOf(
  told: { figures(): Iterable<{ name: string; value: number; labels?: Readonly<Record<string, string>> }> },
): Record<string, number> {
  return Object.fromEntries(
    Array.from(told.figures(), ({ name, value, labels }) => {
      return [[name, ...Object.values(labels ?? {})].join(" "), value];
    }),
  );
}
