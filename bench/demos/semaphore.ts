/**
 * The daemon's semaphore in front of a slow HTTP server: who gets a permit at once, who waits and for how long, and how many
 * requests the server has at once, counted by the server.
 *
 * Usage: `deno task demo:semaphore [--quick] [--plots DIRECTORY]`
 */
// @ts-types="../../collector/types/deno_std_async.d.ts"
import { delay } from "@std/async/delay";
import { Semaphore } from "../../sinks/semaphore.ts";
import { type Outcome, runFromCommandLine } from "./demonstration.ts";
import { COLOR, type Point, renderPlot } from "./plot.ts";
import type { Screen } from "./screen.ts";
import { SlowServer } from "./slow_server.ts";
import { tableLines } from "./table.ts";

/** Options of {@linkcode limitRequests}. */
export interface SemaphoreOptions {
  /** How many permits there are. */
  readonly permits: number;
  /** How many requests come in a burst. */
  readonly burst: number;
  /** How many come after it, so slowly that each gets its permit at once. */
  readonly stragglers: number;
}

/** What became of one request; times in seconds since the first. */
export interface LimitedRequest {
  /** From 0. */
  readonly number: number;
  readonly asked: number;
  readonly granted: number;
  readonly answered: number;
  /** How long it waited for its permit, in milliseconds, as the permit says; 0 when it got it at once. */
  readonly waited: number;
}

/** What came of all of them. */
export interface SemaphoreResult {
  readonly requests: readonly LimitedRequest[];
  /** The most requests that the server had at once. */
  readonly mostInFlight: number;
  /** How many requests the server answered. */
  readonly answered: number;
  /** As the semaphore counts them. */
  readonly immediate: number;
  readonly waited: number;
}

/** What the server can take. */
const MOST = 5;
const BURST_GAP = 25;
const STRAGGLER_GAP = 500;

/** Of different lengths, and the same in every run. */
function serverTime(request: number): number {
  return 150 + request * 67 % 300;
}

/**
 * Sends requests to a slow server, each under a permit.
 *
 * @param screen Where each request is logged.
 * @param options How many.
 * @returns What came of them.
 */
export async function limitRequests(screen: Screen, options: SemaphoreOptions): Promise<SemaphoreResult> {
  const { permits, burst, stragglers } = options;
  const semaphore = new Semaphore({ permits });
  await using server = new SlowServer(serverTime);
  const start = performance.now();
  const seconds = () => (performance.now() - start) / 1000;
  const send = async (number: number): Promise<LimitedRequest> => {
    const asked = seconds();
    using permit = await semaphore.acquire();
    const granted = seconds();
    const response = await fetch(`${server.url}/${number}`);
    await response.body?.cancel();
    if (!response.ok) throw new Error(`request ${number} was answered ${response.status}`);
    const { waited } = permit;
    const got = waited === 0 ? "permit at once" : `permit after ${waited.toFixed(0)} ms`;
    const answered = seconds();
    screen.print(
      `request ${String(number).padStart(2)}  ${got.padEnd(20)}  answered after ${
        ((answered - granted) * 1000).toFixed(0)
      } ms  in flight ${server.inFlight}  waiting ${semaphore.waiting}`,
    );
    return { number, asked, granted, answered, waited };
  };
  const sent: Promise<LimitedRequest>[] = [];
  for (let number = 0; number < burst; number++) {
    sent.push(send(number));
    await delay(BURST_GAP);
  }
  const requests = await Promise.all(sent);
  for (let number = burst; number < burst + stragglers; number++) {
    requests.push(await send(number));
    if (number < burst + stragglers - 1) await delay(STRAGGLER_GAP - serverTime(number));
  }
  const { most: mostInFlight, answered } = server;
  const { immediate, waited } = semaphore;
  return { requests, mostInFlight, answered, immediate, waited };
}

/**
 * Says what was not as claimed.
 *
 * @param result What came of the requests.
 * @param options What was asked for.
 * @returns A sentence for each claim that does not hold.
 */
export function brokenClaims(
  { requests, mostInFlight, answered, immediate, waited }: SemaphoreResult,
  { burst, stragglers }: SemaphoreOptions,
): string[] {
  const broken: string[] = [];
  if (mostInFlight > MOST) {
    broken.push(`the server counted ${mostInFlight} requests at once, more than ${MOST}`);
  }
  if (answered !== burst + stragglers || requests.length !== answered || immediate + waited !== answered) {
    broken.push(
      `${
        burst + stragglers
      } requests, ${immediate} permits at once, ${waited} after a wait, ${answered} answers`,
    );
  }
  return broken;
}

/**
 * Draws when each request waited, and when the server had it.
 *
 * @param result What came of the requests.
 * @returns An SVG text.
 */
export function plotRequests({ requests, mostInFlight }: SemaphoreResult): string {
  const bars = (from: "asked" | "granted", to: "granted" | "answered"): Point[] =>
    requests.flatMap((request) => [[request[from], request.number], [request[to], request.number], null]);
  return renderPlot({
    title: `At most ${MOST} requests at once`,
    subtitle:
      `${requests.length} requests to a server that takes 150 to 450 ms for each; the most it had at once, by its own count: ${mostInFlight}`,
    panels: [{
      x: { name: "time (s)" },
      y: { name: "number of the request", max: requests.length, min: -1 },
      height: 420,
      series: [
        { name: "waits for a permit", color: COLOR.grey, width: 5, points: bars("asked", "granted") },
        {
          name: "holds one: the server has it",
          color: COLOR.blue,
          width: 5,
          points: bars("granted", "answered"),
        },
      ],
    }],
  });
}

async function demonstrate(screen: Screen, quick: boolean): Promise<Outcome> {
  const options = { permits: MOST, burst: quick ? 15 : 45, stragglers: quick ? 2 : 5 };
  const result = await limitRequests(screen, options);
  const waits = result.requests.map(({ waited }) => waited).filter((waited) => waited > 0);
  return {
    table: tableLines(
      [
        "requests",
        "permits at once",
        "after a wait",
        "mean wait",
        "longest wait",
        "most in flight, by the server",
      ],
      [[
        result.requests.length,
        result.immediate,
        result.waited,
        `${(waits.reduce((sum, wait) => sum + wait, 0) / Math.max(1, waits.length)).toFixed(0)} ms`,
        `${Math.max(0, ...waits).toFixed(0)} ms`,
        result.mostInFlight,
      ]],
    ),
    plots: { "semaphore.svg": plotRequests(result) },
    broken: brokenClaims(result, options),
  };
}

if (import.meta.main) {
  await runFromCommandLine({
    about: `A burst of requests to a slow server that shall have at most ${MOST} at once.`,
    run: demonstrate,
  });
}
