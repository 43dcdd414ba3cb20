// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { dropNewest } from "../../policies/mod.ts";
import { accepted, ALL, drain, offer } from "./offers.ts";

const policy = dropNewest();

Deno.test("dropNewest() is named as the config names it", () => {
  assertEquals(policy.name, "drop_newest");
});

Deno.test("dropNewest() keeps all that fills the buffer exactly", () => {
  const buffer = new BoundedBuffer({ records: 3, bytes: 6 });
  assertEquals(offer(policy, buffer, ["1", "2", "3"]), accepted(3, [3, 6]));
  assertEquals(drain(buffer), ["1", "2", "3"]);
});

Deno.test("dropNewest() drops exactly as many records as do not fit", () => {
  const buffer = new BoundedBuffer({ records: 3, bytes: 99 });
  offer(policy, buffer, ["1"]);
  assertEquals(offer(policy, buffer, ["2", "3", "44"]), accepted(3, [2, 4], { dropped: [1, 3] }));
  assertEquals(offer(policy, buffer, ["5", "6"]), accepted(3, [0, 0], { dropped: [2, 4] }));
  assertEquals(drain(buffer), ["1", "2", "3"]);
});

Deno.test("dropNewest() keeps a record that fits behind one that does not", () => {
  const buffer = new BoundedBuffer({ records: 9, bytes: 20 });
  offer(policy, buffer, ["11111111111"]);
  // 8 bytes are left: for 3, not 6, 2, not 4, 3, and then for none
  const admission = offer(policy, buffer, ["22", "33333", "4", "555", "66", "7"]);
  assertEquals(admission, accepted(4, [3, 8], { dropped: [3, 12] }));
  assertEquals(drain(buffer), ["11111111111", "22", "4", "66"]);
});

Deno.test("dropNewest() drops all when nothing has room beside what is in flight", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 99 });
  offer(policy, buffer, ["1", "2"]);
  buffer.take(ALL);
  assertEquals(offer(policy, buffer, ["3", "4"]), accepted(2, [0, 0], { dropped: [2, 4] }));
  buffer.commit();
  assertEquals(offer(policy, buffer, ["5", "6"]), accepted(4, [2, 4]));
  assertEquals(drain(buffer), ["5", "6"]);
});

Deno.test("dropNewest() keeps records in order when a flush begins in the midst of a batch", () => {
  const none = () => {};
  let flushing = false;
  const admitted = () => {
    if (flushing) buffer.take(ALL);
  };
  const observer = { admitted, evicted: none, committed: none, discarded: none };
  const buffer = new BoundedBuffer({ records: 9, bytes: 14, observer });
  offer(policy, buffer, ["11111"]);
  flushing = true; // as soon as the first part of the next batch is in
  const admission = offer(policy, buffer, ["22", "33333", "4"]);
  assertEquals(admission, accepted(3, [2, 5], { dropped: [1, 6] }));
  assertEquals([buffer.inFlight, buffer.records], [{ records: 2, bytes: 9 }, 3]);
  buffer.commit();
  assertEquals(drain(buffer), ["4"]);
});

Deno.test("dropNewest() rejects what can never fit, whole", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  assertEquals(offer(policy, buffer, ["1", "2", "3"]), { rejected: "too_large" });
  assertEquals(offer(policy, buffer, ["123456"]), { rejected: "too_large" });
  assertEquals([buffer.records, buffer.position], [0, 0]);
});

Deno.test("dropNewest() rejects everything once the buffer is closed", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  offer(policy, buffer, ["1"]);
  buffer.close();
  assertEquals(offer(policy, buffer, ["2"]), { rejected: "closed" });
  assertEquals(drain(buffer), ["1"]);
});
