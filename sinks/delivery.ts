import { type Amount, amountOf, type BufferedBatch } from "../collector/batch.ts";
import type { Origin, Sending, Sent, SinkSender } from "./sink_sender.ts";

/** Where a batch comes from, as far as its delivery has to know it. */
export interface DeliveryOrigin extends Origin {
  /** Books that a batch which one sink did not take is in its dead letter sink, or in the last of a chain of those. */
  deadLettered(sink: string, amount: Amount): void;
}

/**
 * One batch on its way to the sinks of its source, and from those that do not take it to their dead letter sinks.
 *
 * However many ways lead to a sink, the batch is sent there once. So a sink that is itself one of the source's, or the
 * dead letter sink of two of them, does not have its records twice.
 */
export class Delivery {
  readonly #batch: BufferedBatch;
  readonly #source: DeliveryOrigin;
  readonly #senders: ReadonlyMap<string, SinkSender>;
  readonly #begun = new Map<SinkSender, Promise<Sent>>();

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
   * @param sending What the sender's `begin()` returned, if it was called.
   * @returns How it ended: `delivered` too if the dead letter sink has it.
   */
  to(sender: SinkSender, sending?: Sending): Promise<Sent> {
    let sent = this.#begun.get(sender);
    if (sent === undefined) this.#begun.set(sender, sent = this.#send(sender, sending));
    return sent;
  }

  async #send(sender: SinkSender, sending: Sending | undefined): Promise<Sent> {
    const sent = await sender.send(this.#batch, this.#source, sending);
    if (sent !== "given_up" || sender.deadLetter === undefined) return sent;
    const instead = await this.to(this.#senders.get(sender.deadLetter)!);
    if (instead === "delivered") this.#source.deadLettered(sender.name, amountOf(this.#batch));
    return instead;
  }
}
