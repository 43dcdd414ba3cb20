// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { FlushPool } from "../../sinks/pool.ts";
import { makeSource, offer } from "../collector/sources.ts";

Deno.test("Flusher does not linger while a producer waits for room", async () => {
  using time = new FakeTime();
  let written = 0;
  const sink = {
    write: (batch: { ends: Uint32Array }) => Promise.resolve(void (written += batch.ends.length)),
    sync: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
  const pool = new FlushPool({
    permits: 1,
    sinks: [{ name: "disk", sink, retry: { initial: 100, max: 100 } }],
    observer: {
      permitGranted() {},
      flushed() {},
      failed() {},
      retrying() {},
      givenUp() {},
      breakerChanged() {},
    },
  });
  const source = makeSource({
    policy: "block",
    buffer: { records: 10, bytes: 1_000 },
    batch: { records: 10, bytes: 1_000, linger: 60_000 },
  });
  pool.attach(source);
  await offer(source, ["1", "2", "3", "4", "5", "6", "7"]);
  await time.runMicrotasks();
  assertEquals(written, 0);
  const blocked = offer(source, ["8", "9", "10", "11"]);
  await blocked; // without a tick of the clock
  assertEquals(written, 7);
  await pool.drain(1_000);
  assertEquals([written, source.buffer.records], [11, 0]);
});
