import type { Batch } from "../../collector/batch.ts";
import { numbered } from "../../tests/e2e/numbered_records.ts";

/**
 * Makes one record that carries its number, as a batch.
 *
 * @param n The number.
 * @param bytes How long the record is; at least 32.
 * @returns The batch.
 */
export function numberedBatch(n: number, bytes: number): Batch {
  return { format: "json", data: numbered(n, n + 1, bytes), ends: Uint32Array.of(bytes) };
}
