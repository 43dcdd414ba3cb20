// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { MessageAssembly } from "../../collector/message_assembly.ts";
import { TestIntake, turn } from "./intakes.ts";

Deno.test("MessageIntake.flush() tells of a defect once, and neither to the client beside nor with its messages", async () => {
  const assembly = new MessageAssembly();
  const broken = new TestIntake({ assembly });
  const beside = new TestIntake({ assembly });
  const defect = new Error("no memory");
  broken.source.offer = () => {
    throw defect;
  };
  broken.add("1");
  beside.add("2");
  broken.add("3");
  await turn();
  beside.add("4");
  await turn();
  assertEquals([broken.defects, beside.defects], [[defect, defect], []]);
  assertEquals(await beside.drain(), ["2", "4"]);
  assertEquals(broken.memory.used, 0);
});
