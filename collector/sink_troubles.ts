/** What is over, as the fields of a line in the log. */
interface Over {
  /** For how long it lasted, in milliseconds. */
  readonly forMs: number;
}

/** What a batch that was taken has put an end to. */
export interface Recovery {
  /** The sink works again for everybody whom it had failed for. */
  readonly works?: Over & { readonly failures: number };
  /** The sink takes batches of the source again, after so many had been given up. */
  readonly takes?: Over & { readonly givenUp: number };
}

/** One source that a sink failed for and has taken nothing of since. */
interface TroubledSource {
  /** Whether a batch of it waits to be tried again. */
  waiting: boolean;
  /** Why batches of it were given up, so far as that was told. */
  readonly reasons: Set<string>;
  givenUp: number;
  since: number;
}

/** One sink that fails, or did and has not been heard of since. */
interface TroubledSink {
  /** In which ways it fails, so far as that was told; none if it works for everybody but those whose batches are given up. */
  readonly kinds: Set<string>;
  failures: number;
  since: number;
  readonly sources: Map<string, TroubledSource>;
}

const NOTHING: Recovery = {};

/**
 * Tells what is new in what goes wrong with the sinks from what goes on as before, so that a log can say each thing once.
 *
 * A sink may fail for one source and work for the others all the time: so it works again only when it does for everybody
 * who waits for it. Whose batches it refuses does not wait; each of these sources has a state of its own, which ends when
 * the sink takes a batch of it.
 */
export class SinkTroubles {
  readonly #sinks = new Map<string, TroubledSink>();

  /**
   * Takes note of a failed attempt.
   *
   * @param sink Name of the sink.
   * @param source Name of the source.
   * @param error In which way it failed.
   * @returns Whether that is new.
   */
  failed(sink: string, source: string, { kind }: { readonly kind: string }): boolean {
    const troubled = this.#at(sink);
    const { kinds, sources } = troubled;
    const of = at(sources, source);
    of.waiting = true;
    if (of.reasons.has(kind)) return false; // told as the reason why batches of it are given up
    if (kinds.size === 0) {
      troubled.since = performance.now();
      troubled.failures = 0;
    }
    troubled.failures++;
    if (kinds.has(kind)) return false;
    kinds.add(kind);
    return true;
  }

  /**
   * Takes note that a batch was given up.
   *
   * @param sink Name of the sink.
   * @param source Name of the source.
   * @param kind In which way the sink failed last.
   * @returns Whether it is new that batches of that source are given up for that reason.
   */
  givenUp(sink: string, source: string, kind: string): boolean {
    const of = at(this.#at(sink).sources, source);
    of.waiting = false;
    of.givenUp++;
    if (of.reasons.has(kind)) return false;
    if (of.reasons.size === 0) of.since = performance.now();
    of.reasons.add(kind);
    return true;
  }

  /**
   * Takes note that a batch was taken.
   *
   * @param sink Name of the sink.
   * @param source Name of the source.
   * @returns What that has put an end to.
   */
  flushed(sink: string, source: string): Recovery {
    const troubled = this.#sinks.get(sink);
    if (troubled === undefined) return NOTHING;
    const { kinds, sources, failures, since } = troubled;
    const of = sources.get(source);
    sources.delete(source);
    if (sources.size === 0) this.#sinks.delete(sink);
    const takes = of !== undefined && of.givenUp > 0
      ? { givenUp: of.givenUp, forMs: Math.round(performance.now() - of.since) }
      : undefined;
    let works: Recovery["works"];
    if (kinds.size > 0 && !anybodyWaits(sources)) {
      kinds.clear();
      works = { failures, forMs: Math.round(performance.now() - since) };
    }
    return { ...(works && { works }), ...(takes && { takes }) };
  }

  #at(sink: string): TroubledSink {
    let troubled = this.#sinks.get(sink);
    if (troubled === undefined) {
      troubled = { kinds: new Set(), failures: 0, since: 0, sources: new Map() };
      this.#sinks.set(sink, troubled);
    }
    return troubled;
  }
}

function at(sources: Map<string, TroubledSource>, source: string): TroubledSource {
  let of = sources.get(source);
  if (of === undefined) {
    of = { waiting: false, reasons: new Set(), givenUp: 0, since: 0 };
    sources.set(source, of);
  }
  return of;
}

function anybodyWaits(sources: ReadonlyMap<string, TroubledSource>): boolean {
  for (const { waiting } of sources.values()) if (waiting) return true;
  return false;
}
