import { PendingRead, type ReadDeadlines } from "./read_deadlines.ts";

/** The time within which the rest of a message has to come, for one connection. Every message has its own. */
export class MessageDeadline {
  readonly #deadlines: ReadDeadlines;
  readonly #read: PendingRead;
  #isRunning = false;

  /**
   * @param deadlines Measures the time.
   * @param onLate Is told that the rest of a message did not come in time; not that the daemon drains.
   */
  constructor(deadlines: ReadDeadlines, onLate: () => void) {
    this.#deadlines = deadlines;
    this.#read = new PendingRead((end) => {
      this.#isRunning = false;
      if (end === "timeout") onLate();
    });
  }

  /**
   * Says whether the rest of a message is to come.
   *
   * @param expected Whether it is, and nothing but the client can make it late.
   * @param isNew Whether it is another message than the last time.
   */
  expect(expected: boolean, isNew: boolean): void {
    const goesOn = expected && !isNew;
    if (this.#isRunning && !goesOn) this.#deadlines.done(this.#read);
    if (expected && !(this.#isRunning && goesOn)) this.#deadlines.begin(this.#read);
    this.#isRunning = expected;
  }
}
