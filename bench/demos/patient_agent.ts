// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { numbered } from "../../tests/e2e/numbered_records.ts";
import { Pace } from "./pace.ts";

const RECORDS_PER_REQUEST = 10;
const RECORD_BYTES = 100;

/**
 * An agent as they are: sends a request, waits for its answer before it sends the next one, and sends again what was answered
 * 503, after the pause that the answer asked for.
 */
export class PatientAgent {
  /** Records of all requests, as often as they were sent. */
  sent = 0;
  /** As the answers 202 had it, in records. */
  accepted = 0;
  dropped = 0;
  evicted = 0;
  /** Records of requests that were answered 503. */
  refused = 0;
  readonly #url: string;
  #waited = 0;
  #since: number | undefined;

  /** @param url Where to send to. */
  constructor(url: string) {
    this.#url = url;
  }

  /** How long it has waited for answers, in milliseconds, the one that it waits for now included. */
  get waited(): number {
    return this.#waited + (this.#since === undefined ? 0 : performance.now() - this.#since);
  }

  /**
   * Sends until it is told to stop.
   *
   * @param perSecond How many records a second, if nothing holds it up.
   * @param stop Ends it when the request that is under way has been answered.
   * @throws {Error} If an answer is neither 202 nor 503.
   */
  async run(perSecond: number, stop: AbortSignal): Promise<void> {
    const pace = new Pace(perSecond / RECORDS_PER_REQUEST);
    for (let n = 0; !stop.aborted;) {
      await pace.next();
      const pause = await this.#send(n);
      if (pause === undefined) n += RECORDS_PER_REQUEST;
      // A pause that nobody waits for any more is cut short, and the process does not stay for it.
      else await delay(pause, { signal: stop }).catch(() => {});
    }
  }

  /** Sends a request, and tells how long to wait before it is sent again, if it has to be. */
  async #send(n: number): Promise<number | undefined> {
    this.sent += RECORDS_PER_REQUEST;
    this.#since = performance.now();
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "Content-Type": "application/x-ndjson" },
      body: numbered(n, n + RECORDS_PER_REQUEST, RECORD_BYTES),
    });
    const answer = await response.json();
    this.#waited += performance.now() - this.#since;
    this.#since = undefined;
    if (response.status === 503) {
      this.refused += RECORDS_PER_REQUEST;
      return Number(response.headers.get("Retry-After")) * 1000;
    }
    if (response.status !== 202) throw new Error(`answered ${response.status}: ${JSON.stringify(answer)}`);
    this.accepted += answer.accepted;
    this.dropped += answer.dropped;
    this.evicted += answer.evicted;
    return undefined;
  }
}
