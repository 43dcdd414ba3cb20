import type {
  BreakerConfig,
  Config,
  DeliveryConfig,
  Kind,
  PolicyName,
  SinkConfig,
  SourceConfig,
} from "./config.ts";
import type { GivenConfig, GivenSink, GivenSource } from "./config_schema.ts";

const MIB = 2 ** 20;
const SECOND = 1000;
const HOUR = 3600 * SECOND;

const POLICY_OF_KIND: Readonly<Record<Kind, PolicyName>> = {
  metrics: "drop_newest",
  frames: "drop_oldest",
  logs: "block",
  traces: "block",
  events: "block",
};

/**
 * Fills in what was not given.
 *
 * @param given A config that the schema let pass.
 * @returns The whole config. Whether its parts go together is another question.
 */
export function resolveConfig(given: GivenConfig): Config {
  const { listen = {}, limits = {}, websocket = {}, sources = {}, sinks = {}, pool = {}, shutdown = {} } =
    given;
  const sinkNames = Object.keys(sinks);
  const deadLetters = new Set(Object.values(sinks).map(({ deadLetter }) => deadLetter));
  const ownSinks = sinkNames.filter((name) => !deadLetters.has(name));
  return {
    listen: {
      http: listen.http ?? { hostname: "127.0.0.1", port: 4318 },
      websocket: listen.websocket ?? { hostname: "127.0.0.1", port: 4319 },
      admin: listen.admin ?? { hostname: "127.0.0.1", port: 4320 },
    },
    limits: {
      memory: limits.memory ?? 256 * MIB,
      body: limits.body ?? 8 * MIB,
      record: limits.record ?? MIB,
      sources: limits.sources ?? 256,
      waiting: limits.waiting ?? 1024,
      bodyTimeout: limits.bodyTimeout ?? 30 * SECOND,
      connections: limits.connections ?? 1024,
    },
    websocket: {
      keepAlive: websocket.keepAlive ?? 30 * SECOND,
      upgradeTimeout: websocket.upgradeTimeout ?? 10 * SECOND,
      compression: websocket.compression ?? false,
      credit: websocket.credit ?? 4096,
    },
    sources: Object.entries(sources).map(([pattern, source]) => resolveSource(pattern, source, ownSinks)),
    sinks: Object.entries(sinks).map(([name, sink]) => resolveSink(name, sink)),
    pool: { permits: pool.permits ?? Math.max(4, sinkNames.length) },
    shutdown: { deadline: shutdown.deadline ?? 10 * SECOND },
  };
}

function resolveSource(pattern: string, given: GivenSource, sinkNames: readonly string[]): SourceConfig {
  const {
    kind = "events",
    blockTimeout = 5 * SECOND,
    ack = "buffered",
    encoding = "received",
    buffer = {},
    batch = {},
  } = given;
  const { policy = POLICY_OF_KIND[kind], sinks = sinkNames } = given;
  const { records = 10_000, bytes = 16 * MIB } = buffer;
  return {
    pattern,
    kind,
    policy,
    blockTimeout,
    ack,
    encoding,
    sinks,
    buffer: { records, bytes },
    batch: {
      // A flush in flight counts in the buffer but cannot be evicted: more than half of it would leave too little room.
      records: batch.records ?? Math.min(10_000, half(records)),
      bytes: batch.bytes ?? Math.min(MIB, half(bytes)),
      // While somebody waits for an acknowledgement, what comes during one flush goes with the next.
      linger: batch.linger ?? (ack === "buffered" ? 200 : 0),
    },
  };
}

function resolveSink(name: string, given: GivenSink): SinkConfig {
  const delivery = resolveDelivery(name, given);
  if (given.type === "stdout") return { ...delivery, type: given.type, envelope: given.envelope ?? true };
  if (given.type === "http") {
    const { type, url, otlpUrl = penstockOtlpUrl(url), maxBytes = 4 * MIB, compression = "none" } = given;
    const { headers = {}, caFile } = given;
    return { ...delivery, type, url, otlpUrl, maxBytes, compression, headers, caFile };
  }
  const { type, directory, maxBytes = 128 * MIB, maxAge = HOUR, sync = "none", syncInterval = SECOND } =
    given;
  const { compression = "none", minFreeBytes = 64 * MIB } = given;
  const { bytes = Infinity, files = Infinity, age = Infinity } = given.retain ?? {};
  return {
    ...delivery,
    type,
    directory,
    maxBytes,
    maxAge,
    sync,
    syncInterval,
    compression,
    retain: { bytes, files, age },
    minFreeBytes,
  };
}

/**
 * Which defaults of what is around a sink depend on its type: whether it has a timeout, and a circuit breaker. What is on
 * this machine has neither. A standard output that stalls shall stall; and a file that cannot be written fails at once,
 * costs nobody anything, and may fail for one source alone, whose failures must not hold up the others. A peer has both: it
 * may be gone without a word.
 */
const DELIVERY_OF_TYPE: Readonly<Record<SinkConfig["type"], { timeout: number; breaker: boolean }>> = {
  file: { timeout: Infinity, breaker: false },
  stdout: { timeout: Infinity, breaker: false },
  http: { timeout: 30 * SECOND, breaker: true },
};

function resolveDelivery(name: string, given: GivenSink): DeliveryConfig {
  const { initial = 100, max = 10 * SECOND, maxElapsed = Infinity } = given.retry ?? {};
  const { timeout, breaker } = DELIVERY_OF_TYPE[given.type];
  return {
    name,
    retry: { initial, max, maxElapsed },
    timeout: given.timeout === 0 ? Infinity : given.timeout ?? timeout,
    concurrency: given.concurrency ?? Infinity,
    breaker: given.breaker !== undefined || breaker ? resolveBreaker(given.breaker) : undefined,
    deadLetter: given.deadLetter,
  };
}

function resolveBreaker({ failures = 5, pause = 5 * SECOND }: GivenSink["breaker"] = {}):
  | BreakerConfig
  | undefined {
  return failures === 0 ? undefined : { failures, pause };
}

/** The routes of OTLP that go with a Penstock's route for everything else. */
function penstockOtlpUrl(url: string | undefined): string | undefined {
  const ingest = "/v1/ingest/{source}";
  return url?.endsWith(ingest) ? `${url.slice(0, -ingest.length)}/sources/{source}/v1/{signal}` : undefined;
}

function half(limit: number): number {
  return Math.max(1, Math.floor(limit / 2));
}
