import { decodeBody, readBody, type ReadFailure, readPieces } from "./body_reader.ts";
import { type ContentCoding, decodeStream } from "./content_coding.ts";
import { frameNdjson } from "./framing.ts";
import type { RefusalReason } from "./ledger.ts";
import type { Framer } from "./media_type.ts";
import { freeMemory } from "./memory.ts";
import { MemoryLease } from "./memory_lease.ts";
import { ingestStream, type StreamFailure, type StreamTotals } from "./ndjson_stream.ts";
import { ReadDeadlines } from "./read_deadlines.ts";
import type { FramingFailure } from "./record_locator.ts";
import { answerRefusal, answerUnread, type Refusal } from "./refusal.ts";
import type { Source } from "./source.ts";
import type { Accepted, Rejected } from "../policies/mod.ts";

/** Limits of {@linkcode Ingest}. */
export interface IngestLimits {
  /** The most bytes of a body, without its content coding too. */
  readonly body: number;
  /** The most bytes of a record. */
  readonly record: number;
  /** How long a body, or a piece of a stream, may take to arrive, in milliseconds. */
  readonly bodyTimeout: number;
}

/** A request whose head was understood. */
export interface IngestRequest {
  readonly request: Request;
  readonly source: Source;
  readonly framer: Framer;
  readonly coding: ContentCoding | "identity";
  /** Length of the body as it is sent, where the agent told it. */
  readonly length: number | undefined;
}

/**
 * Brings the records of HTTP requests into sources: reserve memory, read, take the coding off, frame, offer, answer.
 * What a request may not have is refused at the earliest of these steps, and the answer says what would be right.
 */
export class Ingest {
  readonly #limits: IngestLimits;
  readonly #deadlines: ReadDeadlines;

  /** @param limits The limits of one request. */
  constructor(limits: IngestLimits) {
    this.#limits = limits;
    this.#deadlines = new ReadDeadlines(limits.bodyTimeout);
  }

  /** Gives up on every body that is still being read. */
  close(): void {
    this.#deadlines.close();
  }

  /**
   * Ingests the body of one request.
   *
   * @param ingest The request.
   * @returns The answer; it never rejects because of what an agent sends.
   */
  async handle(ingest: IngestRequest): Promise<Response> {
    const { request, source, framer, coding, length } = ingest;
    if (length === undefined && framer === frameNdjson) return await this.#stream(ingest);
    const { body: limit, record } = this.#limits;
    if (length !== undefined && length > limit) return this.#unread(ingest, "too_large");
    using lease = new MemoryLease(source.memory, 0);
    if (length !== undefined && length > 0) {
      const failure = lease.tryResize(length) ? undefined : await reserve(ingest, lease, length);
      if (failure !== undefined) return this.#unread(ingest, failure);
    }
    const read = await readBody(request, { length, limit, lease, deadlines: this.#deadlines });
    if (!read.ok) return this.#unread(ingest, read.failure);
    let body: Uint8Array = read.body;
    if (coding !== "identity") {
      const decoded = await decodeBody(coding, read.body, { limit, lease });
      if (!decoded.ok) {
        return decoded.failure === "invalid_encoding"
          ? refuse(source, "invalid_record", { status: 400, code: decoded.failure, message: decoded.reason })
          : refuse(source, LEDGER_REASON[decoded.failure], this.#readRefusal(ingest, decoded.failure));
      }
      body = decoded.body;
    }
    const framing = framer(body, { record });
    if (!framing.ok) return refuseFraming(source, framing);
    const { batch } = framing;
    if (batch.data.length > lease.bytes && !lease.tryResize(batch.data.length)) {
      return refuse(source, "overloaded", this.#readRefusal(ingest, "overloaded"));
    }
    const admission = await source.offer({ ...batch, owned: true }, lease, request);
    if ("rejected" in admission) return answerRefusal(rejection(ingest, admission));
    // A batch of one record may have been kept as it is; any other was copied or discarded.
    if (batch.ends.length > 1 || admission.accepted.records === 0) freeMemory(body);
    return await answerAccepted(source, admission);
  }

  async #stream(ingest: IngestRequest): Promise<Response> {
    const { request, source, coding } = ingest;
    const totals: StreamTotals = { accepted: 0, dropped: 0, evicted: 0, lost: false };
    using lease = new MemoryLease(source.memory, 0);
    const run = (pieces: AsyncIterable<Uint8Array | ReadFailure>) =>
      ingestStream(pieces, {
        source,
        producer: request,
        record: this.#limits.record,
        lease,
        reserve: (lease, bytes) =>
          lease.tryResize(bytes) ? Promise.resolve(undefined) : reserve(ingest, lease, bytes),
      }, totals);
    let failure: StreamFailure | undefined;
    if (coding === "identity") failure = await run(readPieces(request, this.#deadlines));
    else if (coding === "gzip" || coding === "deflate") {
      let ended: ReadFailure | undefined;
      const pieces = readPieces(request, this.#deadlines, false);
      const coded = async function* () {
        for await (const piece of pieces) {
          if (typeof piece === "string") {
            ended = piece;
            return;
          }
          yield piece;
        }
      };
      try {
        await decodeStream(coding, coded(), async (decoded) => {
          failure = await run(decoded);
        });
      } catch (error) {
        if (ended === undefined && failure === undefined) {
          source.ledger.refuse("invalid_record");
          const reason = error instanceof Error ? error.message : String(error);
          const message = `body is not valid ${coding}: ${reason}`;
          return answerUnread(
            { status: 400, code: "invalid_encoding", message, details: counts(totals) },
            request,
          );
        }
      }
      if (ended !== undefined) failure = { kind: "read", failure: ended };
    } else return await this.#collect(ingest);
    if (failure === undefined) {
      return totals.lost
        ? answerRefusal(notWritten(source, counts(totals)))
        : answerCounts(totals, source.config.ack === "buffered" ? 202 : 200);
    }
    return this.#refuseStream(ingest, failure, totals);
  }

  /** A stream in a coding that can only be taken off as a whole. */
  async #collect(ingest: IngestRequest): Promise<Response> {
    return await this.handle({ ...ingest, framer: (body, options) => frameNdjson(body, options) });
  }

  #refuseStream(ingest: IngestRequest, failure: StreamFailure, totals: StreamTotals): Response {
    const { source, request } = ingest;
    const details = counts(totals);
    const unread = (refusal: Refusal) =>
      answerUnread({ ...refusal, details: { ...refusal.details, ...details } }, request);
    switch (failure.kind) {
      case "framing":
        source.ledger.refuse(failure.failure.code);
        return unread(framingRefusal(failure.failure));
      case "rejected":
        return unread(rejection(ingest, failure));
      case "read":
        source.ledger.refuse(LEDGER_REASON[failure.failure]);
        return unread(this.#readRefusal(ingest, failure.failure));
    }
  }

  #unread(ingest: IngestRequest, failure: ReadFailure): Response {
    ingest.source.ledger.refuse(LEDGER_REASON[failure]);
    return answerUnread(this.#readRefusal(ingest, failure), ingest.request);
  }

  #readRefusal({ length, source }: IngestRequest, failure: ReadFailure): Refusal {
    const { body: limit, bodyTimeout } = this.#limits;
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
}

/** What every request gets while the daemon shuts down. */
export const SHUTTING_DOWN: Refusal = {
  status: 503,
  code: "shutting_down",
  message: "the collector is shutting down, try again",
};

const LEDGER_REASON: Record<ReadFailure, RefusalReason> = {
  too_large: "too_large",
  overloaded: "overloaded",
  timeout: "timeout",
  aborted: "aborted",
  shutting_down: "shutting_down",
};

/** Waits for memory where the policy is to wait; the body is not read meanwhile. Says why there is none in the end. */
async function reserve(
  { source, request }: IngestRequest,
  lease: MemoryLease,
  bytes: number,
): Promise<ReadFailure | undefined> {
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

function refuse(source: Source, reason: RefusalReason, refusal: Refusal): Response {
  source.ledger.refuse(reason);
  return answerRefusal(refusal);
}

function refuseFraming(source: Source, failure: FramingFailure): Response {
  return refuse(source, failure.code, framingRefusal(failure));
}

function framingRefusal({ code, record, offset, reason, limit }: FramingFailure): Refusal {
  const message = `record ${record}, byte ${offset}: ${reason}`;
  return code === "too_large"
    ? { status: 413, code, message, details: { record, offset, limit } }
    : { status: 400, code, message, details: { record, offset } };
}

function rejection({ source }: IngestRequest, { rejected }: Rejected): Refusal {
  const { records, bytes } = source.buffer.capacity;
  switch (rejected) {
    case "too_large": {
      const limit = { records, bytes };
      const message = `batch is larger than the whole buffer of source '${source.name}': ` +
        `at most ${records} records and ${bytes} bytes`;
      return { status: 413, code: "too_large", message, details: { limit } };
    }
    case "overloaded": {
      const waited = source.policy.name === "block" ? ` for ${source.config.blockTimeout} ms` : "";
      const message = `buffer of source '${source.name}' was full${waited}, try again`;
      return { status: 503, code: "overloaded", message };
    }
    case "closed":
      return SHUTTING_DOWN;
    case "aborted":
      return { status: 503, code: "overloaded", message: "the agent went away while it waited" };
  }
}

async function answerAccepted(source: Source, admission: Accepted): Promise<Response> {
  const { accepted, dropped, evicted, position } = admission;
  const totals = { accepted: accepted.records, dropped: dropped.records, evicted: evicted.records };
  if (source.config.ack === "buffered") return answerCounts(totals, 202);
  if (accepted.records > 0 && await source.settled(position, accepted.records) === "lost") {
    return answerRefusal(notWritten(source, totals));
  }
  return answerCounts(totals, 200);
}

function notWritten(source: Source, details: Record<string, number>): Refusal {
  const message = `records of source '${source.name}' could not be written, send them again`;
  return { status: 503, code: "not_written", message, details };
}

function counts({ accepted, dropped, evicted }: Omit<StreamTotals, "lost">): Record<string, number> {
  return { accepted, dropped, evicted };
}

const JSON_HEADERS = { "Content-Type": "application/json" };

function answerCounts({ accepted, dropped, evicted }: Omit<StreamTotals, "lost">, status: number): Response {
  const body = `{"accepted":${accepted},"dropped":${dropped},"evicted":${evicted}}\n`;
  return new Response(body, { status, headers: JSON_HEADERS });
}
