const LONGEST = 60;

/**
 * Shows a refused value in a message the way it is written in JSON, cut where it is long.
 *
 * @param value The value.
 * @returns Its JSON text of at most 60 characters, the last of which is `…` where some were cut off.
 */
export function quote(value: unknown): string {
  const text = toText(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}

function toText(value: unknown): string {
  // JSON has no text for these: numbers too large for a double (`1e999` parses to Infinity) would show as null.
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
