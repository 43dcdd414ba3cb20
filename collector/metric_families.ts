import { SINK_FIGURES, type SinkFigureName } from "../sinks/sink_figures.ts";

/** A metric with one number for each set of labels. */
export interface MetricFamily {
  readonly type: "counter" | "gauge";
  readonly name: string;
  /** What the number is, in a sentence. */
  readonly description: string;
}

/** A metric in records and the same in bytes. */
export interface AmountFamily {
  readonly records: MetricFamily;
  readonly bytes: MetricFamily;
}

function counter(name: string, description: string): MetricFamily {
  return { type: "counter", name: `penstock_${name}_total`, description };
}

function gauge(name: string, description: string): MetricFamily {
  return { type: "gauge", name: `penstock_${name}`, description };
}

function counters(verb: string, meaning: string): AmountFamily {
  return {
    records: counter(`records_${verb}`, `Records ${meaning}`),
    bytes: counter(`bytes_${verb}`, `Bytes of records ${meaning}`),
  };
}

/** The counters and gauges, by what they are called here. */
export const FAMILIES = {
  received: counters("received", "offered to a source, whatever became of them."),
  rejected: counters("rejected", "sent back to the agent, with nothing of their batch kept."),
  dropped: counters("dropped", "lost, before they were admitted or after."),
  delivered: counters("delivered", "that a sink has taken."),
  deadLettered: counters("dead_lettered", "that a sink has given up and its dead letter sink has."),
  refused: counter(
    "requests_refused",
    "Requests refused before their records could be counted.",
  ),
  overlooked: counter(
    "requests_overlooked",
    "OTLP requests that are no error and of which nothing, or not everything, becomes records.",
  ),
  buffer: {
    records: gauge("buffer_records", "Records in the buffer, those in flight to a sink included."),
    bytes: gauge("buffer_bytes", "Bytes of records in the buffer, those in flight included."),
  },
  capacity: {
    records: gauge("buffer_capacity_records", "The most records that the buffer holds."),
    bytes: gauge("buffer_capacity_bytes", "The most bytes of records that the buffer holds."),
  },
  blocked: gauge("producers_blocked", "Producers that wait for room in the buffer."),
  memory: gauge("memory_bytes", "Bytes of the memory budget that are reserved."),
  memoryLimit: gauge("memory_limit_bytes", "The most bytes that are reserved at once."),
  websockets: gauge("websocket_connections", "WebSockets that are open."),
  websocketsPaused: gauge(
    "websocket_connections_paused",
    "WebSockets that are not read, because there is no room for their messages.",
  ),
  websocketsClosed: counter("websocket_closed", "WebSockets closed, by either side."),
  permits: gauge("pool_permits", "The most attempts to flush that are under way at once."),
  permitsInUse: gauge("pool_permits_in_use", "Attempts to flush that are under way."),
  acquisitions: counter("pool_acquisitions", "Permits granted, at once or after a wait."),
  sinkErrors: counter("sink_errors", "Attempts to write to a sink that failed."),
  sinkRetries: counter("sink_retries", "Failed attempts that were to be repeated."),
};

/** Those of what sinks tell of themselves. */
export const FIGURE_FAMILIES: ReadonlyMap<SinkFigureName, MetricFamily> = new Map(
  (Object.keys(SINK_FIGURES) as SinkFigureName[]).map((name) => {
    const { type, description } = SINK_FIGURES[name];
    return [name, (type === "gauge" ? gauge : counter)(`sink_${name}`, description)];
  }),
);

/** All of them, in the order in which they are told. */
export const ALL_FAMILIES: readonly MetricFamily[] = [
  ...Object.values(FAMILIES).flatMap((family) =>
    "records" in family ? [family.records, family.bytes] : [family]
  ),
  ...FIGURE_FAMILIES.values(),
];
