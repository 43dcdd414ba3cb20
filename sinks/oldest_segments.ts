import type { StoredSegment } from "./segment_scan.ts";

/** Keeps those segments that were begun first, of however many there are. */
export class OldestSegments {
  readonly #limit: number;
  #kept: StoredSegment[] = [];
  #more = false;

  /** @param limit How many it keeps at most. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether there were more than it keeps. */
  get more(): boolean {
    return this.#more;
  }

  /**
   * Looks at a segment.
   *
   * @param segment The segment.
   */
  add(segment: StoredSegment): void {
    this.#kept.push(segment);
    if (this.#kept.length >= 2 * this.#limit) this.#cut();
  }

  /** Those that were begun first, in this order. */
  sorted(): readonly StoredSegment[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept.sort(bySeniority);
    this.#more ||= this.#kept.length > this.#limit;
    this.#kept = this.#kept.slice(0, this.#limit);
  }
}

/**
 * Orders segments by when they were begun.
 *
 * @param a One segment.
 * @param b Another one.
 * @returns Less than 0 if the first is older.
 */
export function bySeniority(a: StoredSegment, b: StoredSegment): number {
  return a.begun - b.begun || compare(a.original, b.original) || compare(a.path, b.path);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
