import { z } from "zod";
import type { AckLevel, ConfigError, HttpSinkConfig, Kind, PolicyName, RequestEncoding } from "./config.ts";
import { formatPath } from "./config_issue.ts";
import { parseListenAddress } from "./listen_address.ts";
import { formatBytes, formatDuration, parseBytes, type Parsed, parseDuration } from "./quantity.ts";
import { quote } from "./quote.ts";
import { parseSinkUrl } from "./sink_url.ts";
import type { SyncMode } from "../sinks/file_options.ts";
import type { Compression } from "../sinks/finished_name.ts";

// The offsets in a Batch are 32 bits wide.
const MAX_BATCH_BYTES = 2 ** 32 - 1;

/** A hundred years: no timer is set for it, which would limit it to days. */
const LONGEST_AGE = 36_525 * 86_400_000;

const SOURCE_PATTERN = /^(?=.{1,128}$)[A-Za-z0-9*][A-Za-z0-9._*-]*$/;
const SINK_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const KINDS = ["metrics", "frames", "logs", "traces", "events"] as const satisfies readonly Kind[];
const POLICIES = ["block", "drop_newest", "drop_oldest", "reject"] as const satisfies readonly PolicyName[];
const ENCODINGS = ["received", "json"] as const satisfies readonly RequestEncoding[];
const BODY_CODINGS = ["none", "gzip", "zstd"] as const satisfies readonly HttpSinkConfig["compression"][];
const SYNC_MODES = ["none", "interval", "batch"] as const satisfies readonly SyncMode[];
const COMPRESSIONS = ["none", "gzip", "zstd"] as const satisfies readonly Compression[];
const ACK_LEVELS = ["buffered", "written", "synced"] as const satisfies readonly AckLevel[];

/** An object without keys other than these. Of unknown ones, the issue's message lists the known ones. */
function object<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = `the keys here are ${Object.keys(shape).join(", ")}`;
  return z.strictObject(shape, {
    error: (issue) => issue.code === "unrecognized_keys" ? known : undefined,
  });
}

/** What a function makes of a value; its refusal becomes the issue's message. */
function parsedBy<T>(parse: (value: unknown) => Parsed<T>) {
  return z.unknown().transform((value, context): T => {
    const result = parse(value);
    if (result.ok) return result.value;
    context.addIssue({ code: "custom", message: result.message, input: value });
    return z.NEVER;
  });
}

function bytes({ min = 1, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {}) {
  return parsedBy((value) => {
    const result = parseBytes(value);
    if (!result.ok) return result;
    if (result.value < min) {
      return { ok: false, message: `${quote(value)} is too small: give at least ${formatBytes(min)}` };
    }
    if (result.value > max) {
      return { ok: false, message: `${quote(value)} is too large: give at most ${formatBytes(max)}` };
    }
    return result;
  });
}

function duration({ min, max }: { min: number; max?: number }) {
  return parsedBy((value) => {
    const result = parseDuration(value, max);
    return result.ok && result.value < min
      ? { ok: false, message: `${quote(value)} is too small: give at least ${formatDuration(min)}` }
      : result;
  });
}

function count() {
  return z.int().min(1);
}

const source = object({
  kind: z.enum(KINDS).optional(),
  policy: z.enum(POLICIES).optional(),
  blockTimeout: duration({ min: 1 }).optional(),
  ack: z.enum(ACK_LEVELS).optional(),
  encoding: z.enum(ENCODINGS).optional(),
  sinks: z.array(z.string()).optional(),
  buffer: object({ records: count().optional(), bytes: bytes().optional() }).optional(),
  batch: object({
    records: count().optional(),
    bytes: bytes({ max: MAX_BATCH_BYTES }).optional(),
    linger: duration({ min: 0 }).optional(),
  }).optional(),
});

/** What is around every sink, whatever its type. */
const delivery = {
  retry: object({
    initial: duration({ min: 1 }).optional(),
    max: duration({ min: 1 }).optional(),
    maxElapsed: duration({ min: 0 }).optional(),
  }).optional(),
  timeout: duration({ min: 0 }).optional(),
  concurrency: count().optional(),
  breaker: object({
    failures: z.int().min(0).optional(),
    pause: duration({ min: 1 }).optional(),
  }).optional(),
  deadLetter: z.string().optional(),
};

const sink = z.discriminatedUnion("type", [
  object({
    type: z.literal("file"),
    directory: z.string().min(1),
    maxBytes: bytes().optional(),
    maxAge: duration({ min: 1 }).optional(),
    sync: z.enum(SYNC_MODES).optional(),
    syncInterval: duration({ min: 1 }).optional(),
    compression: z.enum(COMPRESSIONS).optional(),
    retain: object({
      bytes: bytes().optional(),
      files: count().optional(),
      age: duration({ min: 1, max: LONGEST_AGE }).optional(),
    }).optional(),
    minFreeBytes: bytes({ min: 0 }).optional(),
    ...delivery,
  }),
  object({ type: z.literal("stdout"), envelope: z.boolean().optional(), ...delivery }),
  object({
    type: z.literal("http"),
    url: parsedBy((value) => parseSinkUrl(value, ["source"])).optional(),
    otlpUrl: parsedBy((value) => parseSinkUrl(value, ["source", "signal"])).optional(),
    maxBytes: bytes().optional(),
    compression: z.enum(BODY_CODINGS).optional(),
    headers: z.record(z.string(), z.string()).optional(),
    caFile: z.string().min(1).optional(),
    ...delivery,
  }),
]);

/**
 * The shape of a config file: which keys there are, and the type and range of each value.
 *
 * Defaults are not supplied here, so that what depends on several keys can tell what was given from what was not.
 * Names of sources and sinks are checked by {@linkcode findBadNames}.
 */
export const configSchema = object({
  listen: object({
    http: parsedBy(parseListenAddress).optional(),
    websocket: parsedBy(parseListenAddress).optional(),
    admin: parsedBy(parseListenAddress).optional(),
  }).optional(),
  limits: object({
    memory: bytes().optional(),
    body: bytes({ max: MAX_BATCH_BYTES }).optional(),
    record: bytes({ max: MAX_BATCH_BYTES }).optional(),
    sources: count().optional(),
    waiting: count().optional(),
    bodyTimeout: duration({ min: 1 }).optional(),
    connections: count().optional(),
  }).optional(),
  websocket: object({
    keepAlive: duration({ min: 1 }).optional(),
    upgradeTimeout: duration({ min: 1 }).optional(),
    compression: z.boolean().optional(),
    credit: count().optional(),
  }).optional(),
  sources: z.record(z.string(), source).optional(),
  sinks: z.record(z.string(), sink).optional(),
  pool: object({ permits: count().optional() }).optional(),
  shutdown: object({ deadline: duration({ min: 0 }).optional() }).optional(),
});

/** A config as it was given, with sizes and durations as numbers and without defaults. */
export type GivenConfig = z.output<typeof configSchema>;
/** One entry of `sources`, as it was given. */
export type GivenSource = z.output<typeof source>;
/** One entry of `sinks`, as it was given. */
export type GivenSink = z.output<typeof sink>;

/**
 * Finds keys of `sources` and `sinks` that cannot be names.
 *
 * Not part of the schema because a record there leaves the value of a refused key unchecked, and skips `__proto__`.
 *
 * @param value What the config file holds.
 * @returns One error for each such key.
 */
export function findBadNames(value: unknown): ConfigError[] {
  const keysOf = (value: unknown) => typeof value === "object" && value !== null ? Object.keys(value) : [];
  const { sources, sinks } = (value ?? {}) as { sources?: unknown; sinks?: unknown };
  return [
    ...keysOf(sources).filter((key) => !SOURCE_PATTERN.test(key)).map((key) => ({
      path: formatPath(["sources", key]),
      message:
        `${quote(key)} is not a source name or pattern: give at most 128 of A-Z, a-z, 0-9, ".", "_", "-" ` +
        `and "*", the first a letter, a digit or "*"`,
    })),
    ...keysOf(sinks).filter((key) => !SINK_NAME.test(key)).map((key) => ({
      path: formatPath(["sinks", key]),
      message: `${quote(key)} is not a sink name: give at most 128 of A-Z, a-z, 0-9, ".", "_" and "-", ` +
        "the first a letter or a digit",
    })),
  ];
}
