// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { readConfig } from "../../collector/config_file.ts";

const MINIMAL = '{ "sources": { "*": {} }, "sinks": { "console": { "type": "stdout" } } }';

/** A reader of files that exist only here; remembers which were asked for. */
function reader(files: Readonly<Record<string, string | Error>>) {
  const asked: string[] = [];
  const readFile = (path: string): Promise<string> => {
    asked.push(path);
    const text = files[path] ?? new Deno.errors.NotFound(`No such file: ${path}`);
    return text instanceof Error ? Promise.reject(text) : Promise.resolve(text);
  };
  return { asked, readFile };
}

/** The one error of a file that cannot be read or parsed. */
async function errorOf(
  path: string | undefined,
  files: Readonly<Record<string, string | Error>>,
): Promise<string> {
  const result = await readConfig(path, reader(files).readFile);
  assertFalse(result.ok);
  assertEquals(result.errors.map((error) => error.path), [""]);
  return result.errors[0]!.message;
}

Deno.test("readConfig() reads the named file and no other", async () => {
  const { asked, readFile } = reader({ "a.json": MINIMAL, "config.json": MINIMAL });
  const result = await readConfig("a.json", readFile);
  assert(result.ok);
  assertEquals(result.file, "a.json");
  assertEquals(result.config.sinks.map(({ name }) => name), ["console"]);
  assertEquals(asked, ["a.json"]);
});

Deno.test("readConfig() prefers config.json to config.example.json", async () => {
  const { asked, readFile } = reader({ "config.json": MINIMAL, "config.example.json": MINIMAL });
  const result = await readConfig(undefined, readFile);
  assert(result.ok);
  assertEquals(result.file, "config.json");
  assertEquals(asked, ["config.json"]);
});

Deno.test("readConfig() falls back to config.example.json only where config.json does not exist", async () => {
  const found = await readConfig(undefined, reader({ "config.example.json": MINIMAL }).readFile);
  assert(found.ok);
  assertEquals(found.file, "config.example.json");

  const broken = await readConfig(
    undefined,
    reader({ "config.json": "{", "config.example.json": MINIMAL }).readFile,
  );
  assertFalse(broken.ok);
  assertEquals(broken.file, "config.json");
});

Deno.test("readConfig() takes comments, trailing commas, and a byte order mark", async () => {
  const text =
    '\uFEFF// first\n/* second */ { "sources": { "*": {}, }, // third\n"sinks": { "c": { "type": "stdout", }, }, }';
  const result = await readConfig("a.json", reader({ "a.json": text }).readFile);
  assert(result.ok, JSON.stringify(result));
});

Deno.test("readConfig() tells file, line and column of a syntax error", async () => {
  const at = (text: string) => errorOf("a.json", { "a.json": text });
  assertEquals(await at('{\n  "limits": {},,\n}'), 'a.json:2:16: unexpected token ","');
  assertEquals(await at('{\r\n  "limits": tru }'), 'a.json:2:13: unexpected token "tru"');
  assertEquals(await at("\uFEFF{]"), 'a.json:1:2: unexpected token "]"');
  assertEquals(await at('{\n "limits": {\n'), "a.json:3:1: unexpected end of the file");
  assertEquals(await at(""), "a.json:1:1: unexpected end of the file");
  assertEquals(await at("{} // fine\n{}"), 'a.json:2:1: unexpected token "{"');
});

Deno.test("readConfig() tells a syntax error on one line", async () => {
  assertEquals(
    await errorOf("a.json", { "a.json": '{ "limits\n: {}\r\n}' }),
    'a.json:1:3: unexpected token ""limits\\n: {}\\n}"',
  );
});

Deno.test("readConfig() hands on the errors of the config, with their paths", async () => {
  const result = await readConfig(
    "a.json",
    reader({ "a.json": '{ "limits": { "memory": "12 parsecs" }, "x": 1 }' }).readFile,
  );
  assertFalse(result.ok);
  assertEquals(result.file, "a.json");
  assertEquals(result.errors.map(({ path }) => path), ["limits.memory", "x"]);
});

Deno.test("readConfig() tells that a named file does not exist", async () => {
  assertEquals(
    await errorOf("nowhere.json", { "config.json": MINIMAL }),
    'Cannot read config file "nowhere.json": there is no such file',
  );
});

Deno.test("readConfig() tells that neither default file exists", async () => {
  assertEquals(
    await errorOf(undefined, {}),
    'Cannot read config file "config.example.json": neither it nor "config.json" exists in the working directory; ' +
      "write one, or name one with --config",
  );
});

Deno.test("readConfig() tells the flag to add where Deno lacks the permission", async () => {
  const denied = new Deno.errors.NotCapable("Requires read access");
  assertEquals(
    await errorOf("a.json", { "a.json": denied }),
    'Cannot read config file "a.json": deno run was not given the permission; add --allow-read=a.json',
  );
  assertEquals(
    await errorOf(undefined, { "config.json": denied }),
    'Cannot read config file "config.json": deno run was not given the permission; ' +
      "add --allow-read=config.json,config.example.json",
  );
});

Deno.test("readConfig() tells any other failure to read in its own words", async () => {
  assertEquals(
    await errorOf("a", { a: new Deno.errors.IsADirectory("Is a directory (os error 21)") }),
    'Cannot read config file "a": Is a directory (os error 21)',
  );
});

Deno.test("readConfig() reads real files", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const file = `${directory}/config.json`;
    const missing = await readConfig(file);
    assertFalse(missing.ok);
    assertMatch(missing.errors[0]!.message, /there is no such file$/);
    await Deno.writeTextFile(file, MINIMAL);
    const found = await readConfig(file);
    assert(found.ok);
    assertEquals(found.file, file);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test({
  name: "readConfig() needs read permission for its file only",
  permissions: { read: [new URL("../../config.example.json", import.meta.url)] },
  fn: async () => {
    const file = decodeURIComponent(new URL("../../config.example.json", import.meta.url).pathname);
    assert((await readConfig(file)).ok);
    const denied = await readConfig("deno.json");
    assertFalse(denied.ok);
    assertMatch(denied.errors[0]!.message, /add --allow-read=deno\.json$/);
  },
});
