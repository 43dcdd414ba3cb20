// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertMatch, assertNotMatch, assertStringIncludes } from "@std/assert";
import { resolve } from "node:path";
import { DaemonProcess } from "./daemon_process.ts";
import { post } from "./numbered_records.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const CONFIG = {
  listen: { http: "127.0.0.1:0", admin: "127.0.0.1:0" },
  sources: { "*": {}, "metrics-*": { kind: "metrics", sinks: ["disk"] } },
  sinks: { disk: { type: "file", directory: "./data" }, out: { type: "stdout" } },
};

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `main.ts` to its end in a directory. */
async function run(
  directory: string,
  args: string[],
  permissions: string[] = ["--allow-all"],
  env: Record<string, string> = {},
): Promise<Ended> {
  const coverage = Deno.env.get("DENO_COVERAGE_DIR");
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    cwd: directory,
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--config",
      `${ROOT}deno.json`,
      ...permissions,
      `${ROOT}main.ts`,
      ...args,
    ],
    // A relative directory would be one in the working directory.
    env: { ...env, NO_COLOR: "1", ...(coverage !== undefined && { DENO_COVERAGE_DIR: resolve(coverage) }) },
    stdin: "null",
    signal: AbortSignal.timeout(30_000),
  }).output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

/** A directory with a file `config.json` in it, unless there shall be none. */
async function folder(config?: unknown): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "penstock-e2e-" });
  if (config !== undefined) {
    const text = typeof config === "string" ? config : JSON.stringify(config);
    await Deno.writeTextFile(`${path}/config.json`, text);
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

Deno.test("main.ts tells how it is used, and ends with 2 where it was used in another way", async (t) => {
  await using directory = await folder(CONFIG);
  const cases: [args: string[], code: number, told: RegExp][] = [
    [["--help"], 0, /^Usage: main\.ts COMMAND/],
    [["start", "--help"], 0, /^Usage: main\.ts COMMAND/],
    [[], 2, /^Usage: main\.ts COMMAND/m],
    [["launch"], 2, /^Usage: main\.ts COMMAND/m],
    [["check", "now"], 2, /^Unexpected argument now$/m],
    [["check", "--verbose"], 2, /^Unknown option --verbose$/m],
    [["check", "--config"], 2, /^--config needs the name of a file$/m],
    [
      ["check", "--log-level", "loud"],
      2,
      /^--log-level is 'loud', but must be one of debug, info, warn, error$/m,
    ],
    [["check", "--log-format=xml"], 2, /^--log-format is 'xml', but must be one of text, json$/m],
    [["check", "--config", "other.json"], 2, /^Cannot use config other\.json:\n.*there is no such file$/m],
  ];
  for (const [args, code, told] of cases) {
    await t.step(args.join(" ") || "nothing", async () => {
      const ended = await run(directory.path, args);
      assertMatch(code === 0 ? ended.stdout : ended.stderr, told);
      assertEquals([ended.code, code === 0 ? ended.stderr : ended.stdout], [code, ""]);
    });
  }
});

Deno.test("main.ts tells everything that is wrong with a config at once, and ends with 2", async () => {
  await using directory = await folder({
    listen: { htp: "127.0.0.1:0", admin: "nowhere" },
    limits: { memory: "12 parsecs" },
    sources: { "a b": {}, "x": { policy: "drop_all", buffer: { records: 0 } } },
    sinks: { disk: { type: "file" } },
  });
  for (const command of ["check", "start", "permissions"]) {
    const { code, stdout, stderr } = await run(directory.path, [command]);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, "Cannot use config config.json:\n");
    for (
      const path of [
        "listen.htp",
        "listen.admin",
        "limits.memory",
        'sources["a b"]',
        "sources.x.policy",
        "sources.x.buffer.records",
        "sinks.disk.directory",
      ]
    ) {
      assertEquals(
        stderr.split("\n").filter((line) => line.startsWith(`  ${path}: `)).length,
        1,
        `${path}\n${stderr}`,
      );
    }
  }
});

Deno.test("main.ts tells line and column where a config is no JSON", async () => {
  await using directory = await folder('{\n  "sources": { "*": {} },\n  "sinks" { }\n}\n');
  const { code, stderr } = await run(directory.path, ["check"]);
  assertEquals(code, 2);
  assertMatch(stderr, /config\.json:3:11: /);
});

Deno.test("main.ts takes the example where there is no config", async () => {
  await using directory = await folder();
  const missing = await run(directory.path, ["check"]);
  assertEquals(missing.code, 2);
  assertMatch(missing.stderr, /config\.example\.json.*config\.json/);
  await Deno.copyFile(`${ROOT}config.example.json`, `${directory.path}/config.example.json`);
  const { code, stdout, stderr } = await run(directory.path, ["check"]);
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "config.example.json is a valid config.\n");
});

Deno.test("main.ts check and start warn of what a config allows and what cannot be", async () => {
  const config = {
    limits: { memory: "20MiB" },
    sources: { "*": {} },
    sinks: { console: { type: "stdout" } },
  };
  await using directory = await folder(JSON.stringify(config));
  const { code, stdout } = await run(directory.path, ["check"], ["--allow-read"]);
  assertEquals(code, 0);
  assertMatch(
    stdout,
    /^Warning: limits\.memory: 20MiB has no room for a WebSocket message .* 20721KiB or lower limits\.body$/m,
  );
  await using daemon = await DaemonProcess.start({ config });
  const { level, key, reason } = await daemon.waitForLog(({ level }) => level === "warn");
  assertEquals([level, key], ["warn", "limits.memory"]);
  assertStringIncludes(String(reason), "raise limits.memory to 20721KiB");
  assertEquals((await daemon.stop()).code, 0);
});

Deno.test("main.ts check and permissions name just the permissions that a config needs", async () => {
  await using directory = await folder(CONFIG);
  const permissions = await run(directory.path, ["permissions"], ["--allow-read=config.json"]);
  assertEquals([permissions.code, permissions.stderr], [0, ""]);
  const flags = permissions.stdout.trim().split(" ");
  for (const flag of ["--allow-read=./data", "--allow-write=./data", "--allow-sys=statfs"]) {
    assert(flags.includes(flag), permissions.stdout);
  }
  assertNotMatch(
    permissions.stdout,
    /--allow-(all|run|ffi)|--allow-sys=(?!statfs\s)|--allow-env=(?!WS_NO_)|-A\b|--allow-\w+( |$)/,
  );
  const check = await run(directory.path, ["check"], ["--allow-read"]);
  assertEquals([check.code, check.stderr], [0, ""]);
  assertStringIncludes(check.stdout, "config.json is a valid config.\n");
  assertStringIncludes(check.stdout, "* (block -> disk, out); metrics-* (drop_newest -> disk)");
  assertStringIncludes(check.stdout, `deno run ${flags.join(" ")} main.ts start`);
});

Deno.test("main.ts start names the permission that it was not given, and ends with 2", async () => {
  await using directory = await folder(CONFIG);
  const { stdout } = await run(directory.path, ["permissions"]);
  const flags = stdout.trim().split(" ");
  for (const missing of flags.filter((flag) => flag.startsWith("--allow-"))) {
    const { code, stderr } = await run(directory.path, ["start"], flags.filter((flag) => flag !== missing));
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, missing);
  }
});

Deno.test("main.ts tells which variable of the environment is missing, and where it is needed", async () => {
  const headers = { Authorization: "Bearer ${PENSTOCK_TEST_TOKEN}" };
  const url = "http://127.0.0.1:5318/v1/ingest/{source}";
  const listen = { ...CONFIG.listen, websocket: "127.0.0.1:0" };
  await using directory = await folder({
    ...CONFIG,
    listen,
    sinks: { ...CONFIG.sinks, up: { type: "http", url, headers } },
  });
  const { stdout } = await run(directory.path, ["permissions"], ["--allow-read"]);
  const flags = stdout.trim().split(" ");
  assert(
    flags.includes("--allow-env=PENSTOCK_TEST_TOKEN") && flags.includes("--allow-net=127.0.0.1:5318"),
    stdout,
  );
  const refused =
    "Cannot use config config.json:\n  sinks.up.headers.Authorization: the variable PENSTOCK_TEST_TOKEN of the " +
    "environment is not set: set it, or leave the header out\n";
  for (const args of [["start"], ["check"]]) {
    assertEquals(await run(directory.path, args, flags), { code: 2, stdout: "", stderr: refused });
  }
  const unread = await run(directory.path, ["check"], ["--allow-read"]);
  assertEquals([unread.code, unread.stderr], [0, ""]);
  assertStringIncludes(unread.stdout, "Not checked, for want of --allow-env: PENSTOCK_TEST_TOKEN\n");
  const set = await run(directory.path, ["check"], flags, { PENSTOCK_TEST_TOKEN: "s3cr3t" });
  assertEquals([set.code, set.stderr], [0, ""]);
  assertNotMatch(set.stdout, /s3cr3t|Not checked/);
});

Deno.test("main.ts start ends with 2 and a clear error where a port is in use", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${taken.addr.port}`;
  for (const listener of ["http", "admin"]) {
    await using directory = await folder({ ...CONFIG, listen: { ...CONFIG.listen, [listener]: address } });
    const { code, stdout, stderr } = await run(directory.path, ["start"]);
    assertEquals([code, stdout], [2, ""]);
    assertStringIncludes(stderr, `Cannot listen on ${address} (listen.${listener}): `);
    assertNotMatch(stderr, /^\s+at /m); // no stack
  }
});

Deno.test("main.ts start writes a log of the level and in the format that was asked for", async () => {
  const config = { sources: { "*": {} }, sinks: { disk: { type: "file", directory: "./data" } } };
  await using debug = await DaemonProcess.start({ config, args: ["--log-level", "debug"] });
  assertEquals((await post(debug, "s", "1\n")).status, 202);
  await debug.waitForLog(({ level, message }) => level === "debug" && message === "permit granted");
  await debug.waitForLog(({ level, message }) => level === "debug" && message === "flushed");
  assertEquals((await debug.stop()).code, 0);
  assertEquals(debug.logEntries().length, debug.logs.length);

  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const listen = { ...CONFIG.listen, http: `127.0.0.1:${taken.addr.port}` };
  await using directory = await folder({ ...CONFIG, listen });
  const { stderr } = await run(directory.path, ["start", "--log-level", "error"]);
  assertMatch(stderr, /^\d{4}-\d\d-\d\dT\S+Z ERROR cannot start error="[^\n]*"\n$/);
});

Deno.test("main.ts permissions prints no flag that a shell would take apart, and check prints it in quotes", async () => {
  await using directory = await folder({
    sources: { "*": {} },
    sinks: { disk: { type: "file", directory: "./my data" } },
  });
  const { code, stdout, stderr } = await run(directory.path, ["permissions"]);
  assertEquals([code, stdout], [2, ""]);
  assertMatch(stderr, /^Cannot print flags for a shell: '--allow-[^']*my data' has white space in it/);
  const checked = await run(directory.path, ["check"]);
  assertEquals(checked.code, 0);
  assertMatch(checked.stdout, /^Start it with: .* '--allow-write=\S*my data' /m);
});
