import type { SinkConfig } from "./config.ts";
import type { Log } from "./log.ts";
import { resolveHeaders } from "./sink_headers.ts";
import { FileSink } from "../sinks/file.ts";
import type { Sink } from "../sinks/sink.ts";
import { StdoutSink } from "../sinks/stdout.ts";

/** A source has a segment for each format that it gets, which is one nearly always. */
const SEGMENTS_PER_SOURCE = 2;
/** Where there are few sources, each may have one for every format and signal. */
const FEWEST_OPEN_FILES = 512;

/**
 * Makes the sink that a config describes.
 *
 * @param config The part of the config.
 * @param log Where it tells what it does.
 * @param sources How many sources it may be for.
 * @returns The sink, which was not opened yet.
 */
export async function createSink(config: SinkConfig, log: Log, sources: number): Promise<Sink> {
  switch (config.type) {
    case "file":
      return new FileSink({
        ...config,
        maxOpenFiles: Math.max(FEWEST_OPEN_FILES, SEGMENTS_PER_SOURCE * sources),
        tell: (level, message, fields) => log[level](message, { sink: config.name, ...fields }),
      });
    case "stdout":
      return new StdoutSink(config);
    case "http": {
      const { name: sink } = config;
      // Loaded only where there is one: what it needs of OTLP takes several megabytes.
      const { HttpSink } = await import("../sinks/http.ts");
      return new HttpSink({
        ...config,
        ...resolveHeaders(config, (name) => Deno.env.get(name)),
        onLoss: (source, loss) => log.warn("upstream loses records", { sink, source, ...loss }),
      });
    }
  }
}
