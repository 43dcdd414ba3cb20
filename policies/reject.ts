import { keepWhole, type OverloadPolicy, refusal } from "./policy.ts";

/**
 * Refuses a batch as a whole when it does not fit.
 *
 * Cost: the agent has to send it again, and loses it when it does not. Nothing of a refused batch is kept, so that a
 * retry makes no duplicates.
 *
 * @returns The policy.
 */
export function reject(): OverloadPolicy {
  return {
    name: "reject",
    admit(buffer, batch) {
      return refusal(buffer, batch) ??
        (buffer.fits(batch) ? keepWhole(buffer, batch) : { rejected: "overloaded" });
    },
  };
}
