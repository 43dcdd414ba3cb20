/**
 * Makes one of the records that everything is measured with.
 *
 * @param n Its number.
 * @returns A JSON value of 199 bytes and a line feed.
 */
export function recordLine(n: number): string {
  const seq = 1_000_000 + n;
  const record =
    `{"ts":"2026-11-23T18:00:00.000Z","host":"web01","name":"http_requests","value":12345.678,"labels":` +
    `{"method":"GET","path":"/api/v1/items","status":"200","region":"eu-west-1"},"seq":${seq},"pad":"`;
  return `${record}${"x".repeat(197 - record.length)}"}\n`;
}
