// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { flushLog, observeAll } from "../../collector/flush_log.ts";
import { Log, type LogLevel } from "../../collector/log.ts";
import type { FlushObserver } from "../../sinks/pool.ts";
import { SinkError } from "../../sinks/sink.ts";

const FULL = new SinkError("disk full", { kind: "ENOSPC", retryable: true });
const DENIED = new SinkError("not allowed", { kind: "EACCES", retryable: true });

/** Makes the observer, and collects what it logs without the time. */
function makeLog(level: LogLevel): { observer: FlushObserver; lines: () => string[] } {
  const lines: string[] = [];
  const write = (line: Uint8Array) => lines.push(new TextDecoder().decode(line.subarray(25)).trim());
  return { observer: flushLog(new Log({ level, write })), lines: () => lines.splice(0) };
}

Deno.test("flushLog() tells once that a sink fails, and once that it works again", () => {
  using time = new FakeTime();
  const { observer, lines } = makeLog("info");
  observer.permitGranted("disk", 0);
  observer.flushed("disk", 0.001, "a", { records: 1, bytes: 2 });
  assertEquals(lines(), []);
  for (let i = 0; i < 5; i++) {
    observer.failed("disk", FULL, 100, "a");
    time.tick(300);
  }
  assertEquals(lines(), ['WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"']);
  observer.flushed("disk", 0.001, "a", { records: 1, bytes: 2 });
  observer.flushed("disk", 0.001, "a", { records: 1, bytes: 2 });
  assertEquals(lines(), ["INFO  sink works again sink=disk failures=5 forMs=1500"]);
  observer.failed("disk", FULL, 100, "a");
  assertEquals(lines().length, 1, "a new failure is told again");
});

Deno.test("flushLog() tells when a sink fails in another way, and keeps sinks apart", () => {
  const { observer, lines } = makeLog("info");
  observer.failed("disk", FULL, 100, "a");
  observer.failed("disk", DENIED, 100, "a");
  observer.failed("other", FULL, 100, "a");
  observer.failed("disk", DENIED, 100, "a");
  observer.flushed("other", 0, "a", { records: 1, bytes: 2 });
  assertEquals(lines().map((line) => line.replace(/ forMs=.*/, "")), [
    'WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"',
    'WARN  sink fails sink=disk source=a kind=EACCES error="not allowed"',
    'WARN  sink fails sink=other source=a kind=ENOSPC error="disk full"',
    "INFO  sink works again sink=other failures=1",
  ]);
});

Deno.test("flushLog() takes a sink for working again only when it works for every source that it failed for", () => {
  const { observer, lines } = makeLog("info");
  observer.failed("disk", FULL, 100, "a");
  observer.failed("disk", FULL, 100, "b");
  observer.flushed("disk", 0, "c", { records: 1, bytes: 2 }); // whose directory is another one
  observer.flushed("disk", 0, "a", { records: 1, bytes: 2 });
  observer.failed("disk", FULL, 100, "b");
  assertEquals(lines(), ['WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"']);
  observer.flushed("disk", 0, "b", { records: 1, bytes: 2 });
  assertEquals(lines().map((line) => line.replace(/ forMs=.*/, "")), [
    "INFO  sink works again sink=disk failures=3",
  ]);
});

Deno.test("flushLog() tells of every batch that is given up", () => {
  const { observer, lines } = makeLog("error");
  observer.failed("disk", FULL, 100, "a");
  observer.failed("disk", FULL, undefined, "a");
  observer.failed("disk", FULL, undefined, "a");
  const line = 'ERROR batch given up sink=disk source=a kind=ENOSPC error="disk full"';
  assertEquals(lines(), [line, line]);
});

Deno.test("flushLog() tells at level debug which permits were granted at once and which had to wait", () => {
  const { observer, lines } = makeLog("debug");
  observer.permitGranted("disk", 0);
  observer.permitGranted("disk", 0.2504);
  observer.flushed("disk", 0.012, "a", { records: 1, bytes: 2 });
  observer.failed("disk", FULL, 99.6, "a");
  assertEquals(lines(), [
    "DEBUG permit granted sink=disk outcome=immediate waitedMs=0",
    "DEBUG permit granted sink=disk outcome=waited waitedMs=250",
    "DEBUG flushed sink=disk source=a tookMs=12",
    'WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"',
    "DEBUG retrying sink=disk source=a kind=ENOSPC inMs=100",
  ]);
});

Deno.test("observeAll() tells everybody everything, in order", () => {
  const told: unknown[][] = [];
  const observer = (name: string): FlushObserver => ({
    permitGranted: (...args) => told.push([name, "permitGranted", ...args]),
    flushed: (...args) => told.push([name, "flushed", ...args]),
    failed: (...args) => told.push([name, "failed", ...args]),
  });
  const all = observeAll(observer("a"), observer("b"));
  all.permitGranted("disk", 1);
  all.flushed("disk", 2, "app", { records: 1, bytes: 2 });
  all.failed("disk", FULL, undefined, "app");
  assertEquals(told, [
    ["a", "permitGranted", "disk", 1],
    ["b", "permitGranted", "disk", 1],
    ["a", "flushed", "disk", 2, "app", { records: 1, bytes: 2 }],
    ["b", "flushed", "disk", 2, "app", { records: 1, bytes: 2 }],
    ["a", "failed", "disk", FULL, undefined, "app"],
    ["b", "failed", "disk", FULL, undefined, "app"],
  ]);
});
