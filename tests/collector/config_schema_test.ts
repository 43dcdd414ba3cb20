// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { accept, assertRefused, minimal, refuse, withSink, withSource } from "./config_cases.ts";

/** The keys of what is around every sink. */
const AROUND = "retry, timeout, concurrency, breaker, deadLetter";

Deno.test("parseConfig() refuses what is not an object", () => {
  assertRefused([
    [null, "null is not an object: give { … }"],
    [[], "[] is not an object: give { … }"],
    ["x", '"x" is not an object: give { … }'],
    [minimal({ limits: null }), "limits: null is not an object: give { … }"],
    [minimal({ sources: [] }), "sources: [] is not an object: give { … }"],
    [withSource("block"), 'sources.a: "block" is not an object: give { … }'],
    [withSink(true), "sinks.s: true is not an object: give { … }"],
  ]);
});

Deno.test("parseConfig() refuses unknown keys at every level, and names the known ones", () => {
  const unknown = (known: string) => `1 is given for an unknown key: the keys here are ${known}`;
  assertRefused([
    [minimal({ limit: 1 }), `limit: ${unknown("listen, limits, websocket, sources, sinks, pool, shutdown")}`],
    [
      minimal({ websocket: { port: 1 } }),
      `websocket.port: ${unknown("keepAlive, upgradeTimeout, compression, credit")}`,
    ],
    [minimal({ listen: { grpc: 1 } }), `listen.grpc: ${unknown("http, websocket, admin")}`],
    [
      minimal({ limits: { memmory: 1 } }),
      `limits.memmory: ${unknown("memory, body, record, sources, waiting, bodyTimeout, connections")}`,
    ],
    [
      withSource({ "a b": 1 }),
      `sources.a["a b"]: ${unknown("kind, policy, blockTimeout, ack, encoding, sinks, buffer, batch")}`,
    ],
    [withSource({ buffer: { size: 1 } }), `sources.a.buffer.size: ${unknown("records, bytes")}`],
    [withSource({ batch: { size: 1 } }), `sources.a.batch.size: ${unknown("records, bytes, linger")}`],
    [
      withSink({ type: "stdout", directory: 1 }),
      `sinks.s.directory: ${unknown(`type, envelope, ${AROUND}`)}`,
    ],
    [
      withSink({ type: "file", directory: "d", envelope: 1 }),
      `sinks.s.envelope: ${
        unknown(
          `type, directory, maxBytes, maxAge, sync, syncInterval, compression, retain, minFreeBytes, ${AROUND}`,
        )
      }`,
    ],
    [
      withSink({ type: "stdout", retry: { min: 1 } }),
      `sinks.s.retry.min: ${unknown("initial, max, maxElapsed")}`,
    ],
    [minimal({ pool: { size: 1 } }), `pool.size: ${unknown("permits")}`],
    [minimal({ shutdown: { timeout: 1 } }), `shutdown.timeout: ${unknown("deadline")}`],
  ]);
});

Deno.test("parseConfig() refuses values that are not sizes, durations, counts or addresses", () => {
  const SIZE =
    'is not a size: give bytes as an integer or a string such as "64MiB" (units: B, kB, KiB, MB, MiB, GB, GiB)';
  const DURATION =
    'is not a duration: give milliseconds as an integer or a string such as "5s" (units: ms, s, m, h, d)';
  const COUNT = "is not an integer: give one, without quotes or fraction";
  const ADDRESS = 'is not a listen address: give host and port such as "127.0.0.1:4318" or "[::1]:4318"';
  const file = { type: "file", directory: "d" };
  assertRefused([
    [minimal({ listen: { http: 4318 } }), `listen.http: 4318 ${ADDRESS}`],
    [minimal({ listen: { admin: "x" } }), `listen.admin: "x" ${ADDRESS}`],
    [minimal({ limits: { memory: "12 parsecs" } }), `limits.memory: "12 parsecs" ${SIZE}`],
    [minimal({ limits: { body: null } }), `limits.body: null ${SIZE}`],
    [minimal({ limits: { record: 1.5 } }), `limits.record: 1.5 ${SIZE}`],
    [minimal({ limits: { sources: "256" } }), `limits.sources: "256" ${COUNT}`],
    [minimal({ limits: { waiting: 1.5 } }), `limits.waiting: 1.5 ${COUNT}`],
    [minimal({ limits: { bodyTimeout: "30" } }), `limits.bodyTimeout: "30" ${DURATION}`],
    [withSource({ blockTimeout: true }), `sources.a.blockTimeout: true ${DURATION}`],
    [withSource({ buffer: { records: "1k" } }), `sources.a.buffer.records: "1k" ${COUNT}`],
    [withSource({ buffer: { bytes: "1k" } }), `sources.a.buffer.bytes: "1k" ${SIZE}`],
    [withSource({ batch: { records: [] } }), `sources.a.batch.records: [] ${COUNT}`],
    [withSource({ batch: { bytes: {} } }), `sources.a.batch.bytes: {} ${SIZE}`],
    [withSource({ batch: { linger: "soon" } }), `sources.a.batch.linger: "soon" ${DURATION}`],
    [withSink({ ...file, maxBytes: "big" }), `sinks.s.maxBytes: "big" ${SIZE}`],
    [
      withSink({ ...file, sync: "always" }),
      'sinks.s.sync: "always" is not known here: give "none", "interval" or "batch"',
    ],
    [withSink({ ...file, maxAge: "old" }), `sinks.s.maxAge: "old" ${DURATION}`],
    [withSink({ ...file, minFreeBytes: "5%" }), `sinks.s.minFreeBytes: "5%" ${SIZE}`],
    [withSink({ ...file, retain: { bytes: "all" } }), `sinks.s.retain.bytes: "all" ${SIZE}`],
    [withSink({ ...file, retain: { age: "1y" } }), `sinks.s.retain.age: "1y" ${DURATION}`],
    [
      withSink({ ...file, retain: { days: 7 } }),
      `sinks.s.retain.days: 7 is given for an unknown key: the keys here are bytes, files, age`,
    ],
    [
      withSink({ ...file, compression: "brotli" }),
      'sinks.s.compression: "brotli" is not known here: give "none", "gzip" or "zstd"',
    ],
    [withSink({ ...file, retry: { initial: "a" } }), `sinks.s.retry.initial: "a" ${DURATION}`],
    [withSink({ ...file, retry: { max: "b" } }), `sinks.s.retry.max: "b" ${DURATION}`],
    [withSink({ ...file, timeout: "c" }), `sinks.s.timeout: "c" ${DURATION}`],
    [withSink({ ...file, breaker: { pause: "d" } }), `sinks.s.breaker.pause: "d" ${DURATION}`],
    [withSink({ ...file, retry: { maxElapsed: null } }), `sinks.s.retry.maxElapsed: null ${DURATION}`],
    [minimal({ pool: { permits: "4" } }), `pool.permits: "4" ${COUNT}`],
    [minimal({ shutdown: { deadline: "10" } }), `shutdown.deadline: "10" ${DURATION}`],
  ]);
});

Deno.test("parseConfig() refuses other wrong types and names", () => {
  assertRefused([
    [
      withSource({ kind: "video" }),
      'sources.a.kind: "video" is not known here: give "metrics", "frames", "logs", "traces" or "events"',
    ],
    [
      withSource({ policy: "drop" }),
      'sources.a.policy: "drop" is not known here: give "block", "drop_newest", "drop_oldest" or "reject"',
    ],
    [
      withSource({ encoding: "proto" }),
      'sources.a.encoding: "proto" is not known here: give "received" or "json"',
    ],
    [withSource({ ack: 1 }), 'sources.a.ack: 1 is not known here: give "buffered", "written" or "synced"'],
    [withSource({ sinks: "console" }), 'sources.a.sinks: "console" is not a list: give [ … ]'],
    [withSource({ sinks: ["console", 2] }), "sources.a.sinks[1]: 2 is not a string: give one, in quotes"],
    [withSink({}), 'sinks.s.type: is missing: give "file", "stdout" or "http"'],
    [withSink({ type: "kafka" }), 'sinks.s.type: "kafka" is not known here: give "file", "stdout" or "http"'],
    [withSink({ type: "file" }), "sinks.s.directory: is missing: give one, in quotes"],
    [
      withSink({ type: "file", directory: "" }),
      'sinks.s.directory: "" is empty: give at least one character',
    ],
    [
      withSink({ type: "stdout", envelope: "no" }),
      'sinks.s.envelope: "no" is not a boolean: give true or false',
    ],
  ]);
});

Deno.test("parseConfig() refuses numbers below their minimum", () => {
  const file = { type: "file", directory: "d" };
  assertRefused([
    [minimal({ limits: { memory: 0 } }), "limits.memory: 0 is too small: give at least 1B"],
    [minimal({ limits: { body: "0B" } }), 'limits.body: "0B" is too small: give at least 1B'],
    [minimal({ limits: { record: 0 } }), "limits.record: 0 is too small: give at least 1B"],
    [minimal({ limits: { sources: 0 } }), "limits.sources: 0 is too small: give at least 1"],
    [minimal({ limits: { waiting: 0 } }), "limits.waiting: 0 is too small: give at least 1"],
    [minimal({ limits: { bodyTimeout: 0 } }), "limits.bodyTimeout: 0 is too small: give at least 1ms"],
    [withSource({ blockTimeout: "0s" }), 'sources.a.blockTimeout: "0s" is too small: give at least 1ms'],
    [withSource({ buffer: { records: 0 } }), "sources.a.buffer.records: 0 is too small: give at least 1"],
    [withSource({ buffer: { bytes: 0 } }), "sources.a.buffer.bytes: 0 is too small: give at least 1B"],
    [withSource({ batch: { records: -1 } }), "sources.a.batch.records: -1 is too small: give at least 1"],
    [withSource({ batch: { bytes: 0 } }), "sources.a.batch.bytes: 0 is too small: give at least 1B"],
    [
      withSource({ batch: { linger: -1 } }),
      "sources.a.batch.linger: -1 is not a duration: it must not be negative",
    ],
    [withSink({ ...file, maxBytes: 0 }), "sinks.s.maxBytes: 0 is too small: give at least 1B"],
    [withSink({ ...file, maxAge: 0 }), "sinks.s.maxAge: 0 is too small: give at least 1ms"],
    [
      withSink({ ...file, minFreeBytes: -1 }),
      "sinks.s.minFreeBytes: -1 is not a size: it must not be negative",
    ],
    [withSink({ ...file, retain: { bytes: 0 } }), "sinks.s.retain.bytes: 0 is too small: give at least 1B"],
    [withSink({ ...file, retain: { files: 0 } }), "sinks.s.retain.files: 0 is too small: give at least 1"],
    [withSink({ ...file, retain: { age: 0 } }), "sinks.s.retain.age: 0 is too small: give at least 1ms"],
    [
      withSink({ ...file, retain: { age: "36526d" } }),
      'sinks.s.retain.age: "36526d" is too large: give at most 3155760000000ms, which is 36525 days',
    ],
    [
      withSink({ ...file, retry: { initial: 0 } }),
      "sinks.s.retry.initial: 0 is too small: give at least 1ms",
    ],
    [
      withSink({ ...file, breaker: { failures: -1 } }),
      "sinks.s.breaker.failures: -1 is too small: give at least 0",
    ],
    [
      withSink({ ...file, breaker: { pause: 0 } }),
      "sinks.s.breaker.pause: 0 is too small: give at least 1ms",
    ],
    [withSink({ ...file, concurrency: 0 }), "sinks.s.concurrency: 0 is too small: give at least 1"],
    [withSink({ ...file, retry: { max: 0 } }), "sinks.s.retry.max: 0 is too small: give at least 1ms"],
    [minimal({ pool: { permits: 0 } }), "pool.permits: 0 is too small: give at least 1"],
  ]);
});

Deno.test("parseConfig() refuses numbers above their maximum", () => {
  assertRefused([
    [
      minimal({ limits: { memory: 2 ** 53 } }),
      "limits.memory: 9007199254740992 is too large: give at most 9007199254740991 bytes",
    ],
    [
      minimal({ limits: { sources: 2 ** 53 } }),
      "limits.sources: 9007199254740992 is too large: give at most 9007199254740991",
    ],
    [
      minimal({ shutdown: { deadline: "25d" } }),
      'shutdown.deadline: "25d" is too large: give at most 2147483647ms, which is 24.8 days',
    ],
    // The offsets of a batch are 32 bits wide.
    [minimal({ limits: { body: "4GiB" } }), 'limits.body: "4GiB" is too large: give at most 4294967295B'],
    [minimal({ limits: { record: "4GiB" } }), 'limits.record: "4GiB" is too large: give at most 4294967295B'],
    [
      withSource({ batch: { bytes: "4GiB" } }),
      'sources.a.batch.bytes: "4GiB" is too large: give at most 4294967295B',
    ],
  ]);
});

Deno.test("parseConfig() refuses names of sources that no source can have", () => {
  for (const pattern of ["a", "web.01", "*", "*-a", "a*b*c", "9_", "x".repeat(128)]) {
    assertEquals(accept(minimal({ sources: { [pattern]: {} } })).sources[0]!.pattern, pattern);
  }
  for (
    const pattern of ["", "a b", "é", "a/b", "_a", ".a", "-*", "a?", "a\n", "__proto__", "x".repeat(129)]
  ) {
    const errors = refuse(minimal({ sources: { ["ok"]: {}, [pattern]: {} } }));
    assertEquals(errors.length, 1);
    assertStringIncludes(
      errors[0]!,
      'is not a source name or pattern: give at most 128 of A-Z, a-z, 0-9, ".", "_", "-"',
    );
  }
  assertMatch(
    refuse(minimal({ sources: { "a/b": {} } }))[0]!,
    /^sources\["a\/b"\]: "a\/b" is not a source name/,
  );
});

Deno.test("parseConfig() refuses names of sinks that are no names", () => {
  for (const name of ["", "a b", "*", "_a", "__proto__", "x".repeat(129)]) {
    const errors = refuse({ sources: { "*": {} }, sinks: { [name]: { type: "stdout" } } });
    assertEquals(errors.length, 1);
    assertStringIncludes(errors[0]!, "is not a sink name: give at most 128 of A-Z, a-z, 0-9");
  }
});

Deno.test("parseConfig() reports all errors of the schema at once", () => {
  const errors = refuse({
    listn: {},
    listen: { http: "x" },
    limits: { memory: "y", bdy: 1 },
    sources: { "a b": { policy: "p" }, c: { batch: { linger: "z" } } },
    sinks: { d: { type: "file" }, e: { type: "tape" } },
    // Is impossible, which is not looked at before the rest is right.
    pool: { permits: 1 },
  });
  assertEquals(errors.map((error) => error.split(": ")[0]), [
    'sources["a b"]',
    "listen.http",
    "limits.memory",
    "limits.bdy",
    'sources["a b"].policy',
    "sources.c.batch.linger",
    "sinks.d.directory",
    "sinks.e.type",
    "listn",
  ]);
});

Deno.test("parseConfig() cuts long values in its messages", () => {
  const [error] = refuse(minimal({ extra: "x".repeat(100_000) }));
  assert(error!.length < 200, error);
  assertStringIncludes(error!, "xxx… is given for an unknown key");
});
