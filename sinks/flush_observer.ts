import type { Amount } from "../collector/batch.ts";
import type { BreakerState } from "./circuit_breaker.ts";
import type { SinkError } from "./sink.ts";

/** Is told what flushes do: a few times per flush, never per record. */
export interface FlushObserver {
  /** A permit was granted, after so many seconds; 0 when at once. */
  permitGranted(sink: string, seconds: number): void;
  /** A sink took a batch of a source, of that amount, in so many seconds. */
  flushed(sink: string, seconds: number, source: string, amount: Amount): void;
  /** An attempt to write a batch of a source failed, or is over its time. */
  failed(sink: string, error: SinkError, source: string): void;
  /** That batch is tried again after a pause of so many milliseconds. */
  retrying(sink: string, error: SinkError, pause: number, source: string): void;
  /** That batch is not tried again. It goes to the dead letter sink where there is one, and is lost to this one otherwise. */
  givenUp(sink: string, error: SinkError, source: string, deadLetter: string | undefined): void;
  /** A sink's circuit breaker has changed. */
  breakerChanged(sink: string, to: BreakerState, from: BreakerState): void;
}
