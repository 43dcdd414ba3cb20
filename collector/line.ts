/** A place in a {@linkcode Line}; whoever stands there extends it. */
export class Place {
  /** Who stands before and behind it. Only the line touches these. */
  before: Place | undefined;
  behind: Place | undefined;
}

/**
 * Who waits, first come first served, and may leave from wherever in the line. Neither takes longer the more there are, or
 * allocates anything: hundreds of flushes come and go many times a second, and a `Set` that they go through is copied each
 * time as many have left as it holds.
 */
export class Line<T extends Place> {
  readonly #ends = new Place();
  #size = 0;

  constructor() {
    this.#ends.before = this.#ends.behind = this.#ends;
  }

  /** How many stand in it. */
  get size(): number {
    return this.#size;
  }

  /**
   * Stands somebody behind all others.
   *
   * @param place Who stands in no line.
   */
  join(place: T): void {
    this.#insert(place, this.#ends.before!);
  }

  /**
   * Stands somebody in front of those at the end of the line who come later.
   *
   * @param place Who stands in no line.
   * @param isLater Whether the first one comes after the second one.
   */
  joinInOrder(place: T, isLater: (a: T, b: T) => boolean): void {
    let before = this.#ends.before!;
    while (before !== this.#ends && isLater(before as T, place)) before = before.before!;
    this.#insert(place, before);
  }

  /**
   * Lets somebody go.
   *
   * @param place Who stands in this line, or in none.
   * @returns Whether that one stood in it.
   */
  leave(place: T): boolean {
    const { before, behind } = place;
    if (before === undefined || behind === undefined) return false;
    before.behind = behind;
    behind.before = before;
    place.before = place.behind = undefined;
    this.#size--;
    return true;
  }

  /** Everybody, the first one first. Whoever was told of may leave before the next one is. */
  *[Symbol.iterator](): Generator<T> {
    for (let place = this.first; place !== undefined;) {
      const next = this.after(place);
      yield place;
      place = next;
    }
  }

  /** Who came first. */
  get first(): T | undefined {
    return this.after(this.#ends as T);
  }

  /**
   * @param place Who stands in the line.
   * @returns Who came next.
   */
  after(place: T): T | undefined {
    const { behind } = place;
    return behind === this.#ends ? undefined : behind as T;
  }

  #insert(place: T, before: Place): void {
    const behind = before.behind!;
    place.before = before;
    place.behind = behind;
    before.behind = behind.before = place;
    this.#size++;
  }
}
