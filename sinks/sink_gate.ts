import { AbortListener } from "./abort_listeners.ts";
import type { CircuitBreaker } from "./circuit_breaker.ts";
import { type GateSteps, Pass } from "./pass.ts";
import type { Patience } from "./patience.ts";
import { type Permit, PermitWaiter, type Semaphore } from "./semaphore.ts";
import { SinkError } from "./sink.ts";

/** Options of {@linkcode SinkGate}. */
export interface SinkGateOptions {
  /** Name of the sink, which is its lane in the pool's semaphore too. */
  readonly name: string;
  /** The permits of all sinks together. */
  readonly semaphore: Semaphore;
  /**
   * How many attempts may be under way at the sink at once.
   *
   * @default {Infinity}
   */
  readonly concurrency?: number | undefined;
  /** Says when nobody may try. Without one everybody may at any time. */
  readonly breaker?: CircuitBreaker | undefined;
}

/** Who waits for the sink itself, and not for the pool. */
interface Waiter {
  readonly patience: Patience;
  readonly admit: (era: number) => void;
  readonly refuse: () => void;
  /** Ends its patience; runs only once the breaker was found not closed. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * What stands before every attempt at one sink: its circuit breaker and the number of its attempts at once, then the
 * pool's permit. So whoever waits for the sink holds no permit that another sink could use.
 *
 * First come, first served. While the breaker is not closed the patience of those who wait for it runs out: to wait for a
 * sink that is known not to work is a failure as good as any.
 */
export class SinkGate {
  readonly concurrency: number;
  readonly breaker: CircuitBreaker | undefined;
  readonly #name: string;
  readonly #semaphore: Semaphore;
  readonly #waiters: Waiter[] = [];
  readonly #steps: GateSteps = {
    serve: () => this.#serve(),
    failed: () => {
      for (const waiter of [...this.#waiters]) this.#watch(waiter);
      this.#serve();
    },
    leave: (era) => this.#leave(era),
    withdraw: () => this.#inside--,
  };
  #inside = 0;
  /** Runs only while somebody waits for the end of the breaker's pause. */
  #alarm: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param options What to guard.
   * @throws {RangeError} If `concurrency` is neither a positive integer nor infinite.
   */
  constructor({ name, semaphore, concurrency = Infinity, breaker }: SinkGateOptions) {
    if (concurrency !== Infinity && !Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new RangeError(
        `Cannot create gate of sink '${name}': 'concurrency' must be a positive integer, current value is ${concurrency}`,
      );
    }
    this.concurrency = concurrency;
    this.breaker = breaker;
    this.#name = name;
    this.#semaphore = semaphore;
  }

  /** How many have entered: their attempts are under way, or about to be once the pool has a permit for them. */
  get inside(): number {
    return this.#inside;
  }

  /** How many wait for the breaker, or for one of those inside to leave. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /**
   * Lets an attempt be made, if nothing stands against it at this moment.
   *
   * @returns The right to make it; nothing if it would have to be waited for.
   */
  tryEnter(): Pass | undefined {
    const era = this.#waiters.length === 0 ? this.#tryToEnter() : undefined;
    if (era === undefined) return undefined;
    const permit = this.#semaphore.tryAcquire(this.#name);
    if (permit !== undefined) return this.#pass(era, permit);
    this.#leave(era);
    return undefined;
  }

  /**
   * Waits until an attempt may be made.
   *
   * @param patience Begins to run out when the breaker is not closed, and ends the wait while that is so.
   * @param signal Ends the wait as well.
   * @returns The right to make it.
   * @throws {SinkError} Retryable and of kind `breaker_open`, if the patience has run out.
   * @throws The signal's reason, if it is aborted before.
   */
  enter(patience: Patience, signal: AbortSignal): Promise<Pass> {
    const era = this.#waiters.length === 0 ? this.#tryToEnter() : undefined;
    return this.#enter(era, patience, signal);
  }

  /**
   * Makes a place to wait at again and again, where nothing but the pool's permit has ever to be waited for: who waits there
   * is one of hundreds, and allocates nothing.
   *
   * @param entered Is called with the right to make an attempt, in the turn of whoever gave a permit back. It must not throw.
   * @returns The place; nothing where the sink has a breaker, or a limit of its own.
   */
  permitWaiter(entered: (pass: Pass) => void): PermitWaiter | undefined {
    if (this.breaker !== undefined || this.concurrency !== Infinity) return undefined;
    return new PermitWaiter(this.#name, (permit) => entered(this.#pass(0, permit)));
  }

  /**
   * Enters, and waits for the permit.
   *
   * @param waiter A place that this gate made, where nobody waits.
   */
  wait(waiter: PermitWaiter): void {
    this.#inside++;
    this.#semaphore.wait(waiter);
  }

  /**
   * Waits no more.
   *
   * @param waiter A place that this gate made.
   * @returns Whether somebody waited there.
   */
  leave(waiter: PermitWaiter): boolean {
    const waited = this.#semaphore.leave(waiter);
    if (waited) this.#inside--;
    return waited;
  }

  async #enter(era: number | undefined, patience: Patience, signal: AbortSignal): Promise<Pass> {
    for (let atFront = false;; atFront = true) {
      era ??= await this.#wait(patience, signal, atFront);
      const pass = await this.#acquire(era, signal);
      if (!pass.stale) return pass;
      // It has opened while the permit was waited for. If not even this one can enter again, nobody else can.
      pass.withdraw();
      era = this.#tryToEnter();
    }
  }

  #acquire(era: number, signal: AbortSignal): Promise<Pass> {
    return this.#semaphore.acquire({ lane: this.#name, signal }).then((permit) => {
      if (!signal.aborted) return this.#pass(era, permit);
      // Between the grant and this turn: nobody would use the permit, and nobody give it back.
      permit[Symbol.dispose]();
      this.#leave(era);
      throw signal.reason;
    }, (error) => {
      this.#leave(era);
      throw error;
    });
  }

  #tryToEnter(): number | undefined {
    if (this.#inside >= this.concurrency) return undefined;
    const era = this.breaker === undefined ? 0 : this.breaker.enter();
    if (era !== undefined) this.#inside++;
    return era;
  }

  #leave(era: number): void {
    this.#inside--;
    this.breaker?.cancel(era);
    this.#serve();
  }

  #pass(era: number, permit: Permit): Pass {
    return new Pass(era, permit, this.breaker, this.#steps);
  }

  #wait(patience: Patience, signal: AbortSignal, atFront: boolean): Promise<number> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const leave = () => {
        const index = this.#waiters.indexOf(waiter);
        if (index >= 0) this.#waiters.splice(index, 1);
        clearTimeout(waiter.timer);
        listener.remove();
        this.#setAlarm();
      };
      const abort = () => {
        leave();
        reject(signal.reason);
      };
      const waiter: Waiter = {
        patience,
        timer: undefined,
        admit: (era) => {
          leave();
          resolve(era);
        },
        refuse: () => {
          leave();
          const message = `The circuit breaker of sink '${this.#name}' is open`;
          reject(new SinkError(message, { kind: "breaker_open", retryable: true }));
        },
      };
      if (atFront) this.#waiters.unshift(waiter);
      else this.#waiters.push(waiter);
      const listener = new AbortListener(signal, abort);
      this.#watch(waiter);
      this.#setAlarm();
    });
  }

  /** Lets the patience of one who waits run out, unless it is the others inside that it waits for. */
  #watch(waiter: Waiter): void {
    if (waiter.timer !== undefined || (this.breaker?.state ?? "closed") === "closed") return;
    const { patience } = waiter;
    patience.begin();
    if (patience.left <= 0) return waiter.refuse();
    if (patience.left === Infinity) return;
    waiter.timer = setTimeout(() => {
      waiter.timer = undefined;
      this.#watch(waiter);
    }, Math.ceil(patience.left));
  }

  #serve(): void {
    if (this.#waiters.length === 0) return;
    for (let first = this.#waiters[0]; first !== undefined; first = this.#waiters[0]) {
      const era = this.#tryToEnter();
      if (era === undefined) break;
      first.admit(era);
    }
    this.#setAlarm();
  }

  #setAlarm(): void {
    clearTimeout(this.#alarm);
    this.#alarm = undefined;
    if (this.#waiters.length === 0 || (this.breaker?.state ?? "closed") === "closed") return;
    const wait = this.breaker!.wait;
    // Whoever is inside serves the others when leaving. A pause that is just over is no reason to set none: it may have
    // ended since somebody tried to enter, or an alarm for it have been about to go off.
    if (wait === Infinity || wait === 0 && this.#inside >= this.concurrency) return;
    this.#alarm = setTimeout(() => this.#serve(), Math.ceil(wait));
  }
}
