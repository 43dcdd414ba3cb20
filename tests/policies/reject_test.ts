// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { reject } from "../../policies/mod.ts";
import { accepted, ALL, drain, offer } from "./offers.ts";

const policy = reject();

Deno.test("reject() is named as the config names it", () => {
  assertEquals(policy.name, "reject");
});

Deno.test("reject() keeps what fills the buffer exactly, and nothing of what is one record too many", () => {
  const buffer = new BoundedBuffer({ records: 3, bytes: 99 });
  assertEquals(offer(policy, buffer, ["1"]), accepted(1, [1, 2]));
  assertEquals(offer(policy, buffer, ["2", "3", "4"]), { rejected: "overloaded" });
  assertEquals(offer(policy, buffer, ["2", "3"]), accepted(3, [2, 4]));
  assertEquals(offer(policy, buffer, ["4"]), { rejected: "overloaded" });
  assertEquals([buffer.position, drain(buffer)], [3, ["1", "2", "3"]]);
});

Deno.test("reject() keeps what fills the buffer exactly, and nothing of what is one byte too many", () => {
  const buffer = new BoundedBuffer({ records: 99, bytes: 6 });
  assertEquals(offer(policy, buffer, ["1"]), accepted(1, [1, 2]));
  assertEquals(offer(policy, buffer, ["2", "33"]), { rejected: "overloaded" });
  assertEquals(offer(policy, buffer, ["2", "3"]), accepted(3, [2, 4]));
  assertEquals(drain(buffer), ["1", "2", "3"]);
});

Deno.test("reject() counts what is in flight until it is committed", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 99 });
  offer(policy, buffer, ["1", "2"]);
  buffer.take(ALL);
  assertEquals(offer(policy, buffer, ["3"]), { rejected: "overloaded" });
  buffer.commit();
  assertEquals(offer(policy, buffer, ["3"]), accepted(3, [1, 2]));
});

Deno.test("reject() tells what can never fit from what has no room now", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  assertEquals(offer(policy, buffer, ["1", "2", "3"]), { rejected: "too_large" });
  assertEquals(offer(policy, buffer, ["123456"]), { rejected: "too_large" });
  assertEquals(offer(policy, buffer, ["12345"]), accepted(1, [1, 6]));
  assertEquals(offer(policy, buffer, ["12345"]), { rejected: "overloaded" });
});

Deno.test("reject() refuses everything once the buffer is closed", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  offer(policy, buffer, ["1"]);
  buffer.close();
  assertEquals(offer(policy, buffer, ["2"]), { rejected: "closed" });
  assertEquals(offer(policy, buffer, ["123456"]), { rejected: "closed" });
  assertEquals(drain(buffer), ["1"]);
});
