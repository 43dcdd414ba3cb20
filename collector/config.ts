import { resolveConfig } from "./config_defaults.ts";
import { explainIssue } from "./config_issue.ts";
import { findConflicts } from "./config_rules.ts";
import { configSchema, findBadNames } from "./config_schema.ts";
import type { ListenAddress } from "./listen_address.ts";

import type { SinkConfig } from "./sink_config.ts";
import type { PolicyName } from "../policies/policy.ts";
export type {
  BreakerConfig,
  DeliveryConfig,
  FileSinkConfig,
  HttpSinkConfig,
  RetryConfig,
  SinkConfig,
  StdoutSinkConfig,
} from "./sink_config.ts";
export type { ListenAddress } from "./listen_address.ts";

/** What a source carries. It picks the policy where none is given. */
export type Kind = "metrics" | "frames" | "logs" | "traces" | "events";

export type { PolicyName } from "../policies/policy.ts";

/** When an agent is answered: once its records are in the buffer, written by every sink, or synced by every sink. */
export type AckLevel = "buffered" | "written" | "synced";

/** How OTLP requests are kept. */
export type RequestEncoding = "received" | "json";

/** The whole config: validated, and with every default filled in. */
export interface Config {
  readonly listen: ListenConfig;
  readonly limits: LimitsConfig;
  readonly websocket: WebSocketConfig;
  /** In the order of the file: a name wins, then the first pattern that matches. At least one. */
  readonly sources: readonly SourceConfig[];
  /** In the order of the file. At least one. */
  readonly sinks: readonly SinkConfig[];
  readonly pool: PoolConfig;
  readonly shutdown: ShutdownConfig;
}

/** Where the daemon listens. */
export interface ListenConfig {
  /**
   * HTTP ingest.
   *
   * @default {"127.0.0.1:4318"}
   */
  readonly http: ListenAddress;
  /**
   * WebSocket ingest, and the same HTTP routes.
   *
   * @default {"127.0.0.1:4319"}
   */
  readonly websocket: ListenAddress;
  /**
   * Health, metrics and status; never ingest.
   *
   * @default {"127.0.0.1:4320"}
   */
  readonly admin: ListenAddress;
}

/** What the daemon holds at most, over all sources. */
export interface LimitsConfig {
  /**
   * Bytes of requests being read, of blocked producers and of all buffers together.
   *
   * @default {"256MiB"}
   */
  readonly memory: number;
  /**
   * Bytes of one request's body or one WebSocket message, decompressed; at most `memory`.
   *
   * @default {"8MiB"}
   */
  readonly body: number;
  /**
   * Bytes of one record; at most `body`.
   *
   * @default {"1MiB"}
   */
  readonly record: number;
  /**
   * Number of sources, which come into being when first written to.
   *
   * @default {256}
   */
  readonly sources: number;
  /**
   * Number of producers that may wait at once for room in one source's buffer, and likewise for memory.
   *
   * @default {1024}
   */
  readonly waiting: number;
  /**
   * Milliseconds that a request's body or a WebSocket message may take to arrive; for a streamed body, the longest pause
   * between two pieces.
   *
   * @default {"30s"}
   */
  readonly bodyTimeout: number;
  /**
   * Number of connections to the WebSocket listener.
   *
   * @default {1024}
   */
  readonly connections: number;
}

/** What holds for every WebSocket. */
export interface WebSocketConfig {
  /**
   * Milliseconds from one ping to the next; a client that says nothing between two of them is gone.
   *
   * @default {"30s"}
   */
  readonly keepAlive: number;
  /**
   * Milliseconds that a client may take to send the head of a request, an upgrade's too.
   *
   * @default {"10s"}
   */
  readonly upgradeTimeout: number;
  /**
   * Whether messages may be compressed (permessage-deflate). Sets twice `limits.body` of `limits.memory` aside, because
   * how large a message becomes is known only when it is.
   *
   * @default {false}
   */
  readonly compression: boolean;
  /**
   * Messages that a client of `penstock.v1` may have under way without an acknowledgement; no more than the records of its
   * source's buffer.
   *
   * @default {4096}
   */
  readonly credit: number;
}

/** What holds for the sources whose name matches. */
export interface SourceConfig {
  /** A name, or a pattern in which `*` stands for any number of characters: the key in `sources`. */
  readonly pattern: string;
  /**
   * What the source carries.
   *
   * @default {"events"}
   */
  readonly kind: Kind;
  /**
   * What happens to a record that does not fit. The default is that of the kind: `drop_newest` for metrics,
   * `drop_oldest` for frames, `block` for logs, traces and events.
   */
  readonly policy: PolicyName;
  /**
   * Milliseconds that a producer waits for room under policy `block` before it is rejected. Only there may it be given.
   *
   * @default {"5s"}
   */
  readonly blockTimeout: number;
  /**
   * When the agent is answered. Only `buffered` goes with policy `drop_oldest`.
   *
   * @default {"buffered"}
   */
  readonly ack: AckLevel;
  /**
   * How OTLP requests are kept: as they were received, or all of them as JSON. Only requests in Protobuf are changed.
   *
   * @default {"received"}
   */
  readonly encoding: RequestEncoding;
  /**
   * Names of the sinks that get every record of the source; by default all that are not the dead letter sink of another, in
   * the order of the file.
   */
  readonly sinks: readonly string[];
  readonly buffer: BufferConfig;
  readonly batch: BatchConfig;
}

/** What the buffer of one source holds at most, records in flight to a sink included. */
export interface BufferConfig {
  /**
   * Number of records.
   *
   * @default {10000}
   */
  readonly records: number;
  /**
   * Number of bytes; at most `limits.memory`.
   *
   * @default {"16MiB"}
   */
  readonly bytes: number;
}

/** When a flush of one source starts, and how much it takes. */
export interface BatchConfig {
  /**
   * Number of records; at most `buffer.records`. By default 10 000, but no more than half the buffer's: a flush in flight
   * cannot be evicted, and should leave room.
   */
  readonly records: number;
  /** Number of bytes; at most `buffer.bytes`. By default 1 MiB, but no more than half the buffer's. */
  readonly bytes: number;
  /**
   * Milliseconds after which the oldest record is flushed, however few there are. By default 200 ms, and 0 where agents
   * wait for more than the buffer (`ack`).
   */
  readonly linger: number;
}

/** The flush workers of all sinks together. */
export interface PoolConfig {
  /** Number of flushes at once; at least the number of sinks. By default 4, or the number of sinks where that is more. */
  readonly permits: number;
}

/** How the daemon stops. */
export interface ShutdownConfig {
  /**
   * Milliseconds that the buffers may take to be flushed; 0 for not at all.
   *
   * @default {"10s"}
   */
  readonly deadline: number;
}

/** One thing that is wrong with a config. */
export interface ConfigError {
  /** Where: `sources.metrics-*.buffer.records`. Empty for the config as a whole. */
  readonly path: string;
  /** What: the value, why it is refused and what would be right. */
  readonly message: string;
}

/** A config, or everything that is wrong with it. */
export type ConfigResult =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly errors: readonly ConfigError[] };

/**
 * Validates a config and fills in the defaults.
 *
 * Unknown keys and values of a wrong type or range are found first, all of them at once; where there are none,
 * combinations that are impossible, all of them at once.
 *
 * @param value What the config file holds.
 * @returns The config, or its errors: at least one.
 *
 * @example
 * ```ts
 * import { formatConfigError, parseConfig } from "./config.ts";
 *
 * const result = parseConfig({ limits: { memory: "12 parsecs" } });
 * // limits.memory: "12 parsecs" is not a size: give bytes as an integer or a string such as "64MiB" (units: ...)
 * if (!result.ok) { for (const error of result.errors) formatConfigError(error); }
 * ```
 */
export function parseConfig(value: unknown): ConfigResult {
  const badNames = findBadNames(value);
  const parsed = configSchema.safeParse(value, { reportInput: true });
  if (!parsed.success || badNames.length > 0) {
    return { ok: false, errors: [...badNames, ...(parsed.error?.issues ?? []).flatMap(explainIssue)] };
  }
  const config = resolveConfig(parsed.data);
  const errors = findConflicts(config, parsed.data);
  return errors.length === 0 ? { ok: true, config } : { ok: false, errors };
}

/**
 * Writes an error as one line.
 *
 * @param error The error.
 * @returns `path: message`, or the message alone where the path is empty.
 */
export function formatConfigError({ path, message }: ConfigError): string {
  return path === "" ? message : `${path}: ${message}`;
}
