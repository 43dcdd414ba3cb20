import type { Amount, Batch } from "../collector/batch.ts";
import type { BoundedBuffer } from "../collector/buffer.ts";

/** The overload policies, by the name that the config gives them. */
export type PolicyName = "block" | "drop_newest" | "drop_oldest" | "reject";

/** A batch of which something, or nothing, was kept, and what that cost. */
export interface Accepted {
  /** Records of the batch that are in the buffer now. */
  readonly accepted: Amount;
  /** Records of the batch that did not fit and were discarded. */
  readonly dropped: Amount;
  /** Older records that left the buffer to make room. */
  readonly evicted: Amount;
  /** How many records the buffer had ever admitted after this batch: the place of its last record in the stream. */
  readonly position: number;
}

/** A batch of which nothing was kept, and why. */
export interface Rejected {
  /**
   * - `overloaded`: there is no room, and waiting did not help.
   * - `too_large`: it is larger than the whole buffer, so that it can never fit.
   * - `closed`: the buffer takes nothing any more.
   * - `aborted`: whoever offered it went away while it waited.
   */
  readonly rejected: "overloaded" | "too_large" | "closed" | "aborted";
}

/** What became of a batch: an expected outcome is a value, not an exception. */
export type Admission = Accepted | Rejected;

/** Whoever offers a batch: a `Request`, for one. Only who has to wait is asked for its signal, which is made on demand. */
export interface Producer {
  /** Aborted when the producer goes away. */
  readonly signal: AbortSignal;
}

/** What happens to records that do not fit in a buffer. A policy knows the buffer and nothing of where batches come from. */
export interface OverloadPolicy {
  readonly name: PolicyName;
  /**
   * Offers a batch to a buffer.
   *
   * @param buffer Where the batch shall go.
   * @param batch Its records. All of them are decided on when the result is there.
   * @param producer Who offers it.
   * @returns What was kept, or why nothing was.
   */
  admit(buffer: BoundedBuffer, batch: Batch, producer: Producer): Admission | Promise<Admission>;
}

/** No records at all. */
export const NOTHING: Amount = { records: 0, bytes: 0 };

/**
 * Keeps a whole batch in a buffer that has room for it.
 *
 * @param buffer A buffer that holds the batch after this.
 * @param batch The batch.
 * @returns The admission that says so.
 */
export function keepWhole(buffer: BoundedBuffer, batch: Batch): Accepted {
  const accepted = buffer.append(batch);
  return {
    accepted,
    dropped: NOTHING,
    evicted: NOTHING,
    position: buffer.position,
  };
}

/**
 * Says why a batch cannot even be considered.
 *
 * @param buffer Where the batch shall go.
 * @param batch The batch.
 * @returns The rejection, or nothing when the policy has to decide.
 */
export function refusal(buffer: BoundedBuffer, batch: Batch): Rejected | undefined {
  if (buffer.closed) return { rejected: "closed" };
  if (!buffer.canEverHold(batch)) return { rejected: "too_large" };
  return undefined;
}
