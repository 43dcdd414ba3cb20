import { type Accepted, keepWhole, type OverloadPolicy, refusal } from "./policy.ts";
import { amountOf, type Batch } from "../collector/batch.ts";
import type { BoundedBuffer } from "../collector/buffer.ts";

/**
 * Makes room by letting the oldest records go, exactly as many as needed.
 *
 * Cost: the oldest records that no sink has begun to write. Those in flight cannot be taken back, so where they leave
 * too little room for the whole batch, the batch's own oldest records are dropped: of everything that is not in
 * flight, always the newest stay.
 *
 * @returns The policy.
 */
export function dropOldest(): OverloadPolicy {
  return {
    name: "drop_oldest",
    admit(buffer, batch) {
      return refusal(buffer, batch) ??
        (buffer.fits(batch) ? keepWhole(buffer, batch) : keepTheNewest(buffer, batch));
    },
  };
}

function keepTheNewest(buffer: BoundedBuffer, batch: Batch): Accepted {
  const first = buffer.firstThatCouldFit(batch);
  const dropped = amountOf(batch, first);
  const all = amountOf(batch);
  const accepted = { records: all.records - dropped.records, bytes: all.bytes - dropped.bytes };
  const evicted = buffer.evictFor(accepted);
  if (accepted.records > 0) buffer.append(batch, first);
  return { accepted, dropped, evicted, position: buffer.position };
}
