import { normalize } from "node:path";
import type { Config, ConfigError, SinkConfig, SourceConfig } from "./config.ts";
import { type Conflicts, error, told } from "./config_conflict.ts";
import { deliveryConflicts } from "./delivery_rules.ts";
import type { GivenConfig, GivenSink, GivenSource } from "./config_schema.ts";
import { httpSinkConflicts } from "./http_sink_rules.ts";
import { formatListenAddress, overlaps } from "./listen_address.ts";
import { blockSize } from "./memory.ts";
import { formatBytes, formatDuration } from "./quantity.ts";
import { quote } from "./quote.ts";

/**
 * Finds values that are right by themselves and impossible together.
 *
 * @param config The config with its defaults.
 * @param given The config as it was given, which tells what is a default.
 * @returns One error for each; none when the config can be run.
 */
export function findConflicts(config: Config, given: GivenConfig): ConfigError[] {
  return [
    ...listenConflicts(config),
    ...limitConflicts(config, given),
    ...config.sources.flatMap((source) => [
      ...sourceConflicts(source, given.sources?.[source.pattern] ?? {}, config),
    ]),
    ...sinkConflicts(config, given),
    ...deliveryConflicts(config, given),
  ];
}

function* listenConflicts({ listen }: Config): Conflicts {
  const keys = ["http", "websocket", "admin"] as const;
  for (const [index, key] of keys.entries()) {
    const owner = keys.slice(0, index).find((earlier) => overlaps(listen[earlier], listen[key]));
    if (owner === undefined) continue;
    yield error(
      ["listen", key],
      `"${formatListenAddress(listen[key])}" is taken by listen.${owner}, ` +
        `"${formatListenAddress(listen[owner])}": give it another port, or 0 to let the system choose`,
    );
  }
}

/** How much memory converting a request to JSON takes beside it, as a multiple of it; without loading what does that. */
export const CONVERSION_GROWTH = 6;

function* limitConflicts({ limits, websocket, sources, sinks }: Config, given: GivenConfig): Conflicts {
  const { memory, body, record } = limits;
  if (record > body) {
    yield error(
      ["limits", "record"],
      `${told(formatBytes(record), given.limits?.record)} is more than limits.body, ` +
        `${told(formatBytes(body), given.limits?.body)}: such a record could not arrive; ` +
        "lower limits.record or raise limits.body",
    );
  }
  // Compressed and not, or read and squeezed: the two forms of a body are in memory at once, in blocks.
  const needed = 2 * blockSize(body + 1);
  if (needed > memory) {
    yield error(
      ["limits", "body"],
      `${told(formatBytes(body), given.limits?.body)} is too much for limits.memory, ` +
        `${told(formatBytes(memory), given.limits?.memory)}, which bodies are taken out of twice: ` +
        `lower limits.body or raise limits.memory to ${formatBytes(needed)}`,
    );
  }
  if (websocket.compression && 2 * needed > memory) {
    yield error(
      ["websocket", "compression"],
      `true sets ${formatBytes(needed)} of limits.memory aside, ` +
        `${told(formatBytes(memory), given.limits?.memory)}, and leaves too little: ` +
        `lower limits.body or raise limits.memory to ${formatBytes(2 * needed)}`,
    );
  }
  if (sources.length === 0) {
    yield error(["sources"], '{} names no source: give at least one, such as "*": {} for every name');
  }
  if (sinks.length === 0) {
    yield error(["sinks"], '{} names no sink: give at least one, such as "console": { "type": "stdout" }');
  }
}

function* sourceConflicts(source: SourceConfig, given: GivenSource, config: Config): Conflicts {
  const { pattern, kind, policy, blockTimeout, ack, buffer, batch } = source;
  const at = (...keys: PropertyKey[]) => ["sources", pattern, ...keys];
  if (given.blockTimeout !== undefined && policy !== "block") {
    yield error(
      at("blockTimeout"),
      `${formatDuration(blockTimeout)} has no effect, as the policy is ${policy}` +
        (given.policy === undefined ? ` (the default of kind ${kind})` : "") +
        ': leave it out or set policy to "block"',
    );
  }
  if (ack !== "buffered" && policy === "drop_oldest") {
    yield error(
      at("ack"),
      `"${ack}" is impossible under policy drop_oldest` +
        (given.policy === undefined ? ` (the default of kind ${kind})` : "") +
        ', where a record may be evicted and then cannot be acknowledged: set ack to "buffered" or choose another policy',
    );
  }
  yield* sinkListConflicts(source, given, config.sinks);
  const { memory, body } = config.limits;
  const converting = blockSize(body + 1) + CONVERSION_GROWTH * body;
  if (source.encoding === "json" && converting > memory) {
    yield error(
      at("encoding"),
      `"json" takes ${1 + CONVERSION_GROWTH} times limits.body, ${
        formatBytes(body)
      }, out of limits.memory, ` +
        `${formatBytes(memory)}, for a request in Protobuf: ` +
        `lower limits.body or raise limits.memory to ${formatBytes(converting)}`,
    );
  }
  if (buffer.bytes > config.limits.memory) {
    yield error(
      at("buffer", "bytes"),
      `${told(formatBytes(buffer.bytes), given.buffer?.bytes)} is more than limits.memory, ` +
        `${formatBytes(config.limits.memory)}, which buffers are taken out of: ` +
        "lower buffer.bytes or raise limits.memory",
    );
  }
  if (batch.records > buffer.records) {
    yield error(
      at("batch", "records"),
      `${batch.records} is more than buffer.records, ${told(`${buffer.records}`, given.buffer?.records)}, ` +
        "so that no batch would ever be full: lower batch.records or raise buffer.records",
    );
  }
  if (batch.bytes > buffer.bytes) {
    yield error(
      at("batch", "bytes"),
      `${formatBytes(batch.bytes)} is more than buffer.bytes, ` +
        `${told(formatBytes(buffer.bytes), given.buffer?.bytes)}, ` +
        "so that no batch would ever be full: lower batch.bytes or raise buffer.bytes",
    );
  }
}

function* sinkListConflicts(
  source: SourceConfig,
  given: GivenSource,
  sinks: readonly SinkConfig[],
): Conflicts {
  const names = sinks.map(({ name }) => name);
  const available = names.length === 0 ? "there is none" : `the sinks are ${names.map(quote).join(", ")}`;
  const { pattern, sinks: used } = source;
  if (given.sinks?.length === 0) {
    yield error(
      ["sources", pattern, "sinks"],
      `[] names no sink: leave it out for all sinks, or name some; ${available}`,
    );
  }
  for (const [index, name] of used.entries()) {
    const path = ["sources", pattern, "sinks", index];
    if (!names.includes(name)) yield error(path, `${quote(name)} is not the name of a sink: ${available}`);
    else if (used.indexOf(name) < index) {
      yield error(path, `${quote(name)} is named twice: name each sink once`);
    }
  }
}

function* sinkConflicts({ listen, sinks, pool }: Config, given: GivenConfig): Conflicts {
  const directories = new Map<string, string>();
  let stdout: string | undefined;
  for (const sink of sinks) {
    if (sink.type === "stdout") {
      if (stdout !== undefined) {
        yield error(
          ["sinks", sink.name, "type"],
          `"stdout" is the type of sink ${
            quote(stdout)
          } already, and there is one standard output: leave one out`,
        );
      }
      stdout ??= sink.name;
      continue;
    }
    if (sink.type === "http") {
      yield* httpSinkConflicts(sink, listen);
      continue;
    }
    const { sync, syncInterval, maxBytes: givenBytes } = given.sinks?.[sink.name] as Extract<
      GivenSink,
      { type: "file" }
    >;
    if (syncInterval !== undefined && sink.sync !== "interval") {
      yield error(
        ["sinks", sink.name, "syncInterval"],
        `${formatDuration(syncInterval)} has no effect, as sync is ${told(quote(sink.sync), sync)}: ` +
          'leave it out or set sync to "interval"',
      );
    }
    const { maxBytes, retain } = sink;
    if (retain.bytes < maxBytes) {
      yield error(
        ["sinks", sink.name, "retain", "bytes"],
        `${formatBytes(retain.bytes)} is less than maxBytes, ${told(formatBytes(maxBytes), givenBytes)}, ` +
          "so that a full file would be deleted as soon as it is finished: raise retain.bytes or lower maxBytes",
      );
    }
    const directory = normalize(sink.directory).replace(/(?<=.)\/+$/, "");
    const owner = directories.get(directory);
    if (owner !== undefined) {
      yield error(
        ["sinks", sink.name, "directory"],
        `${quote(sink.directory)} is the directory of sink ${
          quote(owner)
        } already: give each file sink its own`,
      );
    } else directories.set(directory, sink.name);
  }
  if (pool.permits < sinks.length) {
    yield error(
      ["pool", "permits"],
      `${pool.permits} is less than the number of sinks, ${sinks.length}: a permit is kept free for each sink, so that ` +
        `one that stalls cannot starve the others; give at least ${sinks.length} or leave it out`,
    );
  }
}
