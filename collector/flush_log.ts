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
  const failing = new Map<string, { kind: string; failures: number; since: number }>();
  const debug = log.writes("debug");
  return {
    permitGranted(sink, seconds) {
      if (!debug) return;
      const outcome = seconds === 0 ? "immediate" : "waited";
      log.debug("permit granted", { sink, outcome, waitedMs: Math.round(seconds * 1000) });
    },
    flushed(sink, seconds) {
      const failure = failing.get(sink);
      if (failure !== undefined) {
        failing.delete(sink);
        const forMs = Math.round(performance.now() - failure.since);
        log.info("sink works again", { sink, failures: failure.failures, forMs });
      }
      if (debug) log.debug("flushed", { sink, tookMs: Math.round(seconds * 1000) });
    },
    failed(sink, error, retryIn) {
      const { kind, message } = error;
      const failure = failing.get(sink) ?? { kind: "", failures: 0, since: performance.now() };
      failing.set(sink, failure);
      failure.failures++;
      if (failure.kind !== kind) {
        failure.kind = kind;
        log.warn("sink fails", { sink, kind, error: message });
      }
      if (retryIn === undefined) log.error("batch given up", { sink, kind, error: message });
      else if (debug) log.debug("retrying", { sink, kind, inMs: Math.round(retryIn) });
    },
  };
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
    flushed(sink, seconds) {
      for (const observer of observers) observer.flushed(sink, seconds);
    },
    failed(sink, error, retryIn) {
      for (const observer of observers) observer.failed(sink, error, retryIn);
    },
  };
}
