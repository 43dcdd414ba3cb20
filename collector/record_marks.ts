import type { Batch, BufferedBatch, RecordFormat } from "./batch.ts";

/** Room for this many records is made at first; it doubles as records come. */
const FIRST_RECORDS = 16;

/** Bytes that the end and the time of one record take up. */
const BYTES_PER_RECORD = Uint32Array.BYTES_PER_ELEMENT + Float64Array.BYTES_PER_ELEMENT;

/** The number that stands for each format; none can be left out. */
const NUMBERS: Readonly<Record<RecordFormat, number>> = {
  json: 0,
  binary: 1,
  "otlp-logs": 2,
  "otlp-metrics": 3,
  "otlp-traces": 4,
};
const FORMATS = Object.keys(NUMBERS) as readonly RecordFormat[];

/**
 * What a chunk knows of each of its records: where it ends, when it was admitted, what it weighs and what its format is.
 * Weights and formats take up memory only where there are several.
 *
 * Records are counted from the first one ever added; whoever uses this knows how many there are.
 */
export class RecordMarks {
  #ends: Uint32Array;
  #admittedAt: Float64Array;
  /** As in a batch; made when the first record with a weight comes. */
  #weightEnds: Uint32Array | undefined;
  /** Of the newest record; of all of them where `#formats` is not there. */
  #format: RecordFormat = "json";
  /** Made when a record of another format comes. */
  #formats: Uint8Array | undefined;

  /**
   * @param adopted A batch whose records they are to tell of, without copying anything.
   * @param now When its records were admitted, in milliseconds since the Unix epoch.
   */
  constructor(adopted?: Batch, now = 0) {
    this.#ends = adopted?.ends ?? new Uint32Array(FIRST_RECORDS);
    this.#admittedAt = new Float64Array(this.#ends.length).fill(now);
    this.#weightEnds = adopted?.weightEnds;
    if (adopted !== undefined) this.#format = adopted.format;
  }

  /** How many bytes of memory they take up. */
  get memoryBytes(): number {
    return this.#ends.length * BYTES_PER_RECORD + (this.#weightEnds?.byteLength ?? 0) +
      (this.#formats?.byteLength ?? 0);
  }

  /** Where the records before one end, and it begins. */
  end(index: number): number {
    return index === 0 ? 0 : this.#ends[index - 1]!;
  }

  /** What the records before one weigh together. */
  weightEnd(index: number): number {
    return this.#weightEnds === undefined ? index : index === 0 ? 0 : this.#weightEnds[index - 1]!;
  }

  /** When a record was admitted, in milliseconds since the Unix epoch. */
  admittedAt(index: number): number {
    return this.#admittedAt[index]!;
  }

  /**
   * Adds the records `from` to `to` of a batch.
   *
   * @param batch Where they are.
   * @param from Index of the first record.
   * @param to Index behind the last record.
   * @param count How many there are already.
   * @param now When they were admitted, in milliseconds since the Unix epoch.
   * @returns Whether it takes up more memory than before.
   */
  add(batch: Batch, from: number, to: number, count: number, now: number): boolean {
    const added = to - from;
    let grows = count + added > this.#ends.length;
    if (grows) this.#makeRoom(count + added);
    if (batch.format !== this.#format || this.#formats !== undefined) {
      if (this.#addFormats(batch.format, count, added)) grows = true;
    }
    if (batch.weightEnds !== undefined || this.#weightEnds !== undefined) {
      if (this.#addWeights(batch, from, to, count)) grows = true;
    }
    const shift = this.end(count) - (from === 0 ? 0 : batch.ends[from - 1]!);
    for (let i = 0; i < added; i++) {
      this.#ends[count + i] = batch.ends[from + i]! + shift;
      this.#admittedAt[count + i] = now;
    }
    return grows;
  }

  /**
   * Finds the end of the records that can be handed out together.
   *
   * @param from Index of the first of them.
   * @param to Index behind the last that there is.
   * @param bytes The most bytes that they have together.
   * @param weight The most that they weigh together.
   * @returns Index behind the last of them, which are all of one format; `from` if the first is too much.
   */
  endOfRun(from: number, to: number, bytes: number, weight: number): number {
    let high = this.#endOfFormat(from, to);
    const limit = this.end(from) + bytes;
    if (this.end(high) > limit) {
      let low = from;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (this.#ends[middle]! <= limit) low = middle + 1;
        else high = middle;
      }
    }
    if (this.#weightEnds === undefined) return Math.min(high, from + weight);
    const heaviest = this.weightEnd(from) + weight;
    let end = from;
    while (end < high && this.#weightEnds[end]! <= heaviest) end++;
    return end;
  }

  /**
   * Makes a batch of records that lie one behind the other, all of one format.
   *
   * @param from Index of the first record.
   * @param to Index behind the last record.
   * @param memory The memory that they are in.
   * @returns The batch.
   */
  batch(from: number, to: number, memory: Uint8Array): BufferedBatch {
    const start = this.end(from);
    const batch = {
      format: this.#formats === undefined ? this.#format : FORMATS[this.#formats[from]!]!,
      data: memory.subarray(start, this.end(to)),
      ends: shifted(this.#ends.subarray(from, to), start),
      admittedAt: this.#admittedAt.subarray(from, to),
    };
    if (this.#weightEnds === undefined) return batch;
    return { ...batch, weightEnds: shifted(this.#weightEnds.subarray(from, to), this.weightEnd(from)) };
  }

  /** Forgets all records but those from `from` to `to`, the first of which is the first from now on. */
  keep(from: number, to: number): void {
    const start = this.end(from);
    const before = this.weightEnd(from);
    this.#ends = this.#ends.slice(from, to).map((end) => end - start);
    this.#weightEnds = this.#weightEnds?.slice(from, to).map((end) => end - before);
    this.#formats = this.#formats?.slice(from, to);
    this.#admittedAt = this.#admittedAt.slice(from, to);
  }

  /** Forgets all records, and that they had several formats or weights. */
  clear(): void {
    this.#weightEnds = undefined;
    this.#formats = undefined;
  }

  #endOfFormat(from: number, to: number): number {
    const formats = this.#formats;
    if (formats === undefined) return to;
    let end = from + 1;
    while (end < to && formats[end] === formats[from]) end++;
    return end;
  }

  /** Says whether it takes up more memory than before. */
  #addFormats(format: RecordFormat, count: number, added: number): boolean {
    if (count === 0) {
      this.#format = format; // whatever it was before, nobody is left who was that
      this.#formats = undefined;
      return false;
    }
    let kept = this.#formats;
    const grows = kept === undefined || kept.length < this.#ends.length;
    if (grows) {
      const larger = new Uint8Array(this.#ends.length);
      if (kept === undefined) larger.fill(NUMBERS[this.#format], 0, count);
      else larger.set(kept);
      this.#formats = kept = larger;
    }
    this.#format = format;
    kept!.fill(NUMBERS[format], count, count + added);
    return grows;
  }

  /** Says whether it takes up more memory than before. */
  #addWeights({ weightEnds }: Batch, from: number, to: number, count: number): boolean {
    let kept = this.#weightEnds;
    const grows = kept === undefined || kept.length < this.#ends.length;
    if (grows) {
      const larger = new Uint32Array(this.#ends.length);
      if (kept !== undefined) larger.set(kept);
      else for (let i = 0; i < count; i++) larger[i] = i + 1;
      this.#weightEnds = kept = larger;
    }
    const before = count === 0 ? 0 : kept![count - 1]!;
    const shift = before - (from === 0 || weightEnds === undefined ? 0 : weightEnds[from - 1]!);
    for (let i = from; i < to; i++) {
      kept![count + i - from] = weightEnds === undefined ? before + i - from + 1 : weightEnds[i]! + shift;
    }
    return grows;
  }

  #makeRoom(count: number): void {
    const capacity = Math.max(count, this.#ends.length * 2);
    const ends = new Uint32Array(capacity);
    ends.set(this.#ends);
    this.#ends = ends;
    const admittedAt = new Float64Array(capacity);
    admittedAt.set(this.#admittedAt);
    this.#admittedAt = admittedAt;
  }
}

function shifted(ends: Uint32Array, by: number): Uint32Array {
  return by === 0 ? ends : ends.map((end) => end - by);
}
