import type { CircuitBreaker } from "./circuit_breaker.ts";
import type { Permit } from "./semaphore.ts";

/** What a {@linkcode Pass} does to its gate. */
export interface GateSteps {
  readonly serve: () => void;
  readonly failed: () => void;
  readonly leave: (era: number) => void;
  readonly withdraw: () => void;
}

/** The right to make one attempt at a sink, given back when it is disposed of; only the first time counts. */
export class Pass implements Disposable {
  /** How long the pool's permit was waited for, in milliseconds; 0 when it was granted at once. */
  readonly waited: number;
  readonly #era: number;
  readonly #breaker: CircuitBreaker | undefined;
  readonly #gate: GateSteps;
  /** As long as it is inside. */
  #permit: Permit | undefined;

  /**
   * @param era The breaker's when it let the attempt be made; 0 where there is no breaker.
   * @param permit The pool's permit.
   * @param breaker The breaker of the sink, if it has one.
   * @param gate The gate that it is for.
   */
  constructor(era: number, permit: Permit, breaker: CircuitBreaker | undefined, gate: GateSteps) {
    this.waited = permit.waited;
    this.#era = era;
    this.#permit = permit;
    this.#breaker = breaker;
    this.#gate = gate;
  }

  /** Whether the breaker has changed since, so that the attempt must not begin any more. */
  get stale(): boolean {
    return this.#breaker !== undefined && !this.#breaker.isCurrent(this.#era);
  }

  /** Tells the breaker that the sink answers. Of what is told of one attempt only the first counts. */
  succeeded(): void {
    this.#breaker?.succeed(this.#era);
    this.#gate.serve();
  }

  /** Tells the breaker that it does not. */
  failed(): void {
    this.#breaker?.fail(this.#era);
    this.#gate.failed();
  }

  /** Takes it back before it was used, by who is about to try again and lets nobody in meanwhile. */
  withdraw(): void {
    this.#permit?.[Symbol.dispose]();
    this.#permit = undefined;
    this.#gate.withdraw();
  }

  /** Gives the permit back, and leaves the gate. */
  [Symbol.dispose](): void {
    const permit = this.#permit;
    if (permit === undefined) return;
    this.#permit = undefined;
    permit[Symbol.dispose]();
    this.#gate.leave(this.#era);
  }
}
