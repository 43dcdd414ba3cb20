import { cpuSeconds } from "../../tests/e2e/process_files.ts";
import type { Latency } from "../load/latencies.ts";
import { type Generator, putLoad, putSteadyLoad, putWebSocketLoad } from "../load/put_load.ts";
import type { Round } from "../report/report.ts";
import type { Contender } from "../servers/contestant.ts";
import type { BenchCase } from "./bench_case.ts";

/** How rounds are measured. */
export interface RoundOptions {
  readonly generator: Generator;
  /** How long each takes. */
  readonly seconds: number;
  /** Where requests go to, one after the other, in place of where those of the case do. */
  readonly urls?: readonly string[];
}

/** What one load on one server brought about. */
export interface Load {
  /** Requests or messages that were sent and answered or read. */
  readonly sent: number;
  readonly seconds: number;
  readonly latency?: Latency;
}

/**
 * Puts load on a server once, in a closed loop.
 *
 * @param contender The server.
 * @param benchCase What is sent.
 * @param options How.
 * @returns What was measured, and how much was sent.
 * @throws {Error} If a request failed.
 */
export async function measureRound(
  contender: Contender,
  benchCase: BenchCase,
  options: RoundOptions,
): Promise<{ round: Round; sent: number }> {
  const before = cpuSeconds(contender.pid);
  const { sent, seconds, perSecond } = await putClosed(contender, benchCase, options);
  const cpu = cpuSeconds(contender.pid) - before;
  const round = {
    perSecond,
    cpuPerRecord: cpu / (sent * benchCase.records) * 1e6,
    cores: cpu / seconds,
  };
  return { round, sent };
}

async function putClosed(
  contender: Contender,
  benchCase: BenchCase,
  options: RoundOptions,
): Promise<Load & { readonly perSecond: number }> {
  const { generator, seconds, urls } = options;
  const url = urls ?? contender.url;
  const { connections, body } = benchCase;
  if (benchCase.transport === "websocket") {
    const load = { url: contender.url, message: body, kind: benchCase.kind, connections, seconds };
    const { messages: sent, ...rest } = await putWebSocketLoad(load);
    return { sent, perSecond: sent / rest.seconds, ...rest };
  }
  const { contentType = benchCase.contentType } = contender;
  const result = await putLoad(generator, { url, connections, seconds, body, contentType });
  if (result.failed > 0) throw new Error(`${result.failed} of ${result.requests} requests failed`);
  return { sent: result.requests, seconds: result.seconds, perSecond: result.perSecond };
}

/**
 * Sends at a steady rate once, in an open loop.
 *
 * @param contender The server.
 * @param benchCase What is sent.
 * @param perSecond How many requests or messages are due each second.
 * @param seconds For how long.
 * @returns What came of it, with the latency of the answers.
 * @throws {Error} If a request failed.
 */
export async function measureLatency(
  contender: Contender,
  benchCase: BenchCase,
  perSecond: number,
  seconds: number,
): Promise<Load & { latency: Latency }> {
  const url = contender.url;
  const { connections, body } = benchCase;
  if (benchCase.transport === "websocket") {
    const { kind } = benchCase;
    const load = { url, message: body, kind, connections, seconds, perSecond };
    const { messages: sent, ...rest } = await putWebSocketLoad(load);
    return withLatency({ sent, ...rest });
  }
  const { contentType = benchCase.contentType } = contender;
  const load = { url, connections, seconds, body, contentType };
  const { requests: sent, failed, ...rest } = await putSteadyLoad(load, perSecond);
  if (failed > 0) throw new Error(`${failed} of ${sent} requests failed`);
  return withLatency({ sent, ...rest });
}

function withLatency(load: Load): Load & { latency: Latency } {
  const { latency } = load;
  if (latency === undefined) throw new Error("the load generator told no latency");
  return { ...load, latency };
}
