const LINE_FEED = 0x0a;

/** Smaller messages are put together: one with a view and an object to itself takes 165 bytes beside its own. */
const SMALL = 512;

/** Bytes of what is put together, and how many messages it is at most. */
const RUN_BYTES = 4 * 1024, RUN_MESSAGES = 512;

/** A message that waits. */
export interface WaitingMessage {
  /** The message; a small text ends with a line feed. */
  readonly data: Uint8Array;
  /** Whether it is a frame, and not text. */
  readonly isBinary: boolean;
}

/** Messages one after the other. */
interface Run {
  readonly data: Uint8Array;
  /** Where each of them ends, times two, and one more where it is a frame. */
  readonly marks: Uint32Array;
  messages: number;
}

/**
 * Messages that wait, in order. One read of 64 KiB may bring nine thousand of them; together they take little more than
 * their bytes.
 */
export class MessageQueue {
  #runs: Run[] = [];
  /** Which one of the first run is next. */
  #next = 0;

  /**
   * Adds a message.
   *
   * @param data The message. It is copied, unless it has its memory to itself.
   * @param isBinary Whether it is a frame, and not text.
   * @returns How many bytes it has as a message that waits.
   */
  add(data: Uint8Array, isBinary: boolean): number {
    const { length } = data;
    if (length >= SMALL) {
      const owned = length === data.buffer.byteLength ? data : new Uint8Array(data);
      this.#runs.push({ data: owned, marks: Uint32Array.of(mark(length, isBinary)), messages: 1 });
      return length;
    }
    const run = this.#runFor(length + 1);
    const start = endOf(run);
    run.data.set(data, start);
    let end = start + length;
    if (!isBinary && (length === 0 || data[length - 1] !== LINE_FEED)) run.data[end++] = LINE_FEED;
    run.marks[run.messages++] = mark(end, isBinary);
    return end - start;
  }

  /**
   * Adds messages that are together already.
   *
   * @param data All of them; they are copied. A text ends with a line feed.
   * @param ends Where each of them ends.
   * @param isBinary Whether they are frames, and not texts.
   */
  addAll(data: Uint8Array, ends: Uint32Array, isBinary: boolean): void {
    const marks = ends.map((end) => mark(end, isBinary));
    this.#runs.push({ data: new Uint8Array(data), marks, messages: ends.length });
  }

  /**
   * Takes the next message out.
   *
   * @returns The message; nothing if there is none.
   */
  take(): WaitingMessage | undefined {
    const [run] = this.#runs;
    if (run === undefined) return undefined;
    const { data, marks } = run;
    const start = (marks[this.#next - 1] ?? 0) >>> 1;
    const last = marks[this.#next]!;
    // What was taken out may still wait for room: a run that is through is let go, and never written to again.
    if (++this.#next === run.messages) {
      this.#runs.shift();
      this.#next = 0;
    }
    return { data: data.subarray(start, last >>> 1), isBinary: (last & 1) === 1 };
  }

  #runFor(bytes: number): Run {
    const last = this.#runs.at(-1);
    if (last !== undefined && last.messages < last.marks.length && endOf(last) + bytes <= last.data.length) {
      return last;
    }
    const run = { data: new Uint8Array(RUN_BYTES), marks: new Uint32Array(RUN_MESSAGES), messages: 0 };
    this.#runs.push(run);
    return run;
  }
}

function mark(end: number, isBinary: boolean): number {
  return end * 2 + (isBinary ? 1 : 0);
}

function endOf({ marks, messages }: Run): number {
  return (marks[messages - 1] ?? 0) >>> 1;
}
