import type { Log } from "./log.ts";
import type { FlushObserver } from "../sinks/flush_observer.ts";
import { SinkTroubles } from "./sink_troubles.ts";

/**
 * Tells the log what goes on with the sinks: once when something changes, and every single thing only at level debug.
 *
 * A change is that a sink begins to fail, or to fail in another way; that it works again for all whom it failed; that
 * batches of a source begin to be given up, or for another reason; that the sink takes its batches again; that a circuit
 * breaker opens, and that it closes.
 *
 * @param log Where it is told.
 * @returns The observer to be given to the pool.
 */
export function flushLog(log: Log): FlushObserver {
  const troubles = new SinkTroubles();
  const openSince = new Map<string, number>();
  const debug = log.writes("debug");
  return {
    permitGranted(sink, seconds) {
      if (!debug) return;
      const outcome = seconds === 0 ? "immediate" : "waited";
      log.debug("permit granted", { sink, outcome, waitedMs: Math.round(seconds * 1000) });
    },
    flushed(sink, seconds, source) {
      const { works, takes } = troubles.flushed(sink, source);
      if (takes) log.info("batches are taken again", { sink, source, ...takes });
      if (works) log.info("sink works again", { sink, ...works });
      if (debug) log.debug("flushed", { sink, source, tookMs: Math.round(seconds * 1000) });
    },
    failed(sink, error, source) {
      const { kind, message } = error;
      if (troubles.failed(sink, source, error)) {
        log.warn("sink fails", { sink, source, kind, error: message });
      } else if (debug) log.debug("attempt failed", { sink, source, kind, error: message });
    },
    retrying(sink, { kind }, pause, source) {
      if (debug) log.debug("retrying", { sink, source, kind, inMs: Math.round(pause) });
    },
    givenUp(sink, { kind, message }, source, deadLetter) {
      if (troubles.givenUp(sink, source, kind)) {
        if (deadLetter === undefined) {
          log.error("batches are given up and lost", { sink, source, kind, error: message });
        } else log.warn("batches are given up", { sink, source, kind, error: message, deadLetter });
      } else if (debug) log.debug("batch given up", { sink, source, kind, error: message });
    },
    breakerChanged(sink, to) {
      if (to === "closed") {
        const forMs = Math.round(performance.now() - (openSince.get(sink) ?? performance.now()));
        openSince.delete(sink);
        log.info("circuit breaker closed", { sink, forMs });
      } else if (!openSince.has(sink)) {
        openSince.set(sink, performance.now());
        log.warn("circuit breaker opened", { sink });
      } else if (debug) { // a probe, or one that failed
        log.debug("circuit breaker changed", { sink, state: to });
      }
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
    flushed(sink, seconds, source, amount) {
      for (const observer of observers) observer.flushed(sink, seconds, source, amount);
    },
    failed(sink, error, source) {
      for (const observer of observers) observer.failed(sink, error, source);
    },
    retrying(sink, error, pause, source) {
      for (const observer of observers) observer.retrying(sink, error, pause, source);
    },
    givenUp(sink, error, source, deadLetter) {
      for (const observer of observers) observer.givenUp(sink, error, source, deadLetter);
    },
    breakerChanged(sink, to, from) {
      for (const observer of observers) observer.breakerChanged(sink, to, from);
    },
  };
}
