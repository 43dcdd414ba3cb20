// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { BoundedBuffer } from "../../collector/buffer.ts";
import { type Admission, block } from "../../policies/mod.ts";
import { accepted, ALL, drain, offer } from "./offers.ts";

const policy = block({ timeout: 1_000 });

/** Offers that have to wait, and how they ended, in that order. */
function waitingRoom(buffer: BoundedBuffer) {
  const ended: [string, Admission][] = [];
  return {
    wait(lines: string[], signal?: AbortSignal): void {
      const admission = offer(policy, buffer, lines, signal);
      assert(admission instanceof Promise, "did not have to wait");
      admission.then((admission) => ended.push([lines.join(), admission]));
    },
    async ended(): Promise<[string, Admission][]> {
      for (let i = 0; i < 3; i++) await Promise.resolve();
      return ended.splice(0);
    },
  };
}

/** A buffer without room, of which nothing is in flight. */
function fullBuffer(options: { waiting?: number } = {}): BoundedBuffer {
  const buffer = new BoundedBuffer({ records: 2, bytes: 8, ...options });
  assertEquals(offer(policy, buffer, ["1", "2"]), accepted(2, [2, 4]));
  return buffer;
}

Deno.test("block() is named as the config names it", () => {
  assertEquals(policy.name, "block");
});

Deno.test("block() answers at once while there is room, exactly full included", () => {
  const buffer = new BoundedBuffer({ records: 3, bytes: 6 });
  assertEquals(offer(policy, buffer, ["1"]), accepted(1, [1, 2]));
  assertEquals(offer(policy, buffer, ["2", "3"]), accepted(3, [2, 4]));
  assertEquals(drain(buffer), ["1", "2", "3"]);
});

Deno.test("block() waits until what is in flight is committed or discarded", async () => {
  for (const settle of ["commit", "discard"] as const) {
    const buffer = fullBuffer();
    const room = waitingRoom(buffer);
    room.wait(["3", "4"]);
    buffer.take(ALL);
    assertEquals([await room.ended(), buffer.producersWaiting], [[], 1]);
    buffer[settle]();
    assertEquals(await room.ended(), [["3,4", accepted(4, [2, 4])]]);
    assertEquals([buffer.producersWaiting, drain(buffer)], [0, ["3", "4"]]);
  }
});

Deno.test("block() keeps all or nothing: room for a part is not enough", async () => {
  const buffer = fullBuffer();
  const room = waitingRoom(buffer);
  room.wait(["3", "4"]);
  buffer.take({ records: 1, bytes: 8 });
  buffer.commit();
  assertEquals([await room.ended(), buffer.records], [[], 1]);
  buffer.take(ALL);
  buffer.commit();
  assertEquals(await room.ended(), [["3,4", accepted(4, [2, 4])]]);
});

Deno.test("block() serves first come first served: a small batch does not overtake a large one", async () => {
  const buffer = fullBuffer();
  const room = waitingRoom(buffer);
  room.wait(["3", "4"]);
  room.wait(["5"]);
  buffer.take({ records: 1, bytes: 8 });
  buffer.commit();
  room.wait(["6"]); // has room, but others were here first
  assertEquals([await room.ended(), buffer.producersWaiting], [[], 3]);
  buffer.take(ALL);
  buffer.commit();
  assertEquals(await room.ended(), [["3,4", accepted(4, [2, 4])]]);
  buffer.take(ALL);
  buffer.commit();
  assertEquals(await room.ended(), [["5", accepted(5, [1, 2])], ["6", accepted(6, [1, 2])]]);
  assertEquals(drain(buffer), ["5", "6"]);
});

Deno.test("block() rejects as overloaded after its timeout, and lets in who fits then", async () => {
  using time = new FakeTime();
  const buffer = fullBuffer();
  const room = waitingRoom(buffer);
  room.wait(["3", "4"]);
  time.tick(500);
  room.wait(["5"]);
  buffer.take({ records: 1, bytes: 8 });
  buffer.commit();
  time.tick(499);
  assertEquals(await room.ended(), []);
  time.tick(1);
  assertEquals(await room.ended(), [["3,4", { rejected: "overloaded" }], ["5", accepted(3, [1, 2])]]);
  time.tick(10_000); // who was let in is not rejected any more
  assertEquals([await room.ended(), drain(buffer)], [[], ["2", "5"]]);
});

Deno.test("block() rejects at the timeout what was never served", async () => {
  using time = new FakeTime();
  const buffer = fullBuffer();
  const room = waitingRoom(buffer);
  room.wait(["3"]);
  room.wait(["4"]);
  time.tick(1_000);
  assertEquals(await room.ended(), [["3", { rejected: "overloaded" }], ["4", { rejected: "overloaded" }]]);
  assertEquals([buffer.producersWaiting, drain(buffer)], [0, ["1", "2"]]);
});

Deno.test("block() forgets a producer that goes away, from the middle of the queue", async () => {
  const buffer = fullBuffer();
  const room = waitingRoom(buffer);
  const controller = new AbortController();
  room.wait(["3"]);
  room.wait(["4"], controller.signal);
  room.wait(["5"]);
  controller.abort();
  assertEquals(await room.ended(), [["4", { rejected: "aborted" }]]);
  buffer.take(ALL);
  buffer.commit();
  assertEquals(await room.ended(), [["3", accepted(3, [1, 2])], ["5", accepted(4, [1, 2])]]);
  assertEquals(drain(buffer), ["3", "5"]);
});

Deno.test("block() rejects as overloaded whom the queue has no place for", async () => {
  const buffer = fullBuffer({ waiting: 1 });
  const room = waitingRoom(buffer);
  room.wait(["3"]);
  room.wait(["4"]);
  assertEquals(await room.ended(), [["4", { rejected: "overloaded" }]]);
  buffer.close();
  assertEquals(await room.ended(), [["3", { rejected: "closed" }]]);
});

Deno.test("block() rejects at once what can never fit", () => {
  const buffer = fullBuffer();
  assertEquals(offer(policy, buffer, ["3", "4", "5"]), { rejected: "too_large" });
  assertEquals(offer(policy, buffer, ["12345678"]), { rejected: "too_large" });
  assertEquals([buffer.producersWaiting, drain(buffer)], [0, ["1", "2"]]);
});

Deno.test("block() rejects at once when the buffer is closed, and who waits then", async () => {
  const buffer = fullBuffer();
  const room = waitingRoom(buffer);
  room.wait(["3"]);
  room.wait(["4"]);
  buffer.close();
  assertEquals(await room.ended(), [["3", { rejected: "closed" }], ["4", { rejected: "closed" }]]);
  assertEquals(offer(policy, buffer, ["5"]), { rejected: "closed" });
  assertEquals(drain(buffer), ["1", "2"]);
});
