// @ts-types="../types/deno_std_assert.d.ts"
import { assertEquals } from "@std/assert";
import type { DaemonProcess } from "./daemon_process.ts";

const encoder = new TextEncoder();

/**
 * Makes records that carry consecutive numbers, so that what is lost, doubled or out of order can be told.
 *
 * @param from The first number.
 * @param to The number behind the last one.
 * @param bytes Of each record, its line feed included; at least 32.
 * @returns NDJSON.
 */
export function numbered(from: number, to: number, bytes: number = 100): Uint8Array<ArrayBuffer> {
  const lines: string[] = [];
  for (let n = from; n < to; n++) {
    const head = `{"n":${n},"pad":"`;
    lines.push(`${head}${"x".repeat(bytes - head.length - 3)}"}\n`);
  }
  return encoder.encode(lines.join(""));
}

/**
 * Reads the numbers of such records back.
 *
 * @param text NDJSON, with or without envelopes.
 * @param source Only records with this source in their envelope; all, and without envelopes, when left out.
 * @returns The numbers, in the order of the lines.
 */
export function numbersIn(text: string | Uint8Array, source?: string): number[] {
  const lines = (typeof text === "string" ? text : new TextDecoder().decode(text)).split("\n");
  return lines.flatMap((line) => {
    if (line === "") return [];
    const value = JSON.parse(line);
    if (source === undefined) return [value.n];
    return value.source === source ? [value.record.n] : [];
  });
}

/**
 * Asserts which numbers there are, without printing thousands of them when it is others.
 *
 * @param actual The numbers that there are.
 * @param expected Ranges, each from its first number to the one behind its last, in order.
 */
export function assertNumbers(
  actual: readonly number[],
  ...expected: readonly (readonly [number, number])[]
): void {
  const ranges: [number, number][] = [];
  for (const n of actual) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n) last[1]++;
    else ranges.push([n, n + 1]);
  }
  const joined: [number, number][] = [];
  for (const [from, to] of expected) {
    if (from === to) continue;
    const last = joined.at(-1);
    if (last !== undefined && last[1] === from) last[1] = to;
    else joined.push([from, to]);
  }
  assertEquals(ranges.slice(0, 20), joined.slice(0, 20));
  assertEquals(ranges.length, joined.length);
}

/** The answer to a request. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  readonly body: any;
}

/**
 * Posts a body to a source.
 *
 * @param daemon Where to.
 * @param source Name of the source.
 * @param body NDJSON, unless told otherwise.
 * @param init As for `fetch`.
 */
export async function post(
  daemon: DaemonProcess,
  source: string,
  body: Uint8Array<ArrayBuffer> | string,
  init: RequestInit = {},
): Promise<Answer> {
  const response = await fetch(`${daemon.url}/v1/ingest/${source}`, {
    method: "POST",
    headers: { "Content-Type": "application/x-ndjson" },
    signal: AbortSignal.timeout(60_000),
    ...init,
    body,
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text) };
}

/** Records and bytes of a source's books. */
type Amounts = Record<
  "received" | "rejected" | "dropped" | "delivered" | "buffered",
  { records: number; bytes: number }
>;

/**
 * Asserts that books balance, in records and in bytes.
 *
 * @param ledger Of one source, from `/status` or the log.
 * @param name The name of the source.
 */
export function assertBalanced(ledger: Amounts, name: string): void {
  for (const unit of ["records", "bytes"] as const) {
    const { received, rejected, dropped, delivered, buffered } = ledger;
    const sum = rejected[unit] + dropped[unit] + delivered[unit] + buffered[unit];
    assertEquals(
      sum,
      received[unit],
      `ledger of ${name} does not balance in ${unit}: ${JSON.stringify(ledger)}`,
    );
  }
}

/** Where a stalled standard output is plugged: a source that needs nothing but that a record of it is in flight. */
export const PLUG = { policy: "block", batch: { linger: 0 } };

/**
 * Stalls the standard output for good, with one record that is larger than the kernel's pipe.
 *
 * @param daemon A daemon with `stdout: "stalled"` and a source `plug`, made as {@linkcode PLUG} says.
 */
export async function plugStdout(daemon: DaemonProcess): Promise<void> {
  const { status } = await post(daemon, "plug", numbered(0, 1, 512 * 1024));
  assertEquals(status, 202);
  await untilSource(daemon, "plug", ({ buffer }) => buffer.inFlight.records === 1);
}

/**
 * Waits until a source is as it should be.
 *
 * @param daemon The daemon.
 * @param source Name of the source.
 * @param condition Whether it is so, by what `/status` tells of the source.
 * @returns What `/status` tells of the source.
 */
export async function untilSource(
  daemon: DaemonProcess,
  source: string,
  // deno-lint-ignore no-explicit-any -- each test knows what it asked for
  condition: (status: any) => boolean,
  timeout: number = 20_000,
  // deno-lint-ignore no-explicit-any -- as above
): Promise<any> {
  const end = performance.now() + timeout;
  for (;;) {
    const status = (await daemon.statusJson()).sources[source];
    if (status !== undefined) {
      assertBalanced(status.ledger, source);
      if (condition(status)) return status;
    }
    if (performance.now() > end) {
      throw new Error(`Source ${source} did not come to be as expected: ${JSON.stringify(status)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
