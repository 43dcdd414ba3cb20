// @ts-types="./types/deno_std_jsonc.d.ts"
import { parse } from "@std/jsonc";
import { type Config, type ConfigError, parseConfig } from "./config.ts";
import { quote } from "./quote.ts";

/** The config file where none is named. */
const DEFAULT_CONFIG_FILE = "config.json";
/** The config file where none is named and {@linkcode DEFAULT_CONFIG_FILE} does not exist. */
const EXAMPLE_CONFIG_FILE = "config.example.json";
/** The config files that are read where none is named. */
export const CONFIG_FILES: readonly string[] = [DEFAULT_CONFIG_FILE, EXAMPLE_CONFIG_FILE];

/** A config and the file it is from, or everything that is wrong with that file. */
export type ConfigFileResult =
  | { readonly ok: true; readonly file: string; readonly config: Config }
  | { readonly ok: false; readonly file: string; readonly errors: readonly ConfigError[] };

type Text = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: unknown };

/**
 * Reads and validates a config file: JSON with comments and trailing commas.
 *
 * Needs read permission for the named file, or for both default ones, and nothing else. Of a key that is given twice in
 * one object the last one counts; the parser does not tell.
 *
 * @param path The file. Where left out, `config.json`, or `config.example.json` when that does not exist.
 * @param readFile Reads a file as text; by default `Deno.readTextFile`.
 * @returns The config, or its errors, and the file. An error of the file itself has an empty path and names the file,
 *   with line and column where it is about syntax.
 */
export async function readConfig(
  path: string | undefined,
  readFile: (path: string) => Promise<string> = Deno.readTextFile,
): Promise<ConfigFileResult> {
  let file = path ?? DEFAULT_CONFIG_FILE;
  let read = await tryRead(file, readFile);
  if (path === undefined && !read.ok && read.error instanceof Deno.errors.NotFound) {
    file = EXAMPLE_CONFIG_FILE;
    read = await tryRead(file, readFile);
  }
  if (!read.ok) {
    return { ok: false, file, errors: [{ path: "", message: tellReadError(file, read.error, path) }] };
  }

  // A byte order mark is not white space to the parser; it is left there by some editors.
  const text = read.text.replace(/^\uFEFF/, "");
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    return { ok: false, file, errors: [{ path: "", message: tellSyntaxError(file, text, error) }] };
  }
  return { file, ...parseConfig(value) };
}

async function tryRead(file: string, readFile: (path: string) => Promise<string>): Promise<Text> {
  try {
    return { ok: true, text: await readFile(file) };
  } catch (error) {
    return { ok: false, error };
  }
}

function tellReadError(file: string, error: unknown, path: string | undefined): string {
  const refused = `Cannot read config file ${quote(file)}`;
  if (error instanceof Deno.errors.NotFound) {
    return path === undefined
      ? `${refused}: neither it nor ${quote(DEFAULT_CONFIG_FILE)} exists in the working directory; ` +
        "write one, or name one with --config"
      : `${refused}: there is no such file`;
  }
  if (error instanceof Deno.errors.NotCapable) {
    const flag = path ?? CONFIG_FILES.join(",");
    return `${refused}: deno run was not given the permission; add --allow-read=${flag}`;
  }
  return `${refused}: ${error instanceof Error ? error.message : String(error)}`;
}

function tellSyntaxError(file: string, text: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const position = / in JSONC at position (\d+)$/.exec(message);
  const what = message
    .slice(0, position?.index)
    .replace(/^Cannot parse JSONC: /, "")
    .replace("JSONC input", "the file")
    // The token of a string that is not closed goes over several lines; the message must not.
    .replaceAll(/\r\n|\r|\n/g, "\\n");
  // Without a position it is the end of the text that came too early.
  const before = text.slice(0, position === null ? text.length : Number(position[1])).split(/\r\n|\r|\n/);
  return `${file}:${before.length}:${(before.at(-1)?.length ?? 0) + 1}: ${what}`;
}
