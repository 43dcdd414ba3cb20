import type { Batch } from "./batch.ts";
import { frameBinary, frameNdjson, frameValues, type Framing } from "./framing.ts";
import { framingRefusal, rejectionRefusal } from "./ingest_answer.ts";
import { framingLimits } from "./ingest_request.ts";
import { applyMask } from "./frame_mask.ts";
import type { MessageAssembly } from "./message_assembly.ts";
import type { MessageReplies } from "./message_replies.ts";
import { INCLUDED_MESSAGE } from "./message_memory.ts";
import { MessageQueue, type WaitingMessage } from "./message_queue.ts";
import type { Refusal } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { Admission, Producer } from "../policies/mod.ts";

/** From this size on a frame is offered by itself: to copy it once more costs as much as an offer. */
const LARGE_FRAME = 4 * 1024;

/** From this size on a text is framed by itself. */
const LARGE_TEXT = 64 * 1024;

/** Options of {@linkcode MessageIntake}. */
export interface MessageIntakeOptions {
  /** Where the records go. */
  readonly source: Source;
  /** The most bytes of a record. */
  readonly record: number;
  /** Who sends the messages. */
  readonly producer: Producer;
  /** What the client is told. */
  readonly replies: MessageReplies;
  /** Where small messages are brought together; shared by all connections. */
  readonly assembly: MessageAssembly;
  /** Whether every message that waits is booked; otherwise only those that are too large to have come in one read. */
  readonly booksAll?: boolean;
  /** Is told whether messages wait, so that no more are read. */
  readonly onWaiting: (waiting: boolean) => void;
  /** Is told of a text that is not UTF-8, which ends a connection whatever the client otherwise agreed to. */
  readonly onNotUtf8: (reason: string) => void;
  /** Is told of an error that no client can have caused. */
  readonly onDefect: (error: unknown) => void;
}

/**
 * Brings the messages of one connection into its source, in order.
 *
 * The small messages of one read are offered together where it is certain that the policy decides at once. Where it is
 * not, or where one of them is not valid, each is offered by itself, so that each is admitted or refused as a whole; while
 * one waits, those behind it wait in a queue, and nothing more is read. So the queue never holds more than what one read of
 * the socket completed.
 */
export class MessageIntake {
  readonly #source: Source;
  readonly #record: number;
  readonly #producer: Producer;
  readonly #replies: MessageReplies;
  readonly #assembly: MessageAssembly;
  readonly #booksAll: boolean;
  readonly #onWaiting: (waiting: boolean) => void;
  readonly #onNotUtf8: (reason: string) => void;
  readonly #onDefect: (error: unknown) => void;
  readonly #queue = new MessageQueue();
  #waiting = false;
  #flushDue = false;
  #stopped = false;

  /** @param options What it is made of. */
  constructor(options: MessageIntakeOptions) {
    const { source, record, producer, replies, assembly, onWaiting, onDefect } = options;
    this.#source = source;
    this.#record = record;
    this.#producer = producer;
    this.#replies = replies;
    this.#assembly = assembly;
    this.#onWaiting = onWaiting;
    this.#booksAll = options.booksAll ?? false;
    this.#onNotUtf8 = options.onNotUtf8;
    this.#onDefect = onDefect;
  }

  /**
   * Takes a message in.
   *
   * @param data The message. It is copied, unless it has its memory to itself.
   * @param isBinary Whether it is a frame, and not text.
   */
  add(data: Uint8Array, isBinary: boolean): void {
    this.addMasked(data, 0, data.length, 0, isBinary);
  }

  /**
   * Takes a message in that is a part of something, and may be masked.
   *
   * @param bytes Where it is. It is copied, unless it is all of that memory; and the mask is taken off there.
   * @param start Where it begins.
   * @param end Where it ends.
   * @param key The key that it is masked with, the byte for `start` lowest; 0 where it is not.
   * @param isBinary Whether it is a frame, and not text.
   */
  addMasked(bytes: Uint8Array, start: number, end: number, key: number, isBinary: boolean): void {
    if (this.#stopped) return;
    if (this.#waiting || end - start >= (isBinary ? LARGE_FRAME : LARGE_TEXT)) {
      if (key !== 0) applyMask(bytes, start, end, key);
      return this.#addAlone(bytes.subarray(start, end), isBinary);
    }
    const format = isBinary ? "binary" : "json";
    if (!this.#assembly.add(this, bytes, start, end, key, format)) {
      this.flush();
      // While messages wait nothing is brought together; otherwise there is room now.
      return this.addMasked(bytes, start, end, key, isBinary);
    }
    if (this.#flushDue) return;
    this.#flushDue = true;
    queueMicrotask(this.#flushLater);
  }

  #addAlone(data: Uint8Array, isBinary: boolean): void {
    if (!this.#waiting) this.flush();
    if (!this.#waiting && isBinary && this.#offerFrame(data)) return;
    this.#source.memory.charge(this.#bookedBytes(this.#queue.add(data, isBinary)));
    if (!this.#waiting) this.#offerQueued();
  }

  /** Whether messages wait for room, or for the client to read what it was told. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /** Offers the small messages that came so far. An error is told to nobody but `onDefect`: others flush too. */
  flush(): void {
    const { messages, format } = this.#assembly;
    if (messages === 0 || !this.#assembly.isOf(this)) return;
    try {
      const batch = format === "json" ? this.#frameTogether() : this.#packFrames();
      if (batch === undefined || !this.#offerAtOnce(batch, messages)) this.#separate(format === "binary");
      else this.#assembly.clear();
    } catch (error) {
      this.#assembly.clear(); // or else every connection would meet with it
      this.#onDefect(error);
    }
  }

  /** Looks at no message any more that comes from now on, or that stands behind one that waits. */
  stop(): void {
    this.flush();
    this.#stopped = true;
  }

  readonly #flushLater = (): void => {
    this.#flushDue = false;
    this.flush();
  };

  /** What is not valid as a whole is looked at message by message. */
  #frameTogether(): Batch | undefined {
    const framing = frameNdjson(this.#assembly.copy(), framingLimits(this.#source, this.#record));
    return framing.ok ? framing.batch : undefined;
  }

  #packFrames(): Batch | undefined {
    const { bytes, ends } = this.#assembly;
    let start = 0;
    for (const end of ends) {
      // A frame without a byte is no record, and one that is too large is to be refused.
      if (end === start || end - start > this.#record) return undefined;
      start = end;
    }
    return { format: "binary", data: bytes, ends };
  }

  /** Offers a batch if the policy decides at once, on the whole of it, and without a refusal. */
  #offerAtOnce(batch: Batch, messages: number): boolean {
    const { buffer, policy } = this.#source;
    if (buffer.closed || !buffer.canEverHold(batch)) return false;
    const mayRefuse = policy.name === "block" || policy.name === "reject";
    if (mayRefuse && (buffer.producersWaiting > 0 || !buffer.fits(batch))) return false;
    const admission = this.#source.offer(batch, this.#producer);
    if (admission instanceof Promise || "rejected" in admission) {
      throw new TypeError(
        `Cannot offer ${messages} messages at once: policy ${policy.name} did not keep them`,
      );
    }
    this.#replies.admitted(messages, admission);
    return true;
  }

  /** Offers a frame at once where that takes no copy of it. */
  #offerFrame(data: Uint8Array): boolean {
    const framing = frameBinary(data, { record: this.#record });
    return framing.ok && this.#offerAtOnce({ ...framing.batch, owned: hasOwnMemory(data) }, 1);
  }

  #separate(isBinary: boolean): void {
    const { bytes, ends } = this.#assembly;
    this.#queue.addAll(bytes, ends, isBinary);
    let start = 0;
    for (const end of ends) {
      this.#source.memory.charge(this.#bookedBytes(end - start));
      start = end;
    }
    this.#assembly.clear();
    this.#offerQueued();
  }

  /** Offers one queued message after the other, until one has to wait; goes on when it has waited. */
  #offerQueued(): void {
    for (let message = this.#queue.take(); message !== undefined; message = this.#queue.take()) {
      const booked = this.#bookedBytes(message.data.length);
      const wait = this.#stopped ? undefined : this.#offer(message) ?? this.#replies.caughtUp();
      if (wait !== undefined) {
        if (!this.#waiting) this.#onWaiting(this.#waiting = true);
        wait.catch(this.#onDefect).then(() => {
          this.#source.memory.release(booked);
          this.#offerQueued();
        }).catch(this.#onDefect);
        return;
      }
      this.#source.memory.release(booked);
    }
    if (this.#waiting) this.#onWaiting(this.#waiting = false);
  }

  #offer({ data, isBinary }: WaitingMessage): Promise<void> | undefined {
    const framing = this.#frame(data, isBinary);
    if (!framing.ok) {
      this.#source.ledger.refuse(framing.code);
      const refusal = framingRefusal(this.#source, framing);
      if (framing.notUtf8 === true) {
        this.stop();
        this.#onNotUtf8(refusal.message);
      } else this.#refuse(refusal);
      return undefined;
    }
    const { batch } = framing;
    const admission = this.#source.offer({ ...batch, owned: hasOwnMemory(batch.data) }, this.#producer);
    if (admission instanceof Promise) return admission.then((admission) => this.#tell(admission));
    this.#tell(admission);
    return undefined;
  }

  #frame(data: Uint8Array, isBinary: boolean): Framing {
    const limits = framingLimits(this.#source, this.#record);
    if (isBinary) return frameBinary(data, limits);
    const framing = frameNdjson(data, limits);
    // Values that are not one a line may need a byte more, which in this memory is the next message's.
    return framing.ok || framing.code === "too_large" ? framing : frameValues(new Uint8Array(data), limits);
  }

  #tell(admission: Admission): void {
    if ("rejected" in admission) this.#refuse(rejectionRefusal(this.#source, admission));
    else this.#replies.admitted(1, admission);
  }

  #refuse(refusal: Refusal): void {
    if (!this.#replies.refused(refusal)) this.stop();
  }

  /** Smaller messages are within what their connection has reserved for one read of its socket. */
  #bookedBytes(length: number): number {
    return this.#booksAll || length >= INCLUDED_MESSAGE ? length : 0;
  }
}

function hasOwnMemory(data: Uint8Array): boolean {
  return data.length === data.buffer.byteLength;
}
