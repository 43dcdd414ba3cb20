import type { BatchObservableResult, Histogram, Meter } from "@opentelemetry/api";
import { BOUNDARIES, type HistogramKey, HISTOGRAMS } from "./histograms.ts";
import { ALL_FAMILIES } from "./metric_families.ts";
import { type Observed, readSamples } from "./metric_samples.ts";
import type { SinkLedger } from "./sink_ledger.ts";

/** How the counters and gauges of one meter are told, and how to stop that. */
export interface Registration {
  /** Lets go of the meter and of everything observed. */
  unregister(): void;
}

/**
 * Makes the counters and gauges on a meter, which are read when somebody collects.
 *
 * @param meter Where they are made.
 * @param observed Says what to read; nothing where there is nothing yet.
 * @param failures What sinks failed at.
 * @returns The registration.
 */
export function registerObservables(
  meter: Meter,
  observed: () => Observed | undefined,
  failures: SinkLedger,
): Registration {
  const observables = new Map(ALL_FAMILIES.map((family) => {
    const { type, name, description } = family;
    return [
      family,
      type === "gauge"
        ? meter.createObservableGauge(name, { description })
        : meter.createObservableCounter(name, { description }),
    ];
  }));
  // One callback for all of them, so that a collection sees one moment.
  const observe = (result: BatchObservableResult) => {
    const what = observed();
    if (what === undefined) return;
    readSamples(what, failures, (family, value, labels) => {
      result.observe(observables.get(family)!, value, labels);
    });
  };
  const all = [...observables.values()];
  meter.addBatchObservableCallback(observe, all);
  return { unregister: () => meter.removeBatchObservableCallback(observe, all) };
}

/**
 * Makes the histograms on a meter. They are recorded once per flush or blocked batch, never per record.
 *
 * @param meter Where they are made.
 * @returns The histograms.
 */
export function createHistograms(meter: Meter): Readonly<Record<HistogramKey, Histogram>> {
  const create = (key: HistogramKey) => {
    const { name, description } = HISTOGRAMS[key];
    return meter.createHistogram(name, {
      description,
      advice: { explicitBucketBoundaries: [...BOUNDARIES] },
    });
  };
  return {
    blockDuration: create("blockDuration"),
    poolWait: create("poolWait"),
    sinkFlush: create("sinkFlush"),
  };
}
