/** How many read in one turn: no more together than a sink writes at once, or it would never catch up. */
const READERS_PER_TURN = 4;

/** Somebody who reads as much as is there, for as long as nobody says stop. */
export interface TurnReader {
  /** Reads no more in this turn. */
  stopReading(): void;
  /** Reads on, in the next turn. */
  readOn(): void;
}

/**
 * Lets every connection read so much in one turn of the event loop, and no more.
 *
 * The runtime reads a socket up to 32 times in a row before it looks at anything else. With sixteen connections at full
 * speed that is 33 MB, which took 50 ms to take in: so long a sink waited for each of its writes, and every other listener
 * for its requests.
 */
export class ReadTurns {
  readonly #stopped = new Set<TurnReader>();
  #isDue = false;

  /**
   * Ends the turn of a reader.
   *
   * @param reader Who has read enough.
   */
  end(reader: TurnReader): void {
    reader.stopReading();
    this.#stopped.add(reader);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.#next());
  }

  #next(): void {
    this.#isDue = false;
    let readers = 0;
    for (const reader of this.#stopped) {
      if (++readers > READERS_PER_TURN) return this.#schedule();
      this.#stopped.delete(reader);
      reader.readOn();
    }
  }
}
