import type { Latency } from "../load/latencies.ts";
import type { Contestant } from "../servers/contestant.ts";

/** The version of {@linkcode Report}'s shape; one of another version cannot be compared with. */
export const REPORT_VERSION = 1;

/** One round of load on one server. */
export interface Round {
  /** Requests or messages a second. */
  readonly perSecond: number;
  /** Time of processors for each record, in microseconds. */
  readonly cpuPerRecord: number;
  /** Time of processors per time: 1 is one core. */
  readonly cores: number;
}

/** What was measured of one server. */
export interface ContestantReport {
  readonly name: Contestant["name"];
  readonly title: string;
  /** In the order of time: those of all servers with the same number were measured one after the other. */
  readonly rounds: readonly Round[];
  /** The most memory that was resident while it was measured, in bytes. */
  readonly peakResident: number;
  /** Latency of answers at half of what Penstock takes; round by round. Missing where the server cannot take that much. */
  readonly latency?: readonly Latency[];
  /** What went wrong; there are no figures then, or not all. */
  readonly error?: string;
}

/** What was measured in one case. */
export interface CaseReport {
  readonly name: string;
  readonly title: string;
  readonly transport: "http" | "websocket";
  readonly connections: number;
  /** In one request or message. */
  readonly records: number;
  /** Of one request or message. */
  readonly bytes: number;
  /** How many requests or messages a second were due while latency was measured. */
  readonly steadyPerSecond?: number;
  readonly contestants: readonly ContestantReport[];
}

/** What was measured with so many sources or connections. */
export interface GrowthReport {
  /** How many. */
  readonly count: number;
  readonly contestants: readonly ContestantReport[];
}

/** What a generator of load is capable of. */
export interface GeneratorReport {
  readonly name: "wrk" | "built-in";
  /** On the bare server; `cores` are the server's. */
  readonly rounds: readonly Round[];
}

/** Where and with what it was measured. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** In bytes. */
  readonly memory: number;
  readonly system: string;
  readonly deno: string;
  readonly v8: string;
}

/** All that one run of the benchmark has measured. */
export interface Report {
  readonly version: typeof REPORT_VERSION;
  /** When it began, as `2026-01-31T23:59:59.999Z`. */
  readonly date: string;
  /** Whether it was a short run, which decides nothing. */
  readonly quick: boolean;
  readonly machine: Machine;
  readonly rounds: number;
  /** Of each round. */
  readonly seconds: number;
  /** Which one put the load. */
  readonly generator: GeneratorReport["name"];
  /** What all those that are there are capable of. */
  readonly generators: readonly GeneratorReport[];
  readonly cases: readonly CaseReport[];
  /** By the number of sources, each request with 100 records to another one. */
  readonly sources: readonly GrowthReport[];
  /** By the number of connections, one record a request. */
  readonly connections: readonly GrowthReport[];
  /** Memory that is resident before anything was received, in bytes; one for each start. */
  readonly atRest: readonly number[];
  /** What was not measured, and why; a sentence each. */
  readonly absent: readonly string[];
  /** What went wrong, beside what peers made of it; a sentence each. */
  readonly errors: readonly string[];
}

/** What a soak has measured. */
export interface SoakReport {
  readonly version: typeof REPORT_VERSION;
  readonly date: string;
  readonly machine: Machine;
  readonly seconds: number;
  readonly records: number;
  /** Resident memory once a second, in bytes. */
  readonly resident: readonly number[];
}
