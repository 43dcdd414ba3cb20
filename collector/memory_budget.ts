/**
 * How much more than the unused rest one account may hold: with 4 a single account gets at most 4/5 of the memory, two
 * that compete 4/9 each, and there is always a rest for a newcomer. The rule is that of shared-memory packet switches:
 * A. Choudhury and E. Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", 1998.
 */
const SHARE_OF_REST = 4;

/**
 * Says how large a budget has to be for one account that nobody else competes with.
 *
 * @param bytes How many the account shall be able to hold, taken in more than one go.
 * @returns The smallest limit, in bytes.
 */
export function leastLimit(bytes: number): number {
  return Math.ceil(bytes + bytes / SHARE_OF_REST);
}

/** Options of {@linkcode MemoryBudget}. */
export interface MemoryBudgetOptions {
  /** The most bytes that are out at once. */
  readonly limit: number;
  /** The most reservations that may wait at once, per account. @default {1024} */
  readonly waiting?: number;
  /** Is told whenever bytes were reserved, before they are used. */
  readonly onReserved?: () => void;
}

/** Options of a reservation that may wait. */
export interface ReserveOptions {
  /** How long to wait, in milliseconds. */
  readonly timeout: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/** How a reservation ended; nothing is reserved unless it is `ok`. */
export type Reservation = "ok" | "timeout" | "aborted" | "closed" | "crowded";

interface Waiter {
  readonly bytes: number;
  readonly settle: (outcome: Reservation) => void;
}

/**
 * One budget of memory for everything that holds records: a weighted semaphore over bytes.
 *
 * Requests being read, producers that wait and full buffers all come out of it. Bytes are reserved *before* a body is
 * read, so that the limit holds however many agents come at once. Each source has an account, and no account may crowd
 * the others out: see {@linkcode MemoryAccount.tryReserve}.
 */
export class MemoryBudget {
  readonly limit: number;
  readonly #waitingLimit: number;
  readonly #onReserved: () => void;
  /** Accounts with reservations that wait, in the order in which they began to. */
  readonly #waiting = new Set<MemoryAccount>();
  #used = 0;
  #closed = false;

  /**
   * @param options Its limit.
   * @throws {RangeError} If a limit is not a positive integer.
   */
  constructor({ limit, waiting = 1024, onReserved = () => {} }: MemoryBudgetOptions) {
    for (const [name, value] of Object.entries({ limit, waiting })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(
          `Cannot create memory budget: '${name}' must be a positive integer, current value is ${value}`,
        );
      }
    }
    this.limit = limit;
    this.#waitingLimit = waiting;
    this.#onReserved = onReserved;
  }

  /** How many bytes are reserved. */
  get used(): number {
    return this.#used;
  }

  /** How many bytes are not reserved; none where more are in use than there are. */
  get rest(): number {
    return Math.max(0, this.limit - this.#used);
  }

  /** Makes an account that nothing is reserved on yet. */
  account(): MemoryAccount {
    return new MemoryAccount({
      mayReserve: (held, bytes) => {
        const rest = this.limit - this.#used;
        return bytes <= rest && (held === 0 || held + bytes <= SHARE_OF_REST * (rest - bytes));
      },
      changed: (bytes) => {
        this.#used += bytes;
        if (bytes > 0) this.#onReserved();
        else if (this.#waiting.size > 0) this.#serve();
      },
      waiting: this.#waiting,
      waitingLimit: this.#waitingLimit,
      closed: () => this.#closed,
    });
  }

  /** Sends everybody away who waits. What is reserved stays so until it is released. */
  close(): void {
    this.#closed = true;
    for (const account of this.#waiting) account.sendAway();
  }

  #serve(): void {
    for (const account of this.#waiting) account.serve();
  }
}

/** What an account shares with its budget. */
interface BudgetView {
  readonly mayReserve: (held: number, bytes: number) => boolean;
  readonly changed: (bytes: number) => void;
  readonly waiting: Set<MemoryAccount>;
  readonly waitingLimit: number;
  readonly closed: () => boolean;
}

/** One source's part of a budget. Made by {@linkcode MemoryBudget.account}. */
export class MemoryAccount {
  readonly #budget: BudgetView;
  readonly #waiters = new Set<Waiter>();
  #used = 0;

  /** @param budget The budget that it is part of. */
  constructor(budget: BudgetView) {
    this.#budget = budget;
  }

  /** How many bytes are reserved on this account. */
  get used(): number {
    return this.#used;
  }

  /**
   * Reserves bytes if that is possible now: they must be there, nobody of this account may be waiting, and an account
   * that holds something already may hold at most four times what is left after it.
   *
   * @param bytes How many.
   * @returns Whether they are reserved.
   */
  tryReserve(bytes: number): boolean {
    if (this.#waiters.size > 0 || this.#budget.closed()) return false;
    if (!this.#budget.mayReserve(this.#used, bytes)) return false;
    this.#change(bytes);
    return true;
  }

  /**
   * Reserves bytes, waiting for them if need be, first come first served among those of this account.
   *
   * @param bytes How many; more than the whole budget can never be had and times out.
   * @param options How long to wait, and the signal that ends it.
   * @returns `ok`, or why nothing was reserved; it never rejects.
   */
  reserve(bytes: number, { timeout, signal }: ReserveOptions): Promise<Reservation> {
    if (this.#budget.closed()) return Promise.resolve("closed");
    if (signal.aborted) return Promise.resolve("aborted");
    if (this.tryReserve(bytes)) return Promise.resolve("ok");
    if (this.#waiters.size >= this.#budget.waitingLimit) return Promise.resolve("crowded");
    return new Promise((resolve) => {
      const settle = (outcome: Reservation) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", onAbort);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) this.#budget.waiting.delete(this);
        resolve(outcome);
      };
      const giveUp = (outcome: Reservation) => {
        settle(outcome);
        this.serve(); // the next one may want less
      };
      const onAbort = () => giveUp("aborted");
      const timer = setTimeout(() => giveUp("timeout"), timeout);
      signal.addEventListener("abort", onAbort, { once: true });
      const waiter: Waiter = { bytes, settle };
      this.#waiters.add(waiter);
      this.#budget.waiting.add(this);
    });
  }

  /**
   * Books bytes that are in use already, whether they are to be had or not: those who come later wait for longer.
   *
   * @param bytes How many.
   */
  charge(bytes: number): void {
    this.#change(bytes);
  }

  /**
   * Gives bytes back.
   *
   * @param bytes How many of those that are reserved.
   */
  release(bytes: number): void {
    if (bytes !== 0) this.#change(-bytes);
  }

  /** Gives those who wait what they can have now, in order. Called by the budget. */
  serve(): void {
    for (const waiter of this.#waiters) {
      if (!this.#budget.mayReserve(this.#used, waiter.bytes)) return;
      this.#change(waiter.bytes);
      waiter.settle("ok");
    }
  }

  /** Sends those away who wait. Called by the budget. */
  sendAway(): void {
    for (const waiter of this.#waiters) waiter.settle("closed");
  }

  #change(bytes: number): void {
    this.#used += bytes;
    this.#budget.changed(bytes);
  }
}
