// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { FakeTime } from "@std/testing/time";
import fc from "fast-check";
import { Log, LOG_LEVELS, type LogFields, type LogOptions } from "../../collector/log.ts";

const AT = "2026-01-02T03:04:05.006Z";

/** Collects what a log writes, at a fixed time, and calls it with that. */
function written(options: LogOptions, use: (log: Log) => void): string[] {
  using _time = new FakeTime(AT);
  const lines: string[] = [];
  use(new Log({ ...options, write: (line) => lines.push(new TextDecoder().decode(line)) }));
  return lines;
}

Deno.test("Log writes what is at least as important as its level", () => {
  const log = (log: Log) => {
    for (const level of LOG_LEVELS) log[level](level);
  };
  const levels = (options: LogOptions) => written(options, log).map((line) => line.trim().split(/ +/)[2]);
  assertEquals(levels({ level: "debug" }), ["debug", "info", "warn", "error"]);
  assertEquals(levels({}), ["info", "warn", "error"]);
  assertEquals(levels({ level: "warn" }), ["warn", "error"]);
  assertEquals(levels({ level: "error" }), ["error"]);
});

Deno.test("Log.writes() says which lines are worth describing", () => {
  const log = new Log({ level: "warn", write: () => {} });
  assertEquals(LOG_LEVELS.map((level) => log.writes(level)), [false, false, true, true]);
});

Deno.test("Log writes text that is aligned, and quotes values that could be mistaken", () => {
  assertEquals(
    written({}, (log) => {
      log.info("listening", { http: "127.0.0.1:4318", port: 4318, ready: true });
      log.error("sink fails", {
        sink: "disk",
        error: 'no space "left"',
        a: "x=1",
        empty: "",
        nothing: undefined,
      });
      log.warn("object", { of: { a: [1, null] }, none: null });
    }),
    [
      `${AT} INFO  listening http=127.0.0.1:4318 port=4318 ready=true\n`,
      `${AT} ERROR sink fails sink=disk error="no space \\"left\\"" a="x=1" empty="" nothing=undefined\n`,
      `${AT} WARN  object of={"a":[1,null]} none=null\n`,
    ],
  );
});

Deno.test("Log writes JSON, of which no field can take the place of time, level or message", () => {
  assertEquals(
    written({ format: "json" }, (log) => {
      log.info("draining", { deadlineMs: 10 });
      log.warn("real", { message: "forged", level: "info", time: "never", more: 1 });
    }),
    [
      `{"time":"${AT}","level":"info","message":"draining","deadlineMs":10}\n`,
      `{"time":"${AT}","level":"warn","message":"real","more":1}\n`,
    ],
  );
});

Deno.test("Log makes one line of everything, which does nothing to a terminal", () => {
  const nasty = "a\nb\r\x1b[2Jc\0\x7f\u0085\u2028d";
  const [text] = written({}, (log) => log.info(nasty, { nasty, word: "x\x1b[31m" }));
  assertEquals(
    text,
    `${AT} INFO  a\\nb\\u000d\\u001b[2Jc\\u0000\\u007f\\u0085\\u2028d ` +
      `nasty="a\\nb\\r\\u001b[2Jc\\u0000\\u007f\\u0085\\u2028d" word=x\\u001b[31m\n`,
  );
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), fc.string({ unit: "binary" }), (message, value) => {
      for (const format of ["text", "json"] as const) {
        const [line] = written({ format }, (log) => log.info(message, { value }));
        assertEquals(line!.search(/[\p{Cc}\u2028\u2029]/u), line!.length - 1);
        if (format === "json") {
          const parsed: LogFields = JSON.parse(line!);
          // Half a character has no UTF-8.
          assertEquals([parsed.message, parsed.value], [message, value].map((text) => text.toWellFormed()));
        }
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("Log goes on when nobody reads stderr any more", () => {
  const { writeSync } = Deno.stderr;
  let calls = 0;
  Deno.stderr.writeSync = () => {
    calls++;
    throw new Deno.errors.BrokenPipe("gone");
  };
  try {
    const log = new Log();
    log.info("one");
    log.error("two");
  } finally {
    Deno.stderr.writeSync = writeSync;
  }
  assertEquals(calls, 2);
});

Deno.test("Log writes a whole line to stderr, however little is taken at once", () => {
  const { writeSync } = Deno.stderr;
  const bytes: number[] = [];
  Deno.stderr.writeSync = (piece) => {
    bytes.push(...piece.subarray(0, 3));
    return Math.min(3, piece.length);
  };
  try {
    using _time = new FakeTime(AT);
    new Log().info("größer", { n: 1 });
  } finally {
    Deno.stderr.writeSync = writeSync;
  }
  assertEquals(new TextDecoder().decode(Uint8Array.from(bytes)), `${AT} INFO  größer n=1\n`);
});
