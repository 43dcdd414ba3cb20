// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { environmentPrefix } from "../../collector/runtime_settings.ts";
import { read } from "../readme_session.ts";

Deno.test("environmentPrefix() is what the start task sets", () => {
  const { command } = JSON.parse(read("deno.json")).tasks.start;
  assertEquals(command.slice(0, command.indexOf(" deno run ")), environmentPrefix());
});
