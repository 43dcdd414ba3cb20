// @ts-types="./types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreater } from "@std/assert";
import { join } from "node:path";
import { encodeRequest, messagesOf } from "./collector/otlp_decoder.ts";
import { FULL, toJson } from "./collector/otlp_requests.ts";
import { DaemonProcess } from "./e2e/daemon_process.ts";
import { SIGNALS } from "../collector/otlp_signal.ts";
import { read, ROOT } from "./readme_session.ts";

Deno.test("docs/otlp.md: every test that holds a demand of the specification exists", async () => {
  let tests = "";
  for (const folder of ["tests/collector", "tests/e2e"]) {
    for await (const { name } of Deno.readDir(join(ROOT, folder))) {
      if (/^otlp_.*_test\.ts$/.test(name)) tests += read(`${folder}/${name}`);
    }
  }
  // One test for each signal has its name put together, and so has a number.
  const written = tests.replaceAll("${signal}", "{signal}").replaceAll("${RUNS}", "10000");
  const table = read("docs/otlp.md").split("\n").filter((line) => /^\| (MUST|SHOULD|MAY) /.test(line));
  assertGreater(table.length, 15);
  for (const line of table) {
    const name = /`([^`]+)`\s*\|$/.exec(line)?.[1];
    assert(
      name !== undefined && [`"${name}"`, `\`${name}\``].some((quoted) => written.includes(quoted)),
      line,
    );
  }
});

Deno.test("docs/replay_otlp.ts sends files to another collector, which then holds the same", async () => {
  const config = {
    sources: { "*": { kind: "logs" } },
    sinks: { disk: { type: "file", directory: "./data" } },
  };
  await using first = await DaemonProcess.start({ config });
  await using second = await DaemonProcess.start({ config });
  for (const signal of SIGNALS) {
    const { request } = FULL[signal];
    for (
      const [type, body] of [
        ["application/x-protobuf", encodeRequest(signal, request)],
        ["application/json", JSON.stringify(toJson(request))],
      ] as const
    ) {
      const init = { method: "POST", headers: { "Content-Type": type }, body };
      for (let n = 0; n < 3; n++) {
        const response = await fetch(`${first.url}/v1/${signal}`, init);
        assertEquals([response.status, await response.text()], [
          200,
          type === "application/json" ? "{}" : "",
        ]);
      }
    }
  }
  await first.stop();
  const files = SIGNALS.flatMap((signal) => first.files(`otlp-${signal}`));
  assertEquals(files.length, 6);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-read", "--allow-net", join(ROOT, "docs/replay_otlp.ts"), second.url, ...files],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  await second.stop();
  for (const signal of SIGNALS) {
    for (const extension of [".ndjson", ".otlp"]) {
      const of = (daemon: DaemonProcess) =>
        Deno.readFileSync(daemon.files(`otlp-${signal}`).find((path) => path.endsWith(extension))!);
      assertEquals(of(second), of(first));
      if (extension === ".otlp") assertEquals(messagesOf(of(second)).length, 3);
    }
  }
});
