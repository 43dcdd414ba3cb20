import type { Log } from "./log.ts";
import type { FlushObserver } from "../sinks/pool.ts";

/**
 * Tells the log what goes on with the sinks: once when a sink begins to fail or fails in another way, once when it
 * works again, and every single thing only at level debug.
 *
 * @param log Where it is told.
 * @returns The observer to be given to the pool.
 */
export function flushLog(log: Log): FlushObserver {
  const failing = new Map<string, Failure>();
  const debug = log.writes("debug");
  return {
    permitGranted(sink, seconds) {
      if (!debug) return;
      const outcome = seconds === 0 ? "immediate" : "waited";
      log.debug("permit granted", { sink, outcome, waitedMs: Math.round(seconds * 1000) });
    },
    flushed(sink, seconds, source) {
      const failure = failing.get(sink);
      // Only the sources that it failed for can tell that it works again: it may have worked for others all the time.
      if (failure?.sources.delete(source) && failure.sources.size === 0) {
        failing.delete(sink);
        const forMs = Math.round(performance.now() - failure.since);
        log.info("sink works again", { sink, failures: failure.failures, forMs });
      }
      if (debug) log.debug("flushed", { sink, source, tookMs: Math.round(seconds * 1000) });
    },
    failed(sink, error, retryIn, source) {
      const { kind, message } = error;
      let failure = failing.get(sink);
      if (failure === undefined) {
        failing.set(sink, failure = { kind: "", failures: 0, since: performance.now(), sources: new Set() });
      }
      failure.failures++;
      failure.sources.add(source);
      if (failure.kind !== kind) {
        failure.kind = kind;
        log.warn("sink fails", { sink, source, kind, error: message });
      }
      if (retryIn === undefined) log.error("batch given up", { sink, source, kind, error: message });
      else if (debug) log.debug("retrying", { sink, source, kind, inMs: Math.round(retryIn) });
    },
  };
}

/** A sink that fails. */
interface Failure {
  /** What it failed with last. */
  kind: string;
  failures: number;
  readonly since: number;
  /** The sources that it failed for and has not worked for since. */
  readonly sources: Set<string>;
}

/**
 * Makes one observer of several.
 *
 * @param observers Each is told everything, in this order.
 * @returns The one.
 */
export function observeAll(...observers: readonly FlushObserver[]): FlushObserver {
  return {
    permitGranted(sink, seconds) {
      for (const observer of observers) observer.permitGranted(sink, seconds);
    },
    flushed(sink, seconds, source, amount) {
      for (const observer of observers) observer.flushed(sink, seconds, source, amount);
    },
    failed(sink, error, retryIn, source) {
      for (const observer of observers) observer.failed(sink, error, retryIn, source);
    },
  };
}
