// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { configWarnings } from "../../collector/config_warnings.ts";
import { accept, minimal } from "./config_cases.ts";

const warningsOf = (config: Record<string, unknown>) => configWarnings(accept(minimal(config)));

Deno.test("configWarnings() finds nothing in the defaults, and nothing where messages fit into one read", () => {
  assertEquals(warningsOf({}), []);
  const buffer = { bytes: "100KiB" }, batch = { bytes: "1KiB" };
  const sources = { "*": { buffer, batch } };
  assertEquals(warningsOf({ sources, limits: { memory: "160KiB", body: "40KiB", record: "1KiB" } }), []);
});

Deno.test("configWarnings() tells that a WebSocket message of limits.body never fits into limits.memory, and what would do", () => {
  const limits = (memory: string) => ({ limits: { memory, body: "8MiB" } });
  assertEquals(warningsOf(limits("20720KiB")), [{
    path: "limits.memory",
    message: "20720KiB has no room for a WebSocket message of limits.body, 8MiB, " +
      "which is refused as overloaded though nothing else is held: its pieces and the whole of it are there at once, and a " +
      "fifth is kept for other sources; where such messages come, raise limits.memory to 20721KiB or lower limits.body",
  }]);
  assertEquals(warningsOf(limits("20721KiB")), []);
});

Deno.test("configWarnings() leaves out the memory that compression has set aside", () => {
  const websocket = { compression: true };
  const limits = (memory: string) => ({ websocket, limits: { memory, body: "8MiB" } });
  assertEquals(warningsOf(limits(`${20721 + 16384 - 1}KiB`)).length, 1);
  assertEquals(warningsOf(limits(`${20721 + 16384}KiB`)), []);
});
