import { AbortListener } from "./abort_listeners.ts";
import type { Pass } from "./pass.ts";
import type { Patience } from "./patience.ts";
import type { PermitWaiter } from "./semaphore.ts";
import type { SinkGate } from "./sink_gate.ts";

/** The beginning of the sending of one batch. */
export class Sending implements Disposable {
  readonly patience: Patience;
  /** For the first attempt. */
  #pass: Pass | undefined;

  /**
   * @param patience For how long the sending goes on.
   * @param pass The right to make the first attempt, where there is one already.
   */
  constructor(patience: Patience, pass?: Pass) {
    this.patience = patience;
    this.#pass = pass;
  }

  /** Hands out the pass, once. */
  takePass(): Pass | undefined {
    const pass = this.#pass;
    this.#pass = undefined;
    return pass;
  }

  /** Gives the pass back, because there is nothing to be sent. */
  [Symbol.dispose](): void {
    this.takePass()?.[Symbol.dispose]();
  }
}

/** Options of {@linkcode Turn}. */
export interface TurnOptions {
  /** What stands before the sink. */
  readonly gate: Pick<SinkGate, "enter" | "leave" | "permitWaiter" | "tryEnter" | "wait">;
  /** For how long the next sending goes on. */
  readonly patience: () => Patience;
  /** Aborted when nothing more shall be sent. */
  readonly signal: AbortSignal;
  /** Is told of every pass. */
  readonly onEntered: (pass: Pass) => void;
  /** Is called with the beginning, or with nothing if there will be no attempt any more. It must not throw. */
  readonly begin: (sending: Sending | undefined) => void;
}

/**
 * Where one source waits until a first attempt may be made at a sink, so that a batch need be chosen only then.
 *
 * It is asked for thousands of times a second, and mostly hundreds wait. So it is made once for each source, and where
 * nothing but a permit of the pool is waited for, as at files, to wait allocates nothing: whatever it did would outlive
 * the next collection of garbage, and be what a small flush mostly costs.
 */
export class Turn {
  readonly #options: TurnOptions;
  /** Where nothing but a permit has to be waited for. */
  readonly #waiter: PermitWaiter | undefined;

  /** @param options What it is for. */
  constructor(options: TurnOptions) {
    const { gate, signal } = options;
    this.#options = options;
    const waiter = gate.permitWaiter((pass) => this.#entered(pass));
    this.#waiter = waiter;
    if (waiter === undefined || signal.aborted) return;
    new AbortListener(signal, () => {
      if (gate.leave(waiter)) options.begin(undefined);
    });
  }

  /** Asks for the beginning of one sending. There is one at a time, and it begins at once if nobody has to be waited for. */
  ask(): void {
    const { gate, signal, begin } = this.#options;
    if (signal.aborted) return begin(undefined);
    const pass = gate.tryEnter();
    if (pass !== undefined) this.#entered(pass);
    else if (this.#waiter !== undefined) gate.wait(this.#waiter);
    else void this.#enter();
  }

  #entered(pass: Pass, patience: Patience = this.#options.patience()): void {
    this.#options.onEntered(pass);
    this.#options.begin(new Sending(patience, pass));
  }

  async #enter(): Promise<void> {
    const { gate, signal, begin } = this.#options;
    const patience = this.#options.patience();
    let pass: Pass;
    try {
      pass = await gate.enter(patience, signal);
    } catch (error) {
      if (signal.aborted) return begin(undefined);
      // Its patience has run out before any attempt. The batch that it is for is to be given up.
      if (patience.left <= 0) return begin(new Sending(patience));
      reportError(error); // a defect, which must not have the source wait for ever
      return begin(undefined);
    }
    this.#entered(pass, patience);
  }
}
