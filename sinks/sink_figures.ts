/** What each figure is and says. Its metric is `penstock_sink_{name}`, with `_total` where it is a counter. */
export const SINK_FIGURES = {
  flushes_in_progress: {
    type: "gauge",
    description: "Flushes to the sink that are under way, those that wait for a permit included.",
  },
  flushes_waiting: {
    type: "gauge",
    description: "Flushes that wait for the sink: for its circuit breaker, or for one of those under way.",
  },
  flushes_overdue: {
    type: "gauge",
    description: "Attempts that are over their timeout and have not come to rest.",
  },
  breaker_state: {
    type: "gauge",
    description: "1 for the state that the sink's circuit breaker is in, 0 for the others.",
  },
  breaker_opened: { type: "counter", description: "How often the sink's circuit breaker has opened." },
  open_files: { type: "gauge", description: "Files that the sink has open." },
  full_files: {
    type: "gauge",
    description: "Files of those that are full, and wait to be synced and named.",
  },
  syncs: { type: "counter", description: "Syncs of a segment's data." },
  sync_errors: { type: "counter", description: "Syncs that failed, of a segment's data or name." },
  segments_finished: { type: "counter", description: "Segments that were synced and have got their names." },
  segments_recovered: { type: "counter", description: "Segments that an earlier process has left open." },
  recovery_cut_bytes: { type: "counter", description: "Bytes of torn records that were cut off from those." },
  segments_damaged: { type: "counter", description: "Open segments that somebody else has changed." },
  stored_files: { type: "gauge", description: "Finished segments that are on the disk." },
  stored_bytes: { type: "gauge", description: "Bytes of finished segments that are on the disk." },
  deleted_files: { type: "counter", description: "Finished segments that retention has deleted." },
  deleted_bytes: { type: "counter", description: "Bytes of finished segments that retention has deleted." },
  retention_failures: {
    type: "counter",
    description: "Looks at what is stored, and deletions, that failed.",
  },
  compression_waiting_files: { type: "gauge", description: "Finished segments that are to be compressed." },
  compressed_files: { type: "counter", description: "Segments that were compressed." },
  compression_input_bytes: { type: "counter", description: "Bytes of segments before they were compressed." },
  compression_output_bytes: { type: "counter", description: "Bytes of segments after they were compressed." },
  compression_failures: { type: "counter", description: "Attempts to compress a segment that failed." },
  disk_free_bytes: { type: "gauge", description: "Bytes of the disk that were free at the last look." },
  requests: { type: "counter", description: "Requests that the sink has sent, failed ones too." },
  sent_bytes: {
    type: "counter",
    description: "Bytes of the bodies of these requests, compressed where they were.",
  },
  upstream_lost_records: {
    type: "counter",
    description: "Records that the other side took and then lost, by its own account.",
  },
} as const satisfies Record<
  string,
  { readonly type: "counter" | "gauge"; readonly description: string }
>;

/** Name of a figure. */
export type SinkFigureName = keyof typeof SINK_FIGURES;

/** A number that a sink tells of itself. A counter only ever grows. */
export interface SinkFigure {
  readonly name: SinkFigureName;
  readonly value: number;
  /** What it is told apart by from others of its name, beside the sink. Few values, known beforehand. */
  readonly labels?: Readonly<Record<string, string>>;
}
