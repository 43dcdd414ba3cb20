import type { Amount } from "../../collector/batch.ts";
import type { BoundedBuffer } from "../../collector/buffer.ts";
import type { Accepted, Admission, OverloadPolicy } from "../../policies/mod.ts";
import { jsonBatch } from "../sinks/batches.ts";

/** No limit on what is taken. */
export const ALL: Amount = { records: 1_000_000, bytes: 1_000_000_000 };

/**
 * Offers lines to a buffer under a policy. In JSON each counts one byte more, for its line feed.
 *
 * @param policy The policy.
 * @param buffer The buffer.
 * @param lines The records.
 * @param signal Whether the producer is still there.
 */
export function offer(
  policy: OverloadPolicy,
  buffer: BoundedBuffer,
  lines: string[],
  signal: AbortSignal = new AbortController().signal,
): Admission | Promise<Admission> {
  return policy.admit(buffer, jsonBatch(lines), { signal });
}

/** An admission, each amount as records and bytes. */
export function accepted(
  position: number,
  [records, bytes]: [number, number],
  { dropped = [0, 0], evicted = [0, 0] }: { dropped?: [number, number]; evicted?: [number, number] } = {},
): Accepted {
  return {
    accepted: { records, bytes },
    dropped: { records: dropped[0], bytes: dropped[1] },
    evicted: { records: evicted[0], bytes: evicted[1] },
    position,
  };
}

/** Takes and commits everything, and says what it was. */
export function drain(buffer: BoundedBuffer): string[] {
  const lines: string[] = [];
  if (buffer.inFlight !== undefined) buffer.commit();
  for (let batch = buffer.take(ALL); batch !== undefined; batch = buffer.take(ALL)) {
    lines.push(...new TextDecoder().decode(batch.data).trimEnd().split("\n"));
    buffer.commit();
  }
  return lines;
}
