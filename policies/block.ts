import { amountOf } from "../collector/batch.ts";
import { keepWhole, NOTHING, type OverloadPolicy, refusal } from "./policy.ts";

/** Options of {@linkcode block}. */
export interface BlockOptions {
  /** How long a producer waits for room before its batch is rejected, in milliseconds. */
  readonly timeout: number;
}

/**
 * Makes the producer wait until there is room, first come first served.
 *
 * Cost: latency, handed down to the agent. Whoever called does not read the agent's socket meanwhile, so that the
 * kernel's window closes and the agent's own write blocks. A batch that waited for the whole timeout is rejected.
 *
 * @param options How long to wait.
 * @returns The policy.
 */
export function block({ timeout }: BlockOptions): OverloadPolicy {
  return {
    name: "block",
    admit(buffer, batch, producer) {
      const refused = refusal(buffer, batch);
      if (refused !== undefined) return refused;
      if (buffer.producersWaiting === 0 && buffer.fits(batch)) return keepWhole(buffer, batch);
      return buffer.waitForRoom(batch, { timeout, signal: producer.signal }).then((outcome) => {
        switch (outcome.status) {
          case "admitted":
            return {
              accepted: amountOf(batch),
              dropped: NOTHING,
              evicted: NOTHING,
              position: outcome.position,
            };
          case "closed":
          case "aborted":
            return { rejected: outcome.status };
          case "timeout":
          case "crowded":
            return { rejected: "overloaded" };
        }
      });
    },
  };
}
