import type { AnswerFormat } from "./answer_format.ts";
import type { BodyReader, ReadFailure } from "./body_reader.ts";
import type { Batch } from "./batch.ts";
import type { Framing, FramingOptions } from "./framing.ts";
import type { ContentCoding } from "./content_coding.ts";
import { READ_FAILURE_REASON, SHUTTING_DOWN } from "./ingest_answer.ts";
import type { Framer } from "./media_type.ts";
import type { MemoryLease } from "./memory_lease.ts";
import type { ReadDeadlines } from "./read_deadlines.ts";
import { answerRefusal, answerUnread, type Refusal } from "./refusal.ts";
import type { Source } from "./source.ts";

/** Limits of every request. */
export interface IngestLimits {
  /** The most bytes of a body, without its content coding too. */
  readonly body: number;
  /** The most bytes of a record. */
  readonly record: number;
  /** How long a body, or a piece of a stream, may take to arrive, in milliseconds. */
  readonly bodyTimeout: number;
}

/** What all requests are ingested with. */
export interface IngestContext {
  readonly limits: IngestLimits;
  readonly deadlines: ReadDeadlines;
}

/** Memory that is booked while something is made. */
export type WorkingMemory = Pick<MemoryLease, "tryResize">;

/** Makes another form of the records of a body, which takes memory beside the body. */
export interface Conversion {
  /** How much memory that mostly takes, as a multiple of the body. */
  readonly growth: number;
  /**
   * Makes the other form.
   *
   * @param batch The records as they came; only read.
   * @param memory Where all memory is booked that is taken, and in the end that of the result.
   * @returns The records in memory of their own, or what is wrong with them; or that there is no memory.
   */
  readonly convert: (batch: Batch, memory: WorkingMemory) => Framing | "overloaded";
}

/** A request whose head was understood. */
export interface IngestRequest {
  readonly request: Request;
  readonly source: Source;
  readonly framer: Framer;
  /** What is done with its records before they are offered. @default nothing */
  readonly conversion?: Conversion | undefined;
  readonly coding: ContentCoding | "identity";
  /** Length of the body as it is sent, where the agent told it. */
  readonly length: number | undefined;
  /** How its answer is written. */
  readonly answers: AnswerFormat;
}

/**
 * @param source Where records are to go.
 * @param record The most bytes of one.
 * @returns What they are framed with: more of them than the whole buffer holds are refused before memory is taken for them.
 */
export function framingLimits(source: Source, record: number): FramingOptions {
  return { record, records: source.buffer.capacity.records };
}

/**
 * Makes a lease hold so many bytes, waiting for them where the source's policy is to wait; nothing is read meanwhile.
 *
 * @param ingest The request that the lease is for.
 * @param lease The lease.
 * @param bytes How many bytes it shall hold.
 * @returns Why it does not, if it does not.
 */
export async function reserve(
  { source, request }: IngestRequest,
  lease: MemoryLease,
  bytes: number,
): Promise<ReadFailure | undefined> {
  if (lease.tryResize(bytes)) return undefined;
  if (source.policy.name !== "block") return "overloaded";
  const missing = bytes - lease.bytes;
  const options = { timeout: source.config.blockTimeout, signal: request.signal };
  switch (await source.memory.reserve(missing, options)) {
    case "ok":
      lease.take(missing);
      return undefined;
    case "aborted":
      return "aborted";
    case "closed":
      return "shutting_down";
    case "timeout":
    case "crowded":
      return "overloaded";
  }
}

/**
 * Refuses a request whose body was not read, or not to its end.
 *
 * @param ingest The request.
 * @param failure Why it was not read.
 * @param options The limits, the reader of the body where it was begun to be read, and more to be told.
 * @returns The answer.
 */
export function refuseUnread(
  ingest: IngestRequest,
  failure: ReadFailure,
  { limits, reader, details }: {
    readonly limits: IngestLimits;
    readonly reader?: BodyReader | undefined;
    readonly details?: Readonly<Record<string, unknown>>;
  },
): Response {
  const { source, request, answers } = ingest;
  source.ledger.refuse(READ_FAILURE_REASON[failure]);
  const refusal = readRefusal(ingest, failure, limits);
  const detailed = { ...refusal, details: { ...refusal.details, ...details } };
  // Of a body that broke off there is nothing left to read.
  return failure === "aborted"
    ? answerRefusal(detailed, answers)
    : answerUnread(detailed, request, reader, answers);
}

/**
 * @param ingest The request.
 * @param failure Why its body could not be read or decoded.
 * @param limits The limits.
 * @returns The refusal that says so.
 */
export function readRefusal(
  { length, source }: IngestRequest,
  failure: ReadFailure,
  { body: limit, bodyTimeout }: IngestLimits,
): Refusal {
  switch (failure) {
    case "too_large": {
      const size = length !== undefined && length > limit ? `of ${length} bytes ` : "";
      const message = `body ${size}is larger than the limit of ${limit} bytes`;
      return { status: 413, code: failure, message, details: { limit } };
    }
    case "overloaded":
      return {
        status: 503,
        code: failure,
        message: `no memory is left for source '${source.name}', try again`,
      };
    case "timeout":
      return { status: 408, code: failure, message: `body did not arrive within ${bodyTimeout} ms` };
    case "aborted":
      return { status: 400, code: "incomplete_body", message: "body broke off before its end" };
    case "shutting_down":
      return SHUTTING_DOWN;
  }
}
