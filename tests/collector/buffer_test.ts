// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertThrows } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import type { Amount } from "../../collector/batch.ts";
import { BoundedBuffer, type BufferObserver } from "../../collector/buffer.ts";
import { jsonBatch } from "../sinks/batches.ts";

const ALL: Amount = { records: 1_000_000, bytes: 1_000_000_000 };
const SIGNAL = new AbortController().signal;
const decoder = new TextDecoder();

/** Takes a batch and says which records it has. */
function takeLines(buffer: BoundedBuffer, limit = ALL): string[] | undefined {
  const batch = buffer.take(limit);
  if (batch === undefined) return undefined;
  let start = 0;
  return Array.from(batch.ends, (end) => decoder.decode(batch.data.subarray(start, (start = end) - 1)));
}

/** An observer that keeps what it was told. */
function recorder(): BufferObserver & { readonly events: string[] } {
  const events: string[] = [];
  const record = (event: string) => ({ records, bytes }: Amount) => {
    events.push(`${event} ${records}/${bytes}`);
  };
  const [admitted, evicted, committed, discarded] = ["admitted", "evicted", "committed", "discarded"].map(
    record,
  );
  return {
    admitted: admitted!,
    evicted: evicted!,
    committed: committed!,
    discarded: discarded!,
    events,
  };
}

Deno.test("BoundedBuffer throws if a limit is not a positive integer", () => {
  const valid = { records: 1, bytes: 1, waiting: 1 };
  for (const name of ["records", "bytes", "waiting"]) {
    for (const value of [0, -1, 1.5, NaN, Infinity]) {
      assertThrows(
        () => new BoundedBuffer({ ...valid, [name]: value }),
        RangeError,
        `Cannot create buffer: '${name}' must be a positive integer, current value is ${value}`,
      );
    }
  }
  assertEquals(new BoundedBuffer(valid).capacity, { records: 1, bytes: 1 });
});

Deno.test("BoundedBuffer is full at its limit of records or of bytes", () => {
  const byRecords = new BoundedBuffer({ records: 2, bytes: 100 });
  assert(!byRecords.full);
  byRecords.append(jsonBatch(["1"]));
  assert(!byRecords.full);
  byRecords.append(jsonBatch(["2"]));
  assertEquals([byRecords.full, byRecords.records, byRecords.bytes], [true, 2, 4]);

  const byBytes = new BoundedBuffer({ records: 100, bytes: 5 });
  byBytes.append(jsonBatch(["1", "22"]));
  assertEquals([byBytes.full, byBytes.records, byBytes.bytes], [true, 2, 5]);
});

Deno.test("BoundedBuffer.fits() and canEverHold() tell full from too large", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  const exact = jsonBatch(["11", "22"]);
  assertEquals([buffer.fits(exact), buffer.canEverHold(exact)], [true, true]);
  buffer.append(jsonBatch(["1"]));
  assertEquals([buffer.fits(exact), buffer.canEverHold(exact)], [false, true]);
  assertEquals(buffer.canEverHold(jsonBatch(["1", "2", "3"])), false);
  assertEquals(buffer.canEverHold(jsonBatch(["123456"])), false);
});

Deno.test("BoundedBuffer.closed is not full: what it holds can be taken, who waits is sent away", async () => {
  const buffer = new BoundedBuffer({ records: 1, bytes: 10 });
  buffer.append(jsonBatch(["1"]));
  const waiting = buffer.waitForRoom(jsonBatch(["2"]), { timeout: 1_000, signal: SIGNAL });
  assertEquals([buffer.closed, buffer.full, buffer.producersWaiting], [false, true, 1]);
  buffer.close();
  assertEquals(await waiting, { status: "closed" });
  assertEquals([buffer.closed, buffer.producersWaiting], [true, 0]);
  assertEquals(takeLines(buffer), ["1"]);
  buffer.commit();
  assertEquals([buffer.closed, buffer.full], [true, false]);
  const late = await buffer.waitForRoom(jsonBatch(["3"]), { timeout: 1_000, signal: SIGNAL });
  assertEquals([late, buffer.records], [{ status: "closed" }, 0]);
});

Deno.test("BoundedBuffer.append() throws a RangeError without room, and keeps nothing", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 6 });
  buffer.append(jsonBatch(["1"]));
  const message = "Cannot append to buffer: 2 records of 4 bytes have no room beside 1 of 2";
  assertThrows(() => buffer.append(jsonBatch(["2", "3"])), RangeError, message);
  assertThrows(() => buffer.append(jsonBatch(["2222"])), RangeError, "1 records of 5 bytes");
  assertEquals([buffer.records, buffer.bytes, buffer.position], [1, 2, 1]);
  assertEquals(takeLines(buffer), ["1"]);
});

Deno.test("BoundedBuffer.append() admits a part of a batch", () => {
  const observer = recorder();
  const buffer = new BoundedBuffer({ records: 9, bytes: 99, observer });
  const batch = jsonBatch(["1", "22", "333", "4444"]);
  assertEquals(buffer.append(batch, 1, 3), { records: 2, bytes: 7 });
  assertEquals(buffer.append(batch, 3), { records: 1, bytes: 5 });
  const nothing = [buffer.append(batch, 4), buffer.append(batch, 2, 2), buffer.append(jsonBatch([]))];
  for (const amount of nothing) assertEquals(amount, { records: 0, bytes: 0 });
  assertEquals([buffer.records, buffer.bytes, buffer.position], [3, 12, 3]);
  assertEquals(observer.events, ["admitted 2/7", "admitted 1/5"]);
  assertEquals(takeLines(buffer), ["22", "333", "4444"]);
});

Deno.test("BoundedBuffer.append() copies what is not its own", () => {
  const buffer = new BoundedBuffer({ records: 9, bytes: 99 });
  const batch = jsonBatch(["1", "2"]);
  buffer.append(batch);
  batch.data.fill(0);
  batch.ends.fill(0);
  assertEquals(takeLines(buffer), ["1", "2"]);
});

Deno.test("BoundedBuffer.room() counts records from an index on, until one does not fit", () => {
  const buffer = new BoundedBuffer({ records: 4, bytes: 10 });
  buffer.append(jsonBatch(["1"]));
  const batch = jsonBatch(["22", "33", "444444444", "5", "6", "7", "8"]);
  assertEquals([0, 1, 2, 3, 6, 7].map((from) => buffer.room(batch, from)), [2, 1, 0, 3, 1, 0]);
});

Deno.test("BoundedBuffer.evictFor() evicts exactly as many records as needed, none of those in flight", () => {
  const observer = recorder();
  const buffer = new BoundedBuffer({ records: 4, bytes: 20, observer });
  buffer.append(jsonBatch(["1", "22", "333", "4"]));
  assertEquals(takeLines(buffer, { records: 1, bytes: 20 }), ["1"]);
  assertEquals(buffer.evictFor({ records: 0, bytes: 0 }), { records: 0, bytes: 0 });
  assertEquals(buffer.evictFor({ records: 1, bytes: 10 }), { records: 1, bytes: 3 });
  assertEquals([buffer.records, buffer.bytes, buffer.inFlight], [3, 8, { records: 1, bytes: 2 }]);
  assertEquals(buffer.evictFor({ records: 9, bytes: 9 }), { records: 2, bytes: 6 }); // all it can do
  buffer.commit();
  assertEquals(observer.events, ["admitted 4/11", "evicted 1/3", "evicted 2/6", "committed 1/2"]);
  assertEquals([buffer.records, buffer.bytes, buffer.position], [0, 0, 4]);
});

Deno.test("BoundedBuffer.take() hands out as many records as its limits allow, and at least one", () => {
  const take = (records: number, bytes: number) => {
    const buffer = new BoundedBuffer({ records: 9, bytes: 99 });
    buffer.append(jsonBatch(["0", "1", "22", "333"]));
    buffer.take({ records: 1, bytes: 9 }); // limits hold from the oldest record on, not from the chunk's start
    buffer.commit();
    return takeLines(buffer, { records, bytes });
  };
  assertEquals(take(9, 99), ["1", "22", "333"]);
  assertEquals(take(3, 9), ["1", "22", "333"]);
  assertEquals(take(2, 9), ["1", "22"]);
  assertEquals(take(3, 8), ["1", "22"]);
  assertEquals(take(3, 5), ["1", "22"]);
  assertEquals(take(3, 4), ["1"]);
  assertEquals(take(3, 1), ["1"]);
  assertEquals(take(0, 0), ["1"]);
});

Deno.test("BoundedBuffer.take() hands out records of one format at a time, in order", () => {
  const buffer = new BoundedBuffer({ records: 9, bytes: 99 });
  buffer.append(jsonBatch(["1", "2"]));
  buffer.append({ format: "binary", data: Uint8Array.of(3), ends: Uint32Array.of(1) });
  buffer.append(jsonBatch(["4"]));
  const taken = [];
  for (let batch = buffer.take(ALL); batch !== undefined; batch = buffer.take(ALL)) {
    taken.push([batch.format, Array.from(batch.data)]);
    buffer.commit();
  }
  assertEquals(taken, [["json", [0x31, 10, 0x32, 10]], ["binary", [3]], ["json", [0x34, 10]]]);
});

Deno.test("BoundedBuffer.take() hands out nothing while a batch is in flight, and counts that batch", () => {
  const buffer = new BoundedBuffer({ records: 2, bytes: 99 });
  assertEquals([buffer.take(ALL), buffer.inFlight], [undefined, undefined]);
  buffer.append(jsonBatch(["1", "2"]));
  assertEquals(takeLines(buffer, { records: 1, bytes: 99 }), ["1"]);
  assertEquals([buffer.take(ALL), buffer.inFlight], [undefined, { records: 1, bytes: 2 }]);
  assertEquals([buffer.records, buffer.full], [2, true]);
  buffer.commit();
  assertEquals([buffer.records, buffer.full, buffer.inFlight], [1, false, undefined]);
  assertEquals(takeLines(buffer), ["2"]);
});

Deno.test("BoundedBuffer.commit() and discard() throw a TypeError if nothing is in flight", () => {
  const observer = recorder();
  const buffer = new BoundedBuffer({ records: 2, bytes: 99, observer });
  buffer.append(jsonBatch(["1"]));
  const message = "Cannot settle: nothing of the buffer is in flight";
  assertThrows(() => buffer.commit(), TypeError, message);
  assertThrows(() => buffer.discard(), TypeError, message);
  buffer.take(ALL);
  buffer.discard();
  assertThrows(() => buffer.commit(), TypeError, message);
  assertEquals(observer.events, ["admitted 1/2", "discarded 1/2"]);
});

Deno.test("BoundedBuffer.commit() and discard() let records go without an observer, too", () => {
  const buffer = new BoundedBuffer({ records: 1, bytes: 99 });
  for (const settle of ["commit", "discard"] as const) {
    buffer.append(jsonBatch(["1"]));
    buffer.take(ALL);
    buffer[settle]();
    assertEquals([buffer.records, buffer.bytes, buffer.inFlight], [0, 0, undefined]);
  }
});

Deno.test("BoundedBuffer.oldest and admittedAt tell when each record was admitted", () => {
  using time = new FakeTime(1_000);
  const buffer = new BoundedBuffer({ records: 9, bytes: 99 });
  assertEquals(buffer.oldest, undefined);
  buffer.append(jsonBatch(["1", "2"]));
  time.tick(50);
  buffer.append(jsonBatch(["3"]));
  assertEquals(buffer.oldest, 1_000);
  assertEquals(Array.from(buffer.take(ALL)!.admittedAt), [1_000, 1_000, 1_050]);
  assertEquals(buffer.oldest, undefined); // what is in flight is not waiting for a flush
  time.tick(50);
  buffer.append(jsonBatch(["4"]));
  assertEquals(buffer.oldest, 1_100);
});

Deno.test("BoundedBuffer.waitForRoom() lets in who fits, first come first served, in the commit that makes room", async () => {
  const observer = recorder();
  const buffer = new BoundedBuffer({ records: 3, bytes: 99, observer });
  buffer.append(jsonBatch(["1", "2"]));
  const options = { timeout: 1_000, signal: SIGNAL };
  const large = buffer.waitForRoom(jsonBatch(["3", "4"]), options);
  const small = buffer.waitForRoom(jsonBatch(["5"]), options); // has room, and does not overtake
  takeLines(buffer, { records: 1, bytes: 99 });
  assertEquals([buffer.records, buffer.producersWaiting], [2, 2]);
  buffer.commit();
  assertEquals([buffer.records, buffer.producersWaiting], [3, 1]);
  assertEquals(await large, { status: "admitted", position: 4 });
  takeLines(buffer);
  buffer.discard();
  assertEquals(await small, { status: "admitted", position: 5 });
  const expected = ["admitted 2/4", "committed 1/2", "admitted 2/4", "discarded 3/6", "admitted 1/2"];
  assertEquals(observer.events, expected);
});

Deno.test("BoundedBuffer.waitForRoom() lets in who comes next when the one before gives up", async () => {
  using time = new FakeTime();
  const buffer = new BoundedBuffer({ records: 3, bytes: 99 });
  buffer.append(jsonBatch(["1"]));
  const controller = new AbortController();
  const wait = (lines: string[], timeout: number, signal = SIGNAL) =>
    buffer.waitForRoom(jsonBatch(lines), { timeout, signal });
  const first = wait(["a", "b", "c"], 1_000, controller.signal);
  const second = wait(["2"], 1_000);
  const third = wait(["d", "e", "f"], 10);
  const fourth = wait(["3"], 1_000);
  controller.abort();
  assertEquals([await first, await second], [{ status: "aborted" }, { status: "admitted", position: 2 }]);
  assertEquals([buffer.records, buffer.producersWaiting], [2, 2]);
  time.tick(10);
  assertEquals([await third, await fourth], [{ status: "timeout" }, { status: "admitted", position: 3 }]);
  assertEquals(takeLines(buffer), ["1", "2", "3"]);
});
