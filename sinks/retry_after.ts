/** Waiting longer than this at somebody else's word is not patience; it is also below what a timer can hold. */
const LONGEST = 24 * 3_600_000;

/**
 * Reads a `Retry-After` header: seconds, or a date of HTTP (RFC 9110, section 10.2.3).
 *
 * @param header Its value, `null` when there is none.
 * @param now The present, in milliseconds since the Unix epoch.
 * @returns For how long not to come again, in milliseconds, at most a day; nothing when it does not say.
 */
export function parseRetryAfter(header: string | null, now: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST);
  // Anything else that Date.parse() would make a time of, "-5" for one, is no date of HTTP.
  if (!/^[A-Z][a-z]{2,8},? .*\d{2}:\d{2}:\d{2}/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.min(Math.max(0, time - now), LONGEST);
}
