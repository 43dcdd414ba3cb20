import { type Amount, amountOf, type BufferedBatch } from "../collector/batch.ts";
import { rangesWithin, type RecordRange, selectRecords } from "../collector/record_ranges.ts";
import type { Origin, Sent, SinkSender } from "./sink_sender.ts";
import type { Sending } from "./turn.ts";

/** Where a batch comes from, as far as its delivery has to know it. */
export interface DeliveryOrigin extends Origin {
  /** Books that a batch which one sink did not take is in its dead letter sink, or in the last of a chain of those. */
  deadLettered(sink: string, amount: Amount): void;
}

/**
 * One batch on its way to the sinks of its source, and from those that do not take it to their dead letter sinks.
 *
 * However many ways lead to a sink, the batch is sent there once. So a sink that is itself one of the source's, or the
 * dead letter sink of two of them, does not have its records twice. (But where one sink leaves some records and another
 * one does not take the batch at all, the dead letter sink of both has those some in both.)
 */
export class Delivery {
  readonly #batch: BufferedBatch;
  readonly #source: DeliveryOrigin;
  readonly #senders: ReadonlyMap<string, SinkSender>;
  readonly #begun = new Map<SinkSender, Promise<Sent>>();
  /** What is sent to each last. A sink gets one thing at a time of a source, the whole batch or some records of it. */
  readonly #last = new Map<SinkSender, Promise<Sent>>();

  /**
   * @param batch The batch.
   * @param source Where it comes from.
   * @param senders Every sink by its name. Their dead letter sinks are among them, and no chain of those is a circle.
   */
  constructor(batch: BufferedBatch, source: DeliveryOrigin, senders: ReadonlyMap<string, SinkSender>) {
    this.#batch = batch;
    this.#source = source;
    this.#senders = senders;
  }

  /**
   * Sends the batch to a sink, unless it is on its way there already.
   *
   * @param sender The sink.
   * @param sending What a turn at the sender began with, if there was one.
   * @returns How it ended: `delivered` too if the dead letter sink has it.
   */
  to(sender: SinkSender, sending?: Sending): Promise<Sent> {
    let sent = this.#begun.get(sender);
    if (sent === undefined) {
      sent = this.#inTurn(sender, () => this.#send(sender, this.#batch, sending));
      this.#begun.set(sender, sent);
    }
    return sent;
  }

  #inTurn(sender: SinkSender, send: () => Promise<Sent>): Promise<Sent> {
    const before = this.#last.get(sender);
    const sent = before === undefined ? send() : before.then(send, send);
    this.#last.set(sender, sent);
    return sent;
  }

  async #send(sender: SinkSender, batch: BufferedBatch, sending?: Sending): Promise<Sent> {
    const sent = await sender.send(batch, this.#source, sending);
    const { deadLetter } = sender;
    if (sent === "delivered" || sent === "aborted" || deadLetter === undefined) return sent;
    const next = this.#senders.get(deadLetter)!;
    if (sent !== "given_up") return await this.#sendUntaken(sender, batch, sent.untaken, next);
    const whole = batch === this.#batch;
    const instead = whole ? await this.to(next) : await this.#sendPart(next, batch);
    if (instead === "delivered") this.#source.deadLettered(sender.name, amountOf(batch));
    return instead;
  }

  async #sendUntaken(
    sender: SinkSender,
    batch: BufferedBatch,
    untaken: readonly RecordRange[],
    next: SinkSender,
  ): Promise<Sent> {
    const part = selectRecords(batch, untaken);
    const instead = await this.#sendPart(next, part);
    if (instead === "delivered") this.#source.deadLettered(sender.name, amountOf(part));
    if (instead === "delivered" || instead === "aborted") return instead;
    return { untaken: instead === "given_up" ? untaken : rangesWithin(untaken, instead.untaken) };
  }

  /** Sends some records to a sink, unless it gets the whole batch. */
  #sendPart(sender: SinkSender, part: BufferedBatch): Promise<Sent> {
    return this.#begun.get(sender) ?? this.#inTurn(sender, () => this.#send(sender, part));
  }
}
