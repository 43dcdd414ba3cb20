import { type BodyReader, type ReadFailure, readPieces } from "./body_reader.ts";
import { decodeStream } from "./content_coding.ts";
import { answerCounts, countsOf, framingRefusal, notWritten, rejectionRefusal } from "./ingest_answer.ts";
import { type IngestContext, type IngestRequest, refuseUnread, reserve } from "./ingest_request.ts";
import { MemoryLease } from "./memory_lease.ts";
import { ingestStream, type StreamFailure, type StreamTotals } from "./ndjson_stream.ts";
import { answerRefusal, answerUnread, type Refusal } from "./refusal.ts";

/** A request whose body is a stream, in a coding that can be taken off piece by piece. */
export type StreamedRequest = IngestRequest & { readonly coding: "identity" | "gzip" | "deflate" };

/**
 * Ingests an NDJSON body of unknown length as it arrives.
 *
 * @param ingest The request.
 * @param context The limits.
 * @returns The answer, when the stream has ended; it never rejects because of what an agent sends.
 */
export async function streamRequest(ingest: StreamedRequest, context: IngestContext): Promise<Response> {
  const { request, source, coding } = ingest;
  const { limits, deadlines } = context;
  const totals: StreamTotals = { accepted: 0, dropped: 0, evicted: 0, lost: false };
  const reader = request.body?.getReader();
  using lease = new MemoryLease(source.memory, 0);
  const consume = (pieces: AsyncIterable<Uint8Array | ReadFailure>) =>
    ingestStream(pieces, {
      source,
      producer: request,
      record: limits.record,
      lease,
      reserve: (lease, bytes) => reserve(ingest, lease, bytes),
    }, totals);
  const failure = coding === "identity"
    ? await consume(readPieces(reader, deadlines))
    : await consumeDecoded(coding, readPieces(reader, deadlines, false), consume);
  if (failure !== undefined) return refuseStream(ingest, failure, { totals, reader, context });
  return totals.lost ? answerRefusal(notWritten(source, totals)) : answerCounts(source, totals);
}

/** A stream that is not what its coding promises. */
interface CodingFailure {
  readonly kind: "coding";
  readonly reason: string;
}

async function consumeDecoded(
  coding: "gzip" | "deflate",
  pieces: AsyncIterable<Uint8Array | ReadFailure>,
  consume: (pieces: AsyncIterable<Uint8Array>) => Promise<StreamFailure | undefined>,
): Promise<StreamFailure | CodingFailure | undefined> {
  let unread: ReadFailure | undefined;
  const coded = async function* () {
    for await (const piece of pieces) {
      if (typeof piece === "string") {
        unread = piece;
        // To return would be an end, and what stands behind the last line feed so far would be taken for a record.
        throw new Error(`Cannot read on: ${piece}`);
      }
      yield piece;
    }
  };
  let failure: StreamFailure | undefined;
  const stopped = Promise.withResolvers<void>();
  const decoding = decodeStream(coding, coded(), async (decoded) => {
    failure = await consume(decoded);
    if (failure !== undefined) stopped.resolve();
  });
  try {
    // Where the records failed, the next piece is not waited for: it may be long in coming.
    await Promise.race([decoding, stopped.promise]);
  } catch (error) {
    // When the records or the reading failed, the decoder fails because of that.
    if (unread === undefined && failure === undefined) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: "coding", reason: `body is not valid ${coding}: ${reason}` };
    }
  }
  return unread === undefined ? failure : { kind: "read", failure: unread };
}

function refuseStream(
  ingest: IngestRequest,
  failure: StreamFailure | CodingFailure,
  { totals, reader, context: { limits } }: {
    readonly totals: StreamTotals;
    readonly reader: BodyReader | undefined;
    readonly context: IngestContext;
  },
): Response {
  const { source, request } = ingest;
  const details = countsOf(totals);
  const unread = (refusal: Refusal) =>
    answerUnread({ ...refusal, details: { ...refusal.details, ...details } }, request, reader);
  switch (failure.kind) {
    case "coding":
      source.ledger.refuse("invalid_record");
      return unread({ status: 400, code: "invalid_encoding", message: failure.reason });
    case "framing":
      source.ledger.refuse(failure.failure.code);
      return unread(framingRefusal(source, failure.failure));
    case "rejected":
      return unread(rejectionRefusal(source, failure));
    case "read":
      return refuseUnread(ingest, failure.failure, { limits, reader, details });
  }
}
