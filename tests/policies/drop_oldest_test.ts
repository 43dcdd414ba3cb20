// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { dropOldest } from "../../policies/mod.ts";
import { accepted, ALL, drain, offer } from "./offers.ts";

const policy = dropOldest();

Deno.test("dropOldest() is named as the config names it", () => {
  assertEquals(policy.name, "drop_oldest");
});

Deno.test("dropOldest() evicts nothing for what fills the buffer exactly", () => {
  const buffer = new BoundedBuffer({ records: 3, bytes: 6 });
  assertEquals(offer(policy, buffer, ["1"]), accepted(1, [1, 2]));
  assertEquals(offer(policy, buffer, ["2", "3"]), accepted(3, [2, 4]));
  assertEquals(drain(buffer), ["1", "2", "3"]);
});

Deno.test("dropOldest() evicts exactly as many records as needed", () => {
  const buffer = new BoundedBuffer({ records: 4, bytes: 99 });
  offer(policy, buffer, ["1", "22", "333"]);
  assertEquals(offer(policy, buffer, ["4", "5", "6"]), accepted(6, [3, 6], { evicted: [2, 5] }));
  assertEquals(drain(buffer), ["333", "4", "5", "6"]);
});

Deno.test("dropOldest() evicts exactly as many records as it takes to free the bytes", () => {
  const buffer = new BoundedBuffer({ records: 99, bytes: 12 });
  offer(policy, buffer, ["1", "22", "333"]); // 2 + 3 + 4, so that 3 are free
  assertEquals(offer(policy, buffer, ["44444"]), accepted(4, [1, 6], { evicted: [2, 5] }));
  assertEquals(offer(policy, buffer, ["5"]), accepted(5, [1, 2]));
  assertEquals(offer(policy, buffer, ["6"]), accepted(6, [1, 2], { evicted: [1, 4] }));
  assertEquals(drain(buffer), ["44444", "5", "6"]);
});

Deno.test("dropOldest() evicts everything for a batch as large as the buffer", () => {
  const buffer = new BoundedBuffer({ records: 3, bytes: 99 });
  offer(policy, buffer, ["1", "2"]);
  assertEquals(offer(policy, buffer, ["3", "4", "5"]), accepted(5, [3, 6], { evicted: [2, 4] }));
  assertEquals(drain(buffer), ["3", "4", "5"]);
});

Deno.test("dropOldest() leaves what is in flight, and drops the oldest of the batch instead", () => {
  const buffer = new BoundedBuffer({ records: 4, bytes: 99 });
  offer(policy, buffer, ["1", "2", "3"]);
  buffer.take({ records: 2, bytes: 99 });
  const admission = offer(policy, buffer, ["44", "5", "6"]);
  assertEquals(admission, accepted(5, [2, 4], { dropped: [1, 3], evicted: [1, 2] }));
  assertEquals([buffer.records, buffer.inFlight], [4, { records: 2, bytes: 4 }]);
  buffer.commit();
  assertEquals(drain(buffer), ["5", "6"]);
});

Deno.test("dropOldest() drops the fewest of the batch's own records that free the bytes", () => {
  const buffer = new BoundedBuffer({ records: 99, bytes: 12 });
  offer(policy, buffer, ["1", "22"]);
  buffer.take({ records: 1, bytes: 99 }); // 10 bytes are not in flight
  const admission = offer(policy, buffer, ["3", "444", "55555"]); // 2 + 4 + 6
  assertEquals(admission, accepted(4, [2, 10], { dropped: [1, 2], evicted: [1, 3] }));
  buffer.commit();
  assertEquals(drain(buffer), ["444", "55555"]);
});

Deno.test("dropOldest() drops the batch and evicts nothing when all that is held is in flight", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 99 });
  offer(policy, buffer, ["1", "2"]);
  buffer.take(ALL);
  assertEquals(offer(policy, buffer, ["3", "4"]), accepted(2, [0, 0], { dropped: [2, 4] }));
  buffer.commit();
  assertEquals([buffer.records, drain(buffer)], [0, []]);
});

Deno.test("dropOldest() evicts nothing for a batch whose last record has no room beside what is in flight", () => {
  const buffer = new BoundedBuffer({ records: 9, bytes: 8 });
  offer(policy, buffer, ["11", "2", "3"]);
  buffer.take({ records: 1, bytes: 99 });
  assertEquals(offer(policy, buffer, ["4", "55555"]), accepted(3, [0, 0], { dropped: [2, 8] }));
  buffer.commit();
  assertEquals(drain(buffer), ["2", "3"]);
});

Deno.test("dropOldest() rejects what can never fit, and evicts nothing for it", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  offer(policy, buffer, ["1"]);
  assertEquals(offer(policy, buffer, ["1", "2", "3"]), { rejected: "too_large" });
  assertEquals(offer(policy, buffer, ["123456"]), { rejected: "too_large" });
  assertEquals(drain(buffer), ["1"]);
});

Deno.test("dropOldest() rejects everything once the buffer is closed, and evicts nothing for it", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  offer(policy, buffer, ["1", "2"]);
  buffer.close();
  assertEquals(offer(policy, buffer, ["3"]), { rejected: "closed" });
  assertEquals(drain(buffer), ["1", "2"]);
});
