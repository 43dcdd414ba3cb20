// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import { flushLog, observeAll } from "../../collector/flush_log.ts";
import { Log, type LogLevel } from "../../collector/log.ts";
import type { FlushObserver } from "../../sinks/flush_observer.ts";
import { SinkError } from "../../sinks/sink.ts";

const FULL = new SinkError("disk full", { kind: "ENOSPC", retryable: true });
const DENIED = new SinkError("not allowed", { kind: "EACCES", retryable: true });
const REFUSED = new SinkError("bad record", { kind: "400", retryable: false });
const SOME = { records: 1, bytes: 2 };

/** Makes the observer, and collects what it logs without the time; and tells it of attempts as a sender does. */
function makeLog(level: LogLevel) {
  const lines: string[] = [];
  const write = (line: Uint8Array) => lines.push(new TextDecoder().decode(line.subarray(25)).trim());
  const observer = flushLog(new Log({ level, write }));
  return {
    observer,
    lines: () => lines.splice(0),
    fail(sink: string, error: SinkError, source: string) {
      observer.failed(sink, error, source);
      observer.retrying(sink, error, 99.6, source);
    },
    giveUp(sink: string, error: SinkError, source: string, deadLetter?: string) {
      observer.failed(sink, error, source);
      observer.givenUp(sink, error, source, deadLetter);
    },
    flush: (sink: string, source: string) => observer.flushed(sink, 0.012, source, SOME),
  };
}

Deno.test("flushLog() tells once that a sink fails, and once that it works again", () => {
  using time = new FakeTime();
  const { observer, lines, fail, flush } = makeLog("info");
  observer.permitGranted("disk", 0);
  flush("disk", "a");
  assertEquals(lines(), []);
  for (let i = 0; i < 5; i++) {
    fail("disk", FULL, "a");
    time.tick(300);
  }
  assertEquals(lines(), ['WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"']);
  flush("disk", "a");
  flush("disk", "a");
  assertEquals(lines(), ["INFO  sink works again sink=disk failures=5 forMs=1500"]);
  fail("disk", FULL, "a");
  assertEquals(lines().length, 1, "a new failure is told again");
});

Deno.test("flushLog() tells when a sink fails in another way, and keeps sinks apart", () => {
  using _time = new FakeTime();
  const { lines, fail, flush } = makeLog("info");
  fail("disk", FULL, "a");
  fail("disk", DENIED, "a");
  fail("other", FULL, "a");
  fail("disk", DENIED, "a");
  flush("other", "a");
  assertEquals(lines(), [
    'WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"',
    'WARN  sink fails sink=disk source=a kind=EACCES error="not allowed"',
    'WARN  sink fails sink=other source=a kind=ENOSPC error="disk full"',
    "INFO  sink works again sink=other failures=1 forMs=0",
  ]);
});

Deno.test("flushLog() tells each way of failing once, by however many sources and turns it comes", () => {
  using _time = new FakeTime();
  const { lines, fail, flush } = makeLog("info");
  for (let i = 0; i < 100; i++) {
    fail("disk", FULL, `s${i % 7}`);
    fail("disk", DENIED, `s${i % 5}`);
  }
  assertEquals(lines().length, 2);
  for (let i = 0; i < 7; i++) flush("disk", `s${i}`);
  assertEquals(lines(), ["INFO  sink works again sink=disk failures=200 forMs=0"]);
});

Deno.test("flushLog() takes a sink for working again only when it works for every source that waits for it", () => {
  using _time = new FakeTime();
  const { lines, fail, flush } = makeLog("info");
  fail("disk", FULL, "a");
  fail("disk", FULL, "b");
  flush("disk", "c"); // whose directory is another one
  flush("disk", "a");
  fail("disk", FULL, "b");
  assertEquals(lines(), ['WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"']);
  flush("disk", "b");
  assertEquals(lines(), ["INFO  sink works again sink=disk failures=3 forMs=0"]);
});

Deno.test("flushLog() tells once of each source that its batches are given up, and once that they are taken again", () => {
  using time = new FakeTime();
  const { lines, fail, giveUp, flush } = makeLog("info");
  for (let i = 0; i < 20; i++) {
    fail("disk", FULL, "a");
    time.tick(100);
    giveUp("disk", FULL, "a");
  }
  giveUp("disk", FULL, "b");
  assertEquals(lines(), [
    'WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"',
    'ERROR batches are given up and lost sink=disk source=a kind=ENOSPC error="disk full"',
    'ERROR batches are given up and lost sink=disk source=b kind=ENOSPC error="disk full"',
  ]);
  flush("disk", "a");
  flush("disk", "b");
  assertEquals(lines(), [
    "INFO  batches are taken again sink=disk source=a givenUp=20 forMs=1900",
    "INFO  sink works again sink=disk failures=3 forMs=2000",
    "INFO  batches are taken again sink=disk source=b givenUp=1 forMs=0",
  ]);
});

Deno.test("flushLog() does not take a sink that refuses one source's batches for failing, each time that it works for another", () => {
  using _time = new FakeTime();
  const { lines, giveUp, flush } = makeLog("info");
  for (let i = 0; i < 50; i++) {
    giveUp("up", REFUSED, "bad");
    flush("up", "good");
  }
  assertEquals(lines(), [
    'WARN  sink fails sink=up source=bad kind=400 error="bad record"',
    'ERROR batches are given up and lost sink=up source=bad kind=400 error="bad record"',
    "INFO  sink works again sink=up failures=1 forMs=0",
  ]);
});

Deno.test("flushLog() tells of a failure for another source, though one whose batch was given up is not heard of any more", () => {
  using _time = new FakeTime();
  const { lines, fail, giveUp, flush } = makeLog("info");
  giveUp("disk", FULL, "gone");
  flush("disk", "a");
  lines();
  fail("disk", FULL, "a");
  flush("disk", "a");
  assertEquals(lines(), [
    'WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"',
    "INFO  sink works again sink=disk failures=1 forMs=0",
  ]);
});

Deno.test("flushLog() tells where batches go that are given up", () => {
  using _time = new FakeTime();
  const { lines, giveUp } = makeLog("warn");
  giveUp("up", REFUSED, "a", "spill");
  giveUp("spill", FULL, "a");
  giveUp("up", REFUSED, "a", "spill");
  assertEquals(lines(), [
    'WARN  sink fails sink=up source=a kind=400 error="bad record"',
    'WARN  batches are given up sink=up source=a kind=400 error="bad record" deadLetter=spill',
    'WARN  sink fails sink=spill source=a kind=ENOSPC error="disk full"',
    'ERROR batches are given up and lost sink=spill source=a kind=ENOSPC error="disk full"',
  ]);
});

Deno.test("flushLog() tells once that a circuit breaker has opened, however many probes fail, and that it closed", () => {
  using time = new FakeTime();
  const { observer, lines } = makeLog("info");
  observer.breakerChanged("up", "open", "closed");
  for (let i = 0; i < 10; i++) {
    time.tick(5_000);
    observer.breakerChanged("up", "half_open", "open");
    observer.breakerChanged("up", "open", "half_open");
  }
  observer.breakerChanged("up", "half_open", "open");
  observer.breakerChanged("up", "closed", "half_open");
  observer.breakerChanged("up", "open", "closed");
  assertEquals(lines(), [
    "WARN  circuit breaker opened sink=up",
    "INFO  circuit breaker closed sink=up forMs=50000",
    "WARN  circuit breaker opened sink=up",
  ]);
});

Deno.test("flushLog() tells every single thing at level debug", () => {
  using _time = new FakeTime();
  const { observer, lines, fail, giveUp, flush } = makeLog("debug");
  observer.permitGranted("disk", 0);
  observer.permitGranted("disk", 0.2504);
  flush("disk", "a");
  fail("disk", FULL, "a");
  fail("disk", FULL, "a");
  giveUp("disk", FULL, "a");
  giveUp("disk", FULL, "a");
  observer.breakerChanged("disk", "open", "closed");
  observer.breakerChanged("disk", "half_open", "open");
  const failed = 'DEBUG attempt failed sink=disk source=a kind=ENOSPC error="disk full"';
  const retrying = "DEBUG retrying sink=disk source=a kind=ENOSPC inMs=100";
  assertEquals(lines(), [
    "DEBUG permit granted sink=disk outcome=immediate waitedMs=0",
    "DEBUG permit granted sink=disk outcome=waited waitedMs=250",
    "DEBUG flushed sink=disk source=a tookMs=12",
    'WARN  sink fails sink=disk source=a kind=ENOSPC error="disk full"',
    retrying,
    failed,
    retrying,
    failed,
    'ERROR batches are given up and lost sink=disk source=a kind=ENOSPC error="disk full"',
    failed,
    'DEBUG batch given up sink=disk source=a kind=ENOSPC error="disk full"',
    "WARN  circuit breaker opened sink=disk",
    "DEBUG circuit breaker changed sink=disk state=half_open",
  ]);
});

Deno.test("observeAll() tells everybody everything, in order", () => {
  const told: unknown[][] = [];
  const observer = (name: string): FlushObserver => ({
    permitGranted: (...args) => told.push([name, "permitGranted", ...args]),
    flushed: (...args) => told.push([name, "flushed", ...args]),
    failed: (...args) => told.push([name, "failed", ...args]),
    retrying: (...args) => told.push([name, "retrying", ...args]),
    givenUp: (...args) => told.push([name, "givenUp", ...args]),
    breakerChanged: (...args) => told.push([name, "breakerChanged", ...args]),
  });
  const all = observeAll(observer("a"), observer("b"));
  all.permitGranted("disk", 1);
  all.flushed("disk", 2, "app", SOME);
  all.failed("disk", FULL, "app");
  all.retrying("disk", FULL, 3, "app");
  all.givenUp("disk", FULL, "app", "spill");
  all.breakerChanged("disk", "open", "closed");
  assertEquals(
    told,
    [
      ["permitGranted", "disk", 1],
      ["flushed", "disk", 2, "app", SOME],
      ["failed", "disk", FULL, "app"],
      ["retrying", "disk", FULL, 3, "app"],
      ["givenUp", "disk", FULL, "app", "spill"],
      ["breakerChanged", "disk", "open", "closed"],
    ].flatMap((call) => [["a", ...call], ["b", ...call]]),
  );
});
