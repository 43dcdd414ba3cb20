import { notWritten } from "./ingest_answer.ts";
import type { MessageReplies } from "./message_replies.ts";
import type { Refusal } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { Accepted } from "../policies/mod.ts";

/** The subprotocol with flow control and acknowledgements. */
export const PENSTOCK_V1 = "penstock.v1";

/** How long a client should wait before it sends a refused message again, in milliseconds; HTTP's `Retry-After` says the same. */
const RETRY_AFTER = 1000;

/** So many bytes may be on their way to a client before no more of its messages are looked at. */
const MOST_UNREAD = 64 * 1024;

/** The way back to a client. */
export interface ClientChannel {
  /** How many bytes wait for the client to read. */
  readonly bufferedAmount: number;
  /**
   * Sends a text message.
   *
   * @param text The message.
   * @param sent Is called when the system has taken it, or never will.
   */
  send(text: string, sent: () => void): void;
}

/** Options of {@linkcode Acknowledgements}. */
export interface AcknowledgementsOptions {
  /** Where the records go; messages are acknowledged at its level. */
  readonly source: Source;
  /** How many messages may be under way without an acknowledgement. */
  readonly credit: number;
  readonly channel: ClientChannel;
  /** Is called after {@linkcode Acknowledgements.drain}, once everything that was admitted is settled and told. */
  readonly onDrained: () => void;
}

interface Counts {
  accepted: number;
  dropped: number;
  evicted: number;
}

/** Messages, one after the other, that are settled together. */
interface Settling {
  readonly from: number;
  readonly to: number;
  readonly counts: Counts;
  settled: boolean;
}

/**
 * What a client of `penstock.v1` is told: a greeting with its credit, acknowledgements of everything up to a message, and
 * refusals of single messages.
 *
 * Only one acknowledgement is on its way at a time. What is settled meanwhile is summed up in the next one, so that a
 * client that reads slowly gets fewer of them and not a queue of them.
 */
export class Acknowledgements implements MessageReplies {
  readonly #source: Source;
  readonly #channel: ClientChannel;
  readonly #onDrained: () => void;
  readonly #settling: Settling[] = [];
  #sum: Counts = { accepted: 0, dropped: 0, evicted: 0 };
  #credit: number;
  /** How many messages have come. */
  #received = 0;
  /** Up to this message a policy has decided. */
  #decided = 0;
  /** Up to this message all are settled. */
  #settled = 0;
  /** Up to this message all were told to be settled. */
  #told = 0;
  /**
   * Those behind `#told` whose refusal the system has taken. One that the client leaves unread in the end gives no credit
   * back, or else a client that never reads would be sent refusals without an end.
   */
  readonly #refused = new Set<number>();
  #sending = false;
  #due = false;
  #draining = false;
  #wake: (() => void) | undefined;

  /** @param options What it is made of. */
  constructor({ source, credit, channel, onDrained }: AcknowledgementsOptions) {
    this.#source = source;
    this.#credit = credit;
    this.#channel = channel;
    this.#onDrained = onDrained;
  }

  /** Tells the client its credit. */
  greet(): void {
    this.#send({ type: "hello", credit: this.#credit });
  }

  /**
   * Counts a message that has come.
   *
   * @returns Whether the client had the credit to send it.
   */
  receive(): boolean {
    this.#received++;
    return this.#draining || this.#received - this.#told - this.#refused.size <= this.#credit;
  }

  admitted(messages: number, { accepted, dropped, evicted, position }: Accepted): void {
    const { records } = accepted;
    const settling = this.#decide(messages, {
      accepted: records,
      dropped: dropped.records,
      evicted: evicted.records,
    });
    if (this.#source.config.ack === "buffered" || records === 0) {
      this.#settle(settling);
      return;
    }
    this.#source.settled(position, records).then((settlement) => {
      if (settlement === "lost") this.#lose(settling);
      this.#settle(settling);
    });
  }

  refused(refusal: Refusal): boolean {
    if (refusal.code === "shutting_down") return false; // neither settled nor refused: the client sends it again, elsewhere
    const settling = this.#decide(1, { accepted: 0, dropped: 0, evicted: 0 });
    this.#refuse(refusal, settling.to);
    this.#settle(settling);
    return true;
  }

  caughtUp(): Promise<void> | undefined {
    if (this.#channel.bufferedAmount <= MOST_UNREAD) return undefined;
    return new Promise((resolve) => this.#wake = resolve);
  }

  /** Takes the credit away. What was admitted is still acknowledged. */
  drain(): void {
    this.#draining = true;
    this.#credit = 0;
    if (this.#sending) this.#due = true;
    else this.#acknowledge();
  }

  /** Tells at once what is settled and was not told yet, because nothing can be told any more afterwards. */
  finish(): void {
    if (this.#settled > this.#told || this.#due) this.#acknowledge();
  }

  /** The client is gone: nobody need wait for it. */
  close(): void {
    this.#wake?.();
  }

  #decide(messages: number, counts: Counts): Settling {
    const from = this.#decided + 1;
    const settling = { from, to: this.#decided += messages, counts, settled: false };
    this.#settling.push(settling);
    return settling;
  }

  /** They were admitted, and then a sink did not take them, or not all of them. */
  #lose(settling: Settling): void {
    const refusal = notWritten(this.#source, settling.counts);
    settling.counts.accepted = 0;
    for (let seq = settling.from; seq <= settling.to; seq++) this.#refuse(refusal, seq);
  }

  #refuse({ status, code, message }: Refusal, seq: number): void {
    const nack = { type: "nack", seq, code, message, ...(status === 503 && { retryAfterMs: RETRY_AFTER }) };
    this.#send(nack, () => {
      if (seq > this.#told) this.#refused.add(seq);
    });
  }

  #settle(settling: Settling): void {
    settling.settled = true;
    let count = 0;
    for (const { settled, to, counts } of this.#settling) {
      if (!settled) break;
      count++;
      this.#settled = to;
      this.#sum.accepted += counts.accepted;
      this.#sum.dropped += counts.dropped;
      this.#sum.evicted += counts.evicted;
    }
    if (count === 0) return;
    this.#settling.splice(0, count);
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      if (this.#due && !this.#sending) this.#acknowledge();
    });
  }

  #acknowledge(): void {
    this.#due = false;
    this.#told = this.#settled;
    for (const seq of this.#refused) if (seq <= this.#told) this.#refused.delete(seq);
    const sum = this.#sum;
    this.#sum = { accepted: 0, dropped: 0, evicted: 0 };
    this.#sending = true;
    this.#send({ type: "ack", seq: this.#told, ...sum, credit: this.#credit }, () => {
      this.#sending = false;
      if (this.#due) this.#acknowledge();
      else if (this.#draining && this.#settling.length === 0) this.#onDrained();
    });
  }

  #send(message: Record<string, unknown>, sent?: () => void): void {
    this.#channel.send(JSON.stringify(message), () => {
      if (this.#channel.bufferedAmount <= MOST_UNREAD) this.#wake?.();
      sent?.();
    });
  }
}
