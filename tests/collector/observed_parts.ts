import { MemoryBudget } from "../../collector/memory_budget.ts";
import type { Source } from "../../collector/source.ts";
import { Telemetry } from "../../collector/telemetry.ts";
import { FileFigures } from "../../sinks/file_figures.ts";
import { HttpSink } from "../../sinks/http.ts";
import { Semaphore } from "../../sinks/semaphore.ts";
import type { SinkFigure } from "../../sinks/sink_figures.ts";
import { makeSource, type TestSourceOptions } from "./sources.ts";

function* figures(sink: string): Generator<SinkFigure> {
  if (sink !== "disk") return;
  yield { name: "open_files", value: 3 };
  yield* new FileFigures();
  yield* new HttpSink({}).figures();
}

/** The parts of a daemon that are observed, without sockets and without flushers. */
export class Parts {
  readonly budget = new MemoryBudget({ limit: 1_000_000 });
  readonly pool = {
    semaphore: new Semaphore({ permits: 4, lanes: ["disk", "console"] }),
    figures,
    condition: () => ({ inProgress: 2, waiting: 1, overdue: 0 }),
  };
  readonly sinks = [{ name: "disk", type: "file" }, { name: "console", type: "stdout" }];
  readonly websocket = {
    figures: { open: 2, paused: 1, limit: 9, closed: new Map([["1000", 3], ["other", 0]]) },
  };
  readonly registry: { readonly all: Source[] } = { all: [] };

  /** Makes a source with a buffer of 3 records and 100 bytes, of which a flush takes 2 records. */
  add(options: TestSourceOptions & { readonly name: string }): Source {
    const source = makeSource({
      memory: this.budget.account(),
      policy: "block",
      sinks: ["disk", "console"],
      buffer: { records: 3, bytes: 100 },
      batch: { records: 2, bytes: 50, linger: 1 << 30 },
      ...options,
    });
    this.registry.all.push(source);
    return source;
  }
}

/** Telemetry that observes parts. */
export function observe(parts: Parts): Telemetry {
  const telemetry = new Telemetry();
  telemetry.observe(parts);
  return telemetry;
}

/** Has every sink of a source take one batch, as a flusher would. */
export function flush(source: Source): void {
  const batch = source.take(source.batch);
  if (batch === undefined) throw new Error("Cannot flush: nothing is buffered");
  const amount = { records: batch.ends.length, bytes: batch.data.length };
  for (const sink of source.sinks) source.deliveredTo(sink, amount);
  source.commit();
}
