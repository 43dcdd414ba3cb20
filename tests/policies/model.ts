import type { Amount, RecordFormat } from "../../collector/batch.ts";
import type { Admission, PolicyName, Rejected } from "../../policies/mod.ts";

/** A record by its identity: what it is made of follows from its `id` and `size`, see `encode()`. */
export interface ModelRecord {
  readonly id: number;
  readonly size: number;
  readonly format: RecordFormat;
  /** As how many records it counts; 1 where its batch has no weights. */
  readonly weight: number;
  /** Whether its batch has weights. */
  readonly weighted: boolean;
}

/** A record in the buffer. */
export interface HeldRecord extends ModelRecord {
  readonly admittedAt: number;
}

/** What a model is made of. */
export interface ModelOptions {
  readonly policy: PolicyName;
  readonly capacity: Amount;
  /** `blockTimeout`, and the most producers that may wait. */
  readonly timeout: number;
  readonly waiting: number;
}

interface Waiter {
  readonly producer: number;
  readonly records: readonly ModelRecord[];
  readonly deadline: number;
}

/**
 * Buffer and policy as one would write them without a thought for speed: arrays of records, every sum taken anew, each
 * rule in the words of the design. The real ones must do exactly the same.
 */
export class BufferModel {
  /** Everything that counts, oldest first. */
  held: HeldRecord[] = [];
  /** So many of the first records of `held` are in flight. */
  inFlight = 0;
  position = 0;
  closed = false;
  waiting: Waiter[] = [];
  /** What became of each offered batch, in the order in which that was decided. */
  readonly decided: { readonly producer: number; readonly admission: Admission }[] = [];
  readonly sums = {
    admitted: { records: 0, bytes: 0 },
    evicted: { records: 0, bytes: 0 },
    committed: { records: 0, bytes: 0 },
    discarded: { records: 0, bytes: 0 },
  };
  readonly #options: ModelOptions;

  constructor(options: ModelOptions) {
    this.#options = options;
  }

  /** Offers a batch; what becomes of it is added to `decided`, now or later. */
  offer(producer: number, records: readonly ModelRecord[], now: number): void {
    const { policy, capacity, timeout, waiting } = this.#options;
    if (this.closed) return this.#decide(producer, { rejected: "closed" });
    if (!within(records, capacity)) return this.#decide(producer, { rejected: "too_large" });
    switch (policy) {
      case "reject":
        if (this.#fits(records)) this.#keep(producer, records, [], [], now);
        else this.#decide(producer, { rejected: "overloaded" });
        break;
      case "drop_newest": {
        // Each record is judged as if it came alone.
        const kept: ModelRecord[] = [];
        const dropped: ModelRecord[] = [];
        for (const record of records) (this.#fits([...kept, record]) ? kept : dropped).push(record);
        this.#keep(producer, kept, dropped, [], now);
        break;
      }
      case "drop_oldest": {
        // What is in flight cannot leave: of the batch, the longest tail that fits beside it is kept.
        const flying = this.held.slice(0, this.inFlight);
        let dropped = 0;
        while (!within([...flying, ...records.slice(dropped)], capacity)) dropped++;
        const kept = records.slice(dropped);
        const evicted: ModelRecord[] = [];
        while (!this.#fits(kept)) evicted.push(...this.held.splice(this.inFlight, 1));
        this.#keep(producer, kept, records.slice(0, dropped), evicted, now);
        break;
      }
      case "block":
        if (this.waiting.length === 0 && this.#fits(records)) this.#keep(producer, records, [], [], now);
        else if (this.waiting.length >= waiting) this.#decide(producer, { rejected: "overloaded" });
        else this.waiting.push({ producer, records, deadline: now + timeout });
    }
  }

  /** The records of a flush. How many, within the limits, is the buffer's to say; which ones is not. */
  take(records: number): readonly HeldRecord[] {
    this.inFlight = records;
    return this.held.slice(0, records);
  }

  /** What is in flight leaves. */
  settle(outcome: "committed" | "discarded", now: number): void {
    count(this.sums[outcome], this.held.splice(0, this.inFlight));
    this.inFlight = 0;
    this.#serve(now);
  }

  /** The producer at an index of the queue goes away. */
  abort(index: number, now: number): void {
    const [waiter] = this.waiting.splice(index, 1);
    if (waiter !== undefined) this.#decide(waiter.producer, { rejected: "aborted" });
    this.#serve(now);
  }

  /** Time went by: all who waited for too long give up, one after the other. */
  expire(now: number): void {
    for (let first = this.waiting[0]; first !== undefined; first = this.waiting[0]) {
      if (first.deadline > now) return;
      this.waiting.shift();
      this.#decide(first.producer, { rejected: "overloaded" });
      this.#serve(first.deadline);
    }
  }

  close(): void {
    this.closed = true;
    for (const { producer } of this.waiting.splice(0)) this.#decide(producer, { rejected: "closed" });
  }

  /** Those who wait are let in first come first served: a small batch never overtakes a large one. */
  #serve(now: number): void {
    while (this.waiting.length > 0 && this.#fits(this.waiting[0]!.records)) {
      const { producer, records } = this.waiting.shift()!;
      this.#keep(producer, records, [], [], now);
    }
  }

  #fits(records: readonly ModelRecord[]): boolean {
    return within([...this.held, ...records], this.#options.capacity);
  }

  #keep(
    producer: number,
    kept: readonly ModelRecord[],
    dropped: readonly ModelRecord[],
    evicted: readonly ModelRecord[],
    now: number,
  ): void {
    this.held.push(...kept.map((record) => ({ ...record, admittedAt: now })));
    this.position += sum(kept).records;
    count(this.sums.admitted, kept);
    count(this.sums.evicted, evicted);
    const position = this.position;
    const amounts = { accepted: sum(kept), dropped: sum(dropped), evicted: sum(evicted) };
    this.#decide(producer, { ...amounts, position });
  }

  #decide(producer: number, admission: Admission | Rejected): void {
    this.decided.push({ producer, admission });
  }
}

/** As how many the records count, and how many bytes they have. */
export function sum(records: readonly ModelRecord[]): Amount {
  return {
    records: records.reduce((sum, { weight }) => sum + weight, 0),
    bytes: records.reduce((bytes, { size }) => bytes + size, 0),
  };
}

/** Bytes that say whose they are: a record that is torn, moved or mistaken for another shows. */
function contentOf({ id, size }: ModelRecord): Uint8Array {
  const content = new Uint8Array(size).fill(id * 37 + 11); // takes each value once in 256 records
  const view = new DataView(content.buffer);
  if (size >= 4) view.setUint32(0, id);
  if (size >= 8) view.setUint32(size - 4, ~id);
  return content;
}

/** Puts records one behind the other, in a view of memory that is larger by `slack`. */
export function encode(
  records: readonly ModelRecord[],
  slack: number,
): { data: Uint8Array; ends: Uint32Array } {
  const ends = new Uint32Array(records.length);
  let end = 0;
  records.forEach(({ size }, i) => ends[i] = end += size);
  const data = new Uint8Array(end + slack).subarray(slack >> 1, (slack >> 1) + end);
  records.forEach((record, i) => data.set(contentOf(record), ends[i]! - record.size));
  return { data, ends };
}

/** What each record and all before it weigh. */
export function weightEndsOf(records: readonly ModelRecord[]): Uint32Array {
  return Uint32Array.from(records, (_, i) => sum(records.slice(0, i + 1)).records);
}

function within(records: readonly ModelRecord[], limit: Amount): boolean {
  const { records: weight, bytes } = sum(records);
  return weight <= limit.records && bytes <= limit.bytes;
}

function count(total: { records: number; bytes: number }, records: readonly ModelRecord[]): void {
  total.records += sum(records).records;
  total.bytes += sum(records).bytes;
}
