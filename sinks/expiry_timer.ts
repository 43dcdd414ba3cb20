import type { FileSeries } from "./file_series.ts";
import { toSinkError } from "./io_error.ts";
import type { SinkError } from "./sink.ts";

/** Longest time that a timer of the runtime takes, in milliseconds. */
const MAX_DELAY = 2 ** 31 - 1;

/** Pause before a segment that could not be finished is tried again, in milliseconds. */
export const RETRY_DELAY = 1_000;

/** What an {@linkcode ExpiryTimer} needs of its sink. */
export interface ExpiryTimerOptions {
  /** The clock that segments are aged by, in milliseconds. */
  now(): number;
  /** All series with open segments. */
  series(): Iterable<FileSeries>;
  /** Finishes the segments of a series that are too old. */
  settle(series: FileSeries): Promise<void>;
  /** Is told when a segment could not be finished in another way than before. */
  onFailure(error: SinkError): void;
}

/**
 * Finishes segments that are too old when nothing is written to them. Those that are written to finish by themselves.
 */
export class ExpiryTimer {
  readonly #options: ExpiryTimerOptions;
  /** Series that are being settled. One may wait for a write that a disk has stalled; the others do not wait for it. */
  readonly #settling = new Set<FileSeries>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer goes off. */
  #next = Infinity;
  #failure: string | undefined;
  #stopped = false;

  /** @param options What it needs of its sink. */
  constructor(options: ExpiryTimerOptions) {
    this.#options = options;
  }

  /**
   * Sees to it that series are looked at then.
   *
   * @param time When, on the sink's clock.
   */
  expect(time: number): void {
    if (this.#stopped || time >= this.#next) return;
    clearTimeout(this.#timer);
    this.#next = time;
    const delay = Math.min(Math.max(0, time - this.#options.now()), MAX_DELAY);
    this.#timer = setTimeout(() => this.#look(), delay);
  }

  /** Looks at nothing any more. What is being settled goes on. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #look(): void {
    this.#next = Infinity;
    const now = this.#options.now();
    for (const series of this.#options.series()) {
      if (this.#settling.has(series)) continue;
      if (series.expiry > now) this.expect(series.expiry);
      else void this.#settle(series);
    }
  }

  async #settle(series: FileSeries): Promise<void> {
    this.#settling.add(series);
    try {
      await this.#options.settle(series);
      this.#failure = undefined;
      if (series.expiry < Infinity) this.expect(series.expiry);
    } catch (error) {
      const failure = toSinkError(error, "Cannot finish a segment");
      if (failure.kind !== this.#failure) this.#options.onFailure(failure);
      this.#failure = failure.kind;
      this.expect(this.#options.now() + RETRY_DELAY);
    } finally {
      this.#settling.delete(series);
    }
  }
}
