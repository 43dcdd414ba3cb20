// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { type BadInput, checkBadInput } from "./bad_input.ts";
import { badCodings, bombs } from "./bad_coding_cases.ts";
import { badBodies, RECORD_LIMIT } from "./bad_input_cases.ts";
import { badHeads, badHttp, badPaths, SOURCES } from "./bad_request_cases.ts";
import type { SourceStatus } from "../../collector/status.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { filesUnder } from "./process_files.ts";
import { waitFor } from "../wait_for.ts";

const CONFIG = {
  limits: { memory: "64MiB", record: RECORD_LIMIT, sources: SOURCES },
  sources: {
    "in": { policy: "reject" },
    "tiny-records": { policy: "block", buffer: { records: 10, bytes: "1MiB" } },
    "tiny-bytes": { policy: "drop_newest", buffer: { records: 1000, bytes: "1KiB" } },
    "many-*": { policy: "drop_oldest" },
  },
  sinks: { disk: { type: "file", directory: "./data" } },
};

Deno.test("Daemon refuses whatever bad input it is sent, exactly, keeps nothing of it, and lives on", async (t) => {
  await using daemon = await DaemonProcess.start({ config: CONFIG });
  // Every source that there may be exists from now on; an empty body is not bad.
  for (const source of ["in", "tiny-records", "tiny-bytes", "many-1"]) {
    const response = await fetch(`${daemon.url}/v1/ingest/${source}`, { method: "POST" });
    assertEquals([response.status, await response.json()], [202, { accepted: 0, dropped: 0, evicted: 0 }]);
  }
  let cases = 0;
  const groups: Record<string, () => BadInput[] | Promise<BadInput[]>> = {
    "bodies that are not what their type says": badBodies,
    "bodies that are not what their coding says": badCodings,
    "bombs": bombs,
    "what is no HTTP": badHttp,
    "names and routes": badPaths,
    "methods, types and codings": badHeads,
  };
  for (const [group, make] of Object.entries(groups)) {
    await t.step(group, async () => {
      const failures: string[] = [];
      for (const input of await make()) {
        try {
          await checkBadInput(daemon.url, input);
        } catch (error) {
          failures.push(`${input.name}: ${error instanceof Error ? error.message : error}`);
        }
        await daemon.fetchJson("/healthz");
        cases++;
      }
      assert(failures.length === 0, failures.join("\n\n"));
    });
  }
  assertGreaterOrEqual(cases, 250);

  const isIdle = async () => (await daemon.statusJson()).memory.used === 0;
  await waitFor(isIdle, { what: "the memory budget to be unused" });
  const { sources } = await daemon.statusJson();
  assertEquals(Object.keys(sources).sort(), ["in", "many-1", "tiny-bytes", "tiny-records"]);
  const nothing = { records: 0, bytes: 0 };
  for (const [name, { ledger, producersBlocked }] of Object.entries<SourceStatus>(sources)) {
    assertEquals(ledger.received, ledger.rejected, `${name} admitted records`);
    for (const book of ["dropped", "delivered", "buffered"] as const) {
      assertEquals(ledger[book], nothing, `${name} ${book}`);
    }
    assertEquals(producersBlocked, 0);
  }
  // Bytes that can never fit are counted; too many records are not even looked at, and are a refusal as all the rest.
  const rejected = (name: string) => sources[name].ledger.rejectedBy;
  assertEquals(rejected("tiny-records"), {});
  assertEquals(rejected("tiny-bytes"), { too_large: { records: 1, bytes: 1025 } });
  assertEquals(rejected("in"), {});
  assertEquals(daemon.logEntries().filter(({ level }) => level === "error" || level === "warn"), []);
  assertEquals((await daemon.stop()).code, 0);
  assertEquals(filesUnder(`${daemon.directory}/data`), []);
});
