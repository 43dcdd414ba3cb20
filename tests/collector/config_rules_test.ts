// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import { accept, assertRefused, minimal, refuse, withSink, withSource } from "./config_cases.ts";

Deno.test("parseConfig() refuses a config without sources or sinks", () => {
  const sources = 'sources: {} names no source: give at least one, such as "*": {} for every name';
  const sinks = 'sinks: {} names no sink: give at least one, such as "console": { "type": "stdout" }';
  assertEquals(refuse({}), [sources, sinks]);
  assertEquals(refuse({ sources: {}, sinks: {} }), [sources, sinks]);
  assertEquals(refuse({ sources: { a: {} } }), [sinks]);
});

Deno.test("parseConfig() refuses impossible limits", () => {
  assertRefused([
    [
      minimal({ limits: { record: "9MiB" } }),
      "limits.record: 9MiB is more than limits.body, 8MiB (the default): such a record could not arrive; " +
      "lower limits.record or raise limits.body",
    ],
    [
      minimal({ limits: { body: "512KiB" } }),
      "limits.record: 1MiB (the default) is more than limits.body, 512KiB: such a record could not arrive; " +
      "lower limits.record or raise limits.body",
    ],
    [
      minimal({ limits: { body: "1GiB" } }),
      "limits.body: 1GiB is too much for limits.memory, 256MiB (the default), which bodies are taken out of twice: " +
      "lower limits.body or raise limits.memory to 2097216KiB",
    ],
    [
      withSource({ encoding: "json" }, { limits: { memory: "32MiB" } }),
      'sources.a.encoding: "json" takes 7 times limits.body, 8MiB, out of limits.memory, 32MiB, ' +
      "for a request in Protobuf: lower limits.body or raise limits.memory to 57376KiB",
    ],
    [
      withSource({ buffer: { bytes: "33MiB" } }, { limits: { memory: "32MiB" } }),
      "sources.a.buffer.bytes: 33MiB is more than limits.memory, 32MiB, which buffers are taken out of: " +
      "lower buffer.bytes or raise limits.memory",
    ],
    [
      withSource({}, { limits: { memory: "8MiB", body: "1MiB" } }),
      "sources.a.buffer.bytes: 16MiB (the default) is more than limits.memory, 8MiB, which buffers are taken out of: " +
      "lower buffer.bytes or raise limits.memory",
    ],
    [
      withSource({ batch: { records: 10_001 } }),
      "sources.a.batch.records: 10001 is more than buffer.records, 10000 (the default), so that no batch would ever be " +
      "full: lower batch.records or raise buffer.records",
    ],
    [
      withSource({ batch: { bytes: "2MiB" }, buffer: { bytes: "1MiB" } }),
      "sources.a.batch.bytes: 2MiB is more than buffer.bytes, 1MiB, so that no batch would ever be full: " +
      "lower batch.bytes or raise buffer.bytes",
    ],
  ]);
});

Deno.test("parseConfig() accepts limits that are equal, and a buffer smaller than a record", () => {
  const bytes = "16MiB";
  accept(
    withSource({ buffer: { bytes }, batch: { bytes } }, {
      limits: { memory: bytes, body: "7MiB", record: "7MiB" },
    }),
  );
  accept(withSource({ buffer: { bytes: 1 } }));
});

Deno.test("parseConfig() refuses what contradicts the policy", () => {
  assertRefused([
    [
      minimal({ sources: { "metrics-*": { kind: "metrics", blockTimeout: "5s" } } }),
      "sources.metrics-*.blockTimeout: 5s has no effect, as the policy is drop_newest (the default of kind metrics): " +
      'leave it out or set policy to "block"',
    ],
    [
      minimal({ sinks: { disk: { type: "file", directory: "d", syncInterval: "5s" } } }),
      'sinks.disk.syncInterval: 5s has no effect, as sync is "none" (the default): leave it out or set sync to "interval"',
    ],
    [
      minimal({ sinks: { disk: { type: "file", directory: "d", retain: { bytes: "100MiB" } } } }),
      "sinks.disk.retain.bytes: 100MiB is less than maxBytes, 128MiB (the default), so that a full file would be deleted " +
      "as soon as it is finished: raise retain.bytes or lower maxBytes",
    ],
    [
      withSource({ policy: "reject", blockTimeout: 1500 }),
      "sources.a.blockTimeout: 1500ms has no effect, as the policy is reject: leave it out or set policy to " +
      '"block"',
    ],
    [
      withSource({ kind: "frames", ack: "written" }),
      'sources.a.ack: "written" is impossible under policy drop_oldest (the default of kind frames), where a record may ' +
      'be evicted and then cannot be acknowledged: set ack to "buffered" or choose another policy',
    ],
    [
      withSource({ policy: "drop_oldest", ack: "synced" }),
      'sources.a.ack: "synced" is impossible under policy drop_oldest, where a record may be evicted and then cannot ' +
      'be acknowledged: set ack to "buffered" or choose another policy',
    ],
  ]);
  accept(withSource({ kind: "metrics", policy: "block", blockTimeout: "5s", ack: "synced" }));
  accept(withSource({ kind: "metrics", ack: "synced" }));
});

Deno.test("parseConfig() refuses sinks of a source that do not exist, are none, or are named twice", () => {
  assertRefused([
    [
      withSource({ sinks: ["console", "dsk"] }),
      'sources.a.sinks[1]: "dsk" is not the name of a sink: the sinks are "console"',
    ],
    [
      withSource({ sinks: [] }),
      'sources.a.sinks: [] names no sink: leave it out for all sinks, or name some; the sinks are "console"',
    ],
    [
      withSource({ sinks: ["console", "console"] }),
      'sources.a.sinks[1]: "console" is named twice: name each sink once',
    ],
  ]);
});

Deno.test("parseConfig() refuses sinks that get in each other's way", () => {
  assertRefused([
    [
      minimal({ sinks: { a: { type: "stdout" }, b: { type: "stdout" } } }),
      'sinks.b.type: "stdout" is the type of sink "a" already, and there is one standard output: leave one out',
    ],
    [
      minimal({
        sinks: { a: { type: "file", directory: "./data" }, b: { type: "file", directory: "x/../data//" } },
      }),
      'sinks.b.directory: "x/../data//" is the directory of sink "a" already: give each file sink its own',
    ],
    [
      withSink({ type: "stdout", retry: { initial: "20s" } }),
      "sinks.s.retry.initial: 20s is more than max, 10s (the default): lower initial or raise max",
    ],
    [
      withSink({ type: "stdout", retry: { max: 50 } }),
      "sinks.s.retry.initial: 100ms (the default) is more than max, 50ms: lower initial or raise max",
    ],
  ]);
  accept(minimal({ sinks: { a: { type: "file", directory: "/" }, b: { type: "file", directory: "." } } }));
});

Deno.test("parseConfig() refuses fewer permits than sinks", () => {
  const sinks = { a: { type: "stdout" }, b: { type: "file", directory: "d" } };
  assertRefused([[
    minimal({ sinks, pool: { permits: 1 } }),
    "pool.permits: 1 is less than the number of sinks, 2: a permit is kept free for each sink, so that one that stalls " +
    "cannot starve the others; give at least 2 or leave it out",
  ]]);
  assertEquals(accept(minimal({ sinks, pool: { permits: 2 } })).pool.permits, 2);
});

Deno.test("parseConfig() refuses compression of messages where it would take more than half of the memory", () => {
  const websocket = { compression: true };
  assertRefused([
    [
      minimal({ limits: { memory: "32MiB" }, websocket }),
      "websocket.compression: true sets 16448KiB of limits.memory aside, 32MiB, and leaves too little: " +
      "lower limits.body or raise limits.memory to 32896KiB",
    ],
  ]);
  accept(minimal({ limits: { memory: "32896KiB" }, websocket }));
});

Deno.test("parseConfig() refuses two listeners on one port", () => {
  const clash = (http: string, admin: string) => minimal({ listen: { http, admin } });
  assertRefused([
    [
      clash("127.0.0.1:80", "127.0.0.1:80"),
      'listen.admin: "127.0.0.1:80" is taken by listen.http, "127.0.0.1:80": give it another port, or 0 to let the ' +
      "system choose",
    ],
    [
      minimal({ listen: { http: "[::]:4320" } }),
      'listen.admin: "127.0.0.1:4320" is taken by listen.http, "[::]:4320": give it another port, or 0 to let the ' +
      "system choose",
    ],
    [
      minimal({ listen: { http: "127.0.0.1:4319" } }),
      'listen.websocket: "127.0.0.1:4319" is taken by listen.http, "127.0.0.1:4319": give it another port, or 0 to ' +
      "let the system choose",
    ],
    [
      minimal({ listen: { websocket: "0.0.0.0:4320" } }),
      'listen.admin: "127.0.0.1:4320" is taken by listen.websocket, "0.0.0.0:4320": give it another port, or 0 to ' +
      "let the system choose",
    ],
  ]);
  accept(clash("127.0.0.1:0", "127.0.0.1:0"));
});

Deno.test("parseConfig() reports all impossible combinations at once", () => {
  const errors = refuse({
    listen: { http: "127.0.0.1:1", admin: "127.0.0.1:1" },
    limits: { memory: "1MiB", body: "2MiB", record: "3MiB" },
    sources: {
      a: { policy: "reject", blockTimeout: 1, sinks: ["x", "y"] },
      b: { kind: "frames", ack: "synced", buffer: { records: 1, bytes: 1 }, batch: { records: 2, bytes: 2 } },
      c: { buffer: { bytes: 1 }, sinks: [] },
    },
    sinks: {
      s: { type: "stdout", retry: { initial: 2, max: 1 } },
      t: { type: "stdout" },
      u: { type: "file", directory: "d" },
      v: { type: "file", directory: "d" },
    },
    pool: { permits: 3 },
  });
  assertEquals(errors.map((error) => error.split(": ")[0]), [
    "listen.admin",
    "limits.record",
    "limits.body",
    "sources.a.blockTimeout",
    "sources.a.sinks[0]",
    "sources.a.sinks[1]",
    "sources.a.buffer.bytes",
    "sources.b.ack",
    "sources.b.batch.records",
    "sources.b.batch.bytes",
    "sources.c.sinks",
    "sinks.t.type",
    "sinks.v.directory",
    "pool.permits",
    "sinks.s.retry.initial",
  ]);
});
