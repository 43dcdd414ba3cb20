/** Codes that have a figure of their own: those of RFC 6455 and of its registry. Agents may make up 2 000 more. */
const CODES = [1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

/** How many WebSockets there are and were. */
export interface WebSocketFigures {
  readonly open: number;
  /** Those that are not read, because there is no room or no memory for their messages, or because the daemon drains. */
  readonly paused: number;
  /** The most connections there may be to their listener. */
  readonly limit: number;
  /** How many were closed, by the code that either side gave; `other` for all that no specification knows. */
  readonly closed: ReadonlyMap<string, number>;
}

/** Counts closed WebSockets by their code. */
export class CloseCounter {
  /** Every code with its count, from the start: of a counter that first appears at 5, no query sees the increase by 5. */
  readonly counts: ReadonlyMap<string, number>;
  readonly #counts = new Map<string, number>([...CODES.map((code) => [`${code}`, 0] as const), ["other", 0]]);

  /** Makes one that has counted nothing. */
  constructor() {
    this.counts = this.#counts;
  }

  /** @param code The code that a WebSocket was closed with. */
  add(code: number): void {
    const key = CODES.includes(code) ? `${code}` : "other";
    this.#counts.set(key, this.#counts.get(key)! + 1);
  }
}
