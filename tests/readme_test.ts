// @ts-types="./types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater, assertGreaterOrEqual, assertMatch } from "@std/assert";
import { join } from "node:path";
import { readConfig } from "../collector/config_file.ts";
import {
  ADMIN,
  comparable,
  CONFIG,
  DENO,
  has,
  HTTP,
  makeCurl,
  normalized,
  read,
  ROOT,
  SESSION,
  SessionDaemon,
  Shell,
  stepsOf,
  WEBSOCKET,
} from "./readme_session.ts";
import { waitFor } from "./wait_for.ts";

Deno.test("README: every command of the first session prints what it says", async (t) => {
  const directory = await Deno.makeTempDir({ prefix: "penstock-readme-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(directory, { recursive: true }));

  // The documented ports may be taken, and so may the directory.
  const config = await readConfig(join(ROOT, CONFIG));
  assert(config.ok);
  const file = `${directory}/overload.json`;
  const free = `"listen": { "http": "127.0.0.1:0", "websocket": "127.0.0.1:0", "admin": "127.0.0.1:0" },`;
  await Deno.writeTextFile(file, read(CONFIG).replace(/^\{\n/m, `{\n${free}\n`));
  let http = "127.0.0.1:0";
  let websocket = "127.0.0.1:0";
  let admin = "127.0.0.1:0";
  const here = (command: string) =>
    command.replaceAll("/tmp/penstock", directory).replaceAll(DENO, `'${Deno.execPath()}'`)
      .replaceAll("--allow-read=docs", `--allow-read=${directory}`).replaceAll(CONFIG, file).replaceAll(
        HTTP,
        http,
      ).replaceAll(ADMIN, admin);
  const there = (output: string) =>
    output.replaceAll(http, HTTP).replaceAll(websocket, WEBSOCKET).replaceAll(admin, ADMIN).replaceAll(
      directory,
      "/tmp/penstock",
    )
      .replaceAll("/tmp/penstock/overload.json", CONFIG);

  let path = Deno.env.get("PATH") ?? "";
  if (!has("curl")) {
    Deno.stdout.writeSync(
      new TextEncoder().encode("curl is not installed: its requests are made by fetch\n"),
    );
    await makeCurl(directory);
    path = `${directory}:${path}`;
  }
  await using shell = new Shell(path);
  let daemon: SessionDaemon | undefined;
  cleanup.defer(() => daemon?.[Symbol.asyncDispose]());

  const steps = stepsOf(read("README.md"), SESSION);
  assertGreater(steps.length, 10);
  for (const { command, output } of steps) {
    const ok = await t.step(command.length > 100 ? `${command.slice(0, 100)}…` : command, async () => {
      if (command.includes("main.ts start")) {
        daemon = new SessionDaemon(here(command));
        http = new URL(await daemon.field("http")).host;
        websocket = new URL(await daemon.field("websocket")).host;
        admin = new URL(await daemon.field("admin")).host;
        await daemon.field("agents"); // the last field of the line
        await waitFor(() => daemon!.log.endsWith("\n"), { what: "the end of the line" });
        const lines = output.split("\n").length - 1;
        assertEquals(normalized(there(daemon.lines(lines))), normalized(output));
        return;
      }
      const printed = there(await shell.run(here(command)));
      assertEquals(comparable(normalized(printed)), comparable(normalized(output)));
      if (printed.includes("was full for 2000 ms")) {
        const seconds = Number(/after (\S+) s/.exec(printed)?.[1]);
        assertGreaterOrEqual(seconds, 2);
      }
      if (command.startsWith("touch ")) await drained(admin); // a slow machine may need longer than it says
    });
    if (!ok) return; // what follows builds on it
  }
  assert(daemon !== undefined);
  await t.step("Ctrl-C", async () => {
    await daemon!.interrupt();
    assertMatch(daemon!.log.trimEnd().split("\n").at(-1)!, / ledger .*undelivered=0$/);
  });
});

/** Waits until every buffer is empty and what left them is in the file. */
async function drained(admin: string): Promise<void> {
  await waitFor(async () => {
    const response = await fetch(`http://${admin}/status`);
    const { sources } = await response.json() as { sources: Record<string, { buffer: { records: number } }> };
    return Object.values(sources).every(({ buffer }) => buffer.records === 0);
  }, { what: "empty buffers", interval: 100 });
}
