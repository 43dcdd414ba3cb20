import type { SegmentDamage } from "./segment_observer.ts";
import type { SinkFigure } from "./sink_figures.ts";

/** What a file sink counts. */
export class FileFigures {
  /** Syncs of a segment's data that succeeded. */
  syncs = 0;
  /** Syncs that failed, of a segment's data or name. */
  syncErrors = 0;
  /** Segments that have got their names. */
  finished = 0;
  /** Segments that an earlier process has left unfinished. */
  recovered = 0;
  /** Bytes that were cut off from those. */
  recoveredCut = 0;
  readonly #damaged: Record<SegmentDamage, number> = { removed: 0, moved: 0, truncated: 0, extended: 0 };

  /**
   * Counts a segment that somebody else has changed.
   *
   * @param damage What they did to it.
   */
  damaged(damage: SegmentDamage): void {
    this.#damaged[damage]++;
  }

  /** The figures, for metrics. */
  *[Symbol.iterator](): Generator<SinkFigure> {
    yield { name: "syncs", value: this.syncs };
    yield { name: "sync_errors", value: this.syncErrors };
    yield { name: "segments_finished", value: this.finished };
    yield { name: "segments_recovered", value: this.recovered };
    yield { name: "recovery_cut_bytes", value: this.recoveredCut };
    for (const [cause, value] of Object.entries(this.#damaged)) {
      yield { name: "segments_damaged", value, labels: { cause } };
    }
  }
}
