import type { StoredSegment } from "./segment_scan.ts";

/**
 * Segments that get their names while somebody looks at what is stored, and may be seen by that look or not. So that none
 * counts twice or never, a look passes over all that may be, and those that were finished meanwhile are added to what it saw.
 */
export class Newcomers {
  /** Paths of segments that are about to get their names, or have them and are not told of yet. */
  readonly #paths = new Set<string>();
  /** Those that were among them at any time since the look under way began. */
  #passedOver: Set<string> | undefined;
  /** Those that were finished since then. */
  #finished: StoredSegment[] = [];

  /**
   * Is told that a segment is about to get its name; more than once, where that fails.
   *
   * @param path Where it will be.
   */
  naming(path: string): void {
    this.#paths.add(path);
    this.#passedOver?.add(path);
  }

  /**
   * Is told that a segment does not get its name after all.
   *
   * @param path Where it would have been.
   */
  notNamed(path: string): void {
    this.#paths.delete(path);
  }

  /**
   * Says whether a segment is about to get its name, or has it and is not told of yet.
   *
   * @param path Where it will be, or is.
   * @returns Whether it is.
   */
  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /**
   * Is told that a segment has its name.
   *
   * @param segment The segment.
   */
  finished(segment: StoredSegment): void {
    this.#paths.delete(segment.path);
    if (this.#passedOver !== undefined) this.#finished.push(segment);
  }

  /**
   * Begins a look. There is one at a time.
   *
   * @returns Says whether the look is to pass over what is at a path.
   */
  beginLook(): (path: string) => boolean {
    const passedOver = this.#passedOver = new Set(this.#paths);
    this.#finished = [];
    return (path) => passedOver.has(path);
  }

  /**
   * Ends the look, if one was begun.
   *
   * @returns What was finished meanwhile.
   */
  endLook(): readonly StoredSegment[] {
    const finished = this.#finished;
    this.#passedOver = undefined;
    this.#finished = [];
    return finished;
  }
}
