import { type Accepted, keepWhole, NOTHING, type OverloadPolicy, refusal } from "./policy.ts";
import type { BoundedBuffer } from "../collector/buffer.ts";
import { type Batch, weightOf } from "../collector/batch.ts";

/**
 * Discards what does not fit: each record is judged as if it came alone, so that exactly those are lost that have no
 * room. A record that carries several is discarded as a whole, and counts as so many.
 *
 * Cost: the newest records, while the buffer is full. Right for samples that the next one replaces.
 *
 * @returns The policy.
 */
export function dropNewest(): OverloadPolicy {
  return {
    name: "drop_newest",
    admit(buffer, batch) {
      return refusal(buffer, batch) ??
        (buffer.fits(batch) ? keepWhole(buffer, batch) : keepWhatFits(buffer, batch));
    },
  };
}

function keepWhatFits(buffer: BoundedBuffer, batch: Batch): Accepted {
  const total = batch.ends.length;
  let records = 0;
  let bytes = 0;
  let next = 0;
  while (next < total && !buffer.full) {
    const end = next + buffer.room(batch, next);
    if (end > next) {
      const kept = buffer.append(batch, next, end);
      bytes += kept.bytes;
      records += kept.records;
    }
    next = end + 1; // the record at `end` is too large for the bytes that are left; a smaller one may still fit
  }
  return {
    accepted: { records, bytes },
    dropped: { records: weightOf(batch) - records, bytes: batch.data.length - bytes },
    evicted: NOTHING,
    position: buffer.position,
  };
}
