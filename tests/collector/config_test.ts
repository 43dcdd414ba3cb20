// @ts-types="../types/deno_std_assert.d.ts"
import { assert, assertEquals } from "@std/assert";
import { readConfig } from "../../collector/config_file.ts";
import { accept, minimal, withSource } from "./config_cases.ts";

const MIB = 2 ** 20;
const DELIVERY = {
  retry: { initial: 100, max: 10_000, maxElapsed: Infinity },
  timeout: Infinity,
  concurrency: Infinity,
  breaker: undefined,
  deadLetter: undefined,
};

Deno.test("parseConfig() fills in every default", () => {
  assertEquals(
    accept({
      sources: { "*": {} },
      sinks: { console: { type: "stdout" }, disk: { type: "file", directory: "d" } },
    }),
    {
      listen: {
        http: { hostname: "127.0.0.1", port: 4318 },
        websocket: { hostname: "127.0.0.1", port: 4319 },
        admin: { hostname: "127.0.0.1", port: 4320 },
      },
      limits: {
        memory: 256 * MIB,
        body: 8 * MIB,
        record: MIB,
        sources: 256,
        waiting: 1024,
        bodyTimeout: 30_000,
        connections: 1024,
      },
      websocket: { keepAlive: 30_000, upgradeTimeout: 10_000, compression: false, credit: 4096 },
      sources: [{
        pattern: "*",
        kind: "events",
        policy: "block",
        blockTimeout: 5000,
        ack: "buffered",
        encoding: "received",
        sinks: ["console", "disk"],
        buffer: { records: 10_000, bytes: 16 * MIB },
        batch: { records: 5000, bytes: MIB, linger: 200 },
      }],
      sinks: [
        { name: "console", type: "stdout", envelope: true, ...DELIVERY },
        {
          name: "disk",
          type: "file",
          directory: "d",
          maxBytes: 128 * MIB,
          maxAge: 3_600_000,
          sync: "none",
          syncInterval: 1_000,
          compression: "none",
          retain: { bytes: Infinity, files: Infinity, age: Infinity },
          minFreeBytes: 64 * MIB,
          ...DELIVERY,
        },
      ],
      pool: { permits: 4 },
      shutdown: { deadline: 10_000 },
    },
  );
});

Deno.test("parseConfig() takes every key as given", () => {
  assertEquals(
    accept({
      listen: { http: "[::1]:1", websocket: "[::1]:2", admin: "localhost:0" },
      limits: {
        memory: "64MiB",
        body: "2MB",
        record: 3,
        sources: 4,
        waiting: 5,
        bodyTimeout: "6s",
        connections: 7,
      },
      websocket: { keepAlive: "7s", upgradeTimeout: "8s", compression: true, credit: 9 },
      sources: {
        "a*": {
          kind: "metrics",
          policy: "block",
          blockTimeout: 7,
          ack: "written",
          encoding: "json",
          sinks: ["f"],
          buffer: { records: 8, bytes: 9 },
          batch: { records: 8, bytes: 9, linger: 0 },
        },
      },
      sinks: {
        f: {
          type: "file",
          directory: "/var/lib",
          maxBytes: "1GB",
          maxAge: "1d",
          sync: "interval",
          syncInterval: "5s",
          compression: "zstd",
          retain: { bytes: "2GB", files: 10, age: "365d" },
          minFreeBytes: 0,
          retry: { initial: 1, max: "2s", maxElapsed: "3m" },
          timeout: "30s",
          concurrency: 2,
          breaker: { failures: 7, pause: "1m" },
          deadLetter: "o",
        },
        o: { type: "stdout", envelope: false, retry: { maxElapsed: 0 } },
      },
      pool: { permits: 2 },
      shutdown: { deadline: 0 },
    }),
    {
      listen: {
        http: { hostname: "::1", port: 1 },
        websocket: { hostname: "::1", port: 2 },
        admin: { hostname: "localhost", port: 0 },
      },
      websocket: { keepAlive: 7000, upgradeTimeout: 8000, compression: true, credit: 9 },
      limits: {
        memory: 64 * MIB,
        body: 2_000_000,
        record: 3,
        sources: 4,
        waiting: 5,
        bodyTimeout: 6000,
        connections: 7,
      },
      sources: [{
        pattern: "a*",
        kind: "metrics",
        policy: "block",
        blockTimeout: 7,
        ack: "written",
        encoding: "json",
        sinks: ["f"],
        buffer: { records: 8, bytes: 9 },
        batch: { records: 8, bytes: 9, linger: 0 },
      }],
      sinks: [
        {
          name: "f",
          type: "file",
          directory: "/var/lib",
          maxBytes: 1_000_000_000,
          maxAge: 86_400_000,
          sync: "interval",
          syncInterval: 5_000,
          compression: "zstd",
          retain: { bytes: 2_000_000_000, files: 10, age: 365 * 86_400_000 },
          minFreeBytes: 0,
          retry: { initial: 1, max: 2000, maxElapsed: 180_000 },
          timeout: 30_000,
          concurrency: 2,
          breaker: { failures: 7, pause: 60_000 },
          deadLetter: "o",
        },
        {
          ...DELIVERY,
          name: "o",
          type: "stdout",
          envelope: false,
          retry: { initial: 100, max: 10_000, maxElapsed: 0 },
        },
      ],
      pool: { permits: 2 },
      shutdown: { deadline: 0 },
    },
  );
});

Deno.test("parseConfig() takes the policy from the kind unless one is given", () => {
  const policyOf = (source: unknown) => accept(withSource(source)).sources[0]!.policy;
  assertEquals(policyOf({ kind: "metrics" }), "drop_newest");
  assertEquals(policyOf({ kind: "frames" }), "drop_oldest");
  assertEquals(policyOf({ kind: "logs" }), "block");
  assertEquals(policyOf({ kind: "traces" }), "block");
  assertEquals(policyOf({ kind: "events" }), "block");
  assertEquals(policyOf({ kind: "frames", policy: "reject" }), "reject");
});

Deno.test("parseConfig() keeps the default batch at half the buffer, and at least one", () => {
  const batchOf = (buffer: unknown, batch = {}) => accept(withSource({ buffer, batch })).sources[0]!.batch;
  assertEquals(batchOf({ records: 120 }), { records: 60, bytes: MIB, linger: 200 });
  assertEquals(batchOf({ records: 5, bytes: 1025 }), { records: 2, bytes: 512, linger: 200 });
  assertEquals(batchOf({ records: 1, bytes: 1 }), { records: 1, bytes: 1, linger: 200 });
  assertEquals(batchOf({ records: 120 }, { records: 120 }), { records: 120, bytes: MIB, linger: 200 });
});

Deno.test("parseConfig() lets no batch linger by default that somebody waits for", () => {
  const lingerOf = (source: unknown) => accept(withSource(source)).sources[0]!.batch.linger;
  assertEquals(["buffered", "written", "synced"].map((ack) => lingerOf({ ack })), [200, 0, 0]);
  assertEquals(lingerOf({ ack: "synced", batch: { linger: "50ms" } }), 50);
});

Deno.test("parseConfig() gives the pool a permit for each sink by default", () => {
  const sinks = Object.fromEntries(
    Array.from({ length: 6 }, (_, i) => [`s${i}`, { type: "file", directory: `${i}` }]),
  );
  assertEquals(accept(minimal({ sinks })).pool.permits, 6);
});

Deno.test("parseConfig() keeps sources and sinks in the order given", () => {
  const config = accept(minimal({ sources: { "z*": {}, a: {}, "*": {} } }));
  assertEquals(config.sources.map(({ pattern }) => pattern), ["z*", "a", "*"]);
});

Deno.test("config.example.json is valid, and what it spells out are the defaults", async () => {
  const result = await readConfig(
    decodeURIComponent(new URL("../../config.example.json", import.meta.url).pathname),
  );
  assert(result.ok, JSON.stringify(result));
  assertEquals(
    result.config,
    accept({
      sources: {
        "metrics-*": { kind: "metrics" },
        "frames-*": { kind: "frames", buffer: { records: 120, bytes: "64MiB" } },
        "orders": { ack: "synced", sinks: ["disk"] },
        "otlp-metrics": { kind: "metrics", sinks: ["disk"] },
        "otlp-*": { kind: "traces", sinks: ["disk"] },
        "*": { policy: "reject", sinks: ["disk"] },
      },
      sinks: { disk: { type: "file", directory: "./data" }, console: { type: "stdout" } },
    }),
  );
});
